"""The options of copies: how much is under way, and how files are written."""

from dataclasses import dataclass
from typing import Annotated

from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class CopyOptions(Options):
    """Options for copies of files, to a server or to this machine."""

    transfers: Annotated[
        int,
        Option(
            "How many files are copied at once, at most.\n\nOf large files it is fewer: those under"
            " way are bounded by their bytes, too.",
            unit="files",
            minimum=1,
            maximum=4096,
            flag="--transfers",
            key=None,
        ),
    ] = 128


@dataclass(frozen=True, kw_only=True)
class TransferOptions(CopyOptions):
    """Options for transfers: those for copies, and for files that are written on this machine."""

    fsync: Annotated[
        bool,
        Option(
            "Wait until this machine's disk has what was written.\n\nWithout it the system writes"
            " it back in its own time, as with cp and rclone. A server always has a file on its"
            " disk before the file gets its name.",
            flag="--fsync",
            key=None,
        ),
    ] = False


DEFAULTS = TransferOptions()
