"""The options that say which files of a tree are copied."""

from collections.abc import Sequence
from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import FILTERS
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class FilterOptions(Options):
    """Options for the files that are copied, by rclone's patterns. The first match decides.

    Those of `include` come first, then those of `exclude`, then those of `filter_from`. With
    `files_from`, the others have no effect.
    """

    include: Annotated[
        Sequence[str],
        Option(
            "Copy only what matches a pattern, as *.jpg or /photos/**.",
            metavar="PATTERN",
            heading=FILTERS,
            flag="--include",
            key=None,
        ),
    ] = ()
    exclude: Annotated[
        Sequence[str],
        Option(
            "Leave out what matches a pattern, as *.tmp, cache/ or /build/**.",
            metavar="PATTERN",
            heading=FILTERS,
            flag="--exclude",
            key=None,
        ),
    ] = ()
    filter_from: Annotated[
        Sequence[str],
        Option(
            "Read rules from a file: a line is + PATTERN, - PATTERN, or ! to forget those before.",
            metavar="FILE",
            heading=FILTERS,
            flag="--filter-from",
            key=None,
        ),
    ] = ()
    files_from: Annotated[
        Sequence[str],
        Option(
            "Copy only the files that a file lists, a path on each line.",
            metavar="FILE",
            heading=FILTERS,
            flag="--files-from",
            key=None,
        ),
    ] = ()


NO_FILTERS = FilterOptions()
