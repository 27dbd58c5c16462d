"""The options of a mount: who owns its files, and who may see them."""

from typing import Annotated

from smbquic.lazy_dataclass import dataclass
from smbquic.options.kinds import Permissions
from smbquic.options.model import Option, Options

_LARGEST_ID = (1 << 32) - 2


@dataclass(frozen=True, kw_only=True)
class MountOptions(Options):
    """Options of `smbquic mount`."""

    read_only: Annotated[
        bool, Option("Mount read-only; in `-o`, as ro.", flag="--read-only", key=None)
    ] = False
    allow_other: Annotated[
        bool,
        Option(
            "Let other users in, as far as the modes of the files allow it.\n\nAn ordinary user may"
            " say so only if /etc/fuse.conf has user_allow_other.",
            flag="--allow-other",
            key=None,
        ),
    ] = False
    uid: Annotated[
        int | None,
        Option(
            "The user id that owns all files.",
            maximum=_LARGEST_ID,
            metavar="UID",
            default="yours",
            flag="--uid",
            key=None,
        ),
    ] = None
    gid: Annotated[
        int | None,
        Option(
            "The group id of all files.",
            maximum=_LARGEST_ID,
            metavar="GID",
            default="yours",
            flag="--gid",
            key=None,
        ),
    ] = None
    file_mode: Annotated[
        int,
        Option(
            "The mode of files, in octal digits.",
            kind=Permissions(),
            metavar="MODE",
            default="644",
            flag="--file-mode",
            key=None,
        ),
    ] = 0o644
    dir_mode: Annotated[
        int,
        Option(
            "The mode of folders, in octal digits.",
            kind=Permissions(),
            metavar="MODE",
            default="755",
            flag="--dir-mode",
            key=None,
        ),
    ] = 0o755
