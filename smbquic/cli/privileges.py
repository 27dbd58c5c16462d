"""Drops root's rights once the ports are bound and the keys are read."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ProcessAccount:
    """A user of this system that the process can change to, with the groups of the process then."""

    user: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "ProcessAccount":
        """Parse ``USER``, who has all of its groups, or ``USER:GROUP``, who has only that one.

        Raises ValueError, also if this process may not change to that user.
        """
        if sys.platform == "win32":
            raise ValueError("this does not exist on Windows: use a service account")
        import grp
        import pwd

        name, colon, group = text.partition(":")
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            raise ValueError(f"there is no user {name!r}: add it, or use another") from None
        try:
            gid = grp.getgrnam(group).gr_gid if colon else user.pw_gid
        except KeyError:
            raise ValueError(f"there is no group {group!r}: add it, or use another") from None
        if os.geteuid() not in (0, user.pw_uid):
            raise ValueError(f"only root can change to {name}: start as root, or leave this out")
        groups = (gid,) if colon else tuple(os.getgrouplist(name, gid))
        return cls(name, user.pw_uid, gid, groups)

    def become(self) -> None:
        """Change to this user permanently, and drop all other rights. Raises `OSError`."""
        if sys.platform == "win32" or os.geteuid() != 0:
            return
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Have only the rights of this user inside the ``with``."""
        if sys.platform == "win32" or os.geteuid() != 0:
            yield
            return
        groups, gid = os.getgroups(), os.getegid()
        try:
            os.setgroups(self.groups)
            os.setegid(self.gid)
            os.seteuid(self.uid)
            yield
        finally:
            os.seteuid(0)
            os.setegid(gid)
            os.setgroups(groups)


def only_roots(folder: Path) -> bool:
    """Return whether only root can change which file a name in this folder refers to.

    In a folder with the sticky bit others may make entries, but not replace those of root. For a
    path with symbolic links the result is False.
    """
    given, folder = Path(os.path.abspath(folder)), folder.resolve()  # noqa: PTH100 (with links)
    if given != folder:
        return False
    for each in (folder, *folder.parents):
        found = each.stat()
        shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if found.st_uid != 0 or (shared and (each == folder or not found.st_mode & stat.S_ISVTX)):
            return False
    return True


def is_root() -> bool:
    """Return whether this process runs as root."""
    return sys.platform != "win32" and os.geteuid() == 0


def unreadable(paths: Iterable[Path]) -> list[Path]:
    """Return the files that this process cannot read."""
    return [path for path in paths if not os.access(path, os.R_OK)]
