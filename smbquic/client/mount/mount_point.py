"""The folder that a share is mounted on."""

import os
import sys
from pathlib import Path

from smbquic.errors import MountError

DEVICE = Path("/dev/fuse")


def check_device() -> None:
    """Raise `MountError` if this machine has no FUSE, or not for this user."""
    if sys.platform == "win32":
        raise MountError("Windows has no FUSE, but a client of its own: net use X: \\\\HOST\\SHARE")
    if not sys.platform.startswith("linux"):
        return
    if not DEVICE.exists():
        raise MountError(
            f"{DEVICE} is missing: run modprobe fuse as root; a container has to be given the"
            " device, as by docker run --device /dev/fuse --cap-add SYS_ADMIN"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise MountError(f"{DEVICE} may not be opened by this user: ask an administrator for it")


def check_mount_point(folder: Path) -> None:
    """Raise `MountError` for anything but an empty folder that nothing is mounted on."""
    try:
        mounted = folder.is_mount()
        empty = not any(folder.iterdir())
    except FileNotFoundError:
        raise MountError(
            f"{folder} does not exist: make the folder first, mkdir {folder}"
        ) from None
    except NotADirectoryError:
        raise MountError(f"{folder} is no folder: a share is mounted on an empty one") from None
    except OSError as error:
        # What a mount leaves whose program was killed: ENOTCONN, "transport endpoint is not
        # connected".
        raise MountError(
            f"{folder}: {error.strerror}; if a mount was left there, run umount {folder}, or"
            f" fusermount3 -u {folder}"
        ) from error
    if mounted:
        raise MountError(f"something is mounted on {folder} already: run umount {folder} first")
    if not empty:
        raise MountError(f"{folder} is not empty, and the mount would hide what is in it")
