"""The options of copies: how much is under way, how fast, and how files are written."""

from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import Rate
from smbquic.options.model import Option, Options


@dataclass(frozen=True, kw_only=True)
class RateOptions(Options):
    """Options for the rate of a command's transfers."""

    bwlimit: Annotated[
        float | None,
        Option(
            "Transfer no more than so much in a second: 10M and 512k are MiB and KiB, a number"
            " alone is in KiB.",
            kind=Rate(),
            metavar="RATE",
            flag="--bwlimit",
            key=None,
        ),
    ] = None


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
    ] = 256


@dataclass(frozen=True, kw_only=True)
class WriteOptions(CopyOptions):
    """Options for the file that a transfer writes."""

    resume: Annotated[
        bool,
        Option(
            "Leave a part of a large file when the transfer is interrupted, and continue with what"
            " an earlier attempt has left.\n\nWhat is there is compared with the source in places."
            " Files of up to 16 MiB start again.",
            flag="--resume",
            key=None,
        ),
    ] = False
    inplace: Annotated[
        bool,
        Option(
            "Write files under their own names, and not under temporary ones until they are whole.",
            flag="--inplace",
            key=None,
        ),
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resume and self.inplace:
            raise ValueError("resume and inplace exclude each other")


@dataclass(frozen=True, kw_only=True)
class TransferOptions(WriteOptions):
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
