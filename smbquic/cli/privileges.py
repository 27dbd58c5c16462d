"""Root's rights: given up once the ports are bound and the keys are read."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessAccount:
    """A user of this system to go on as, with the groups that count from then on."""

    user: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "ProcessAccount":
        """``USER``, with all of its groups, or ``USER:GROUP``, with that one alone.

        Raises ValueError, also where this program may not become that user.
        """
        if sys.platform == "win32":
            raise ValueError("there is no such thing on Windows: have a service account run it")
        import grp
        import pwd

        name, colon, group = text.partition(":")
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            raise ValueError(f"there is no user {name!r}: make one, or name another") from None
        try:
            gid = grp.getgrnam(group).gr_gid if colon else user.pw_gid
        except KeyError:
            raise ValueError(f"there is no group {group!r}: make one, or name another") from None
        if os.geteuid() not in (0, user.pw_uid):
            raise ValueError(f"only root can become {name}: begin as root, or leave this out")
        groups = (gid,) if colon else tuple(os.getgrouplist(name, gid))
        return cls(name, user.pw_uid, gid, groups)

    def become(self) -> None:
        """Give up everything else, for good. Raises `OSError`."""
        if sys.platform == "win32" or os.geteuid() != 0:
            return
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)

    @contextlib.contextmanager
    def acting(self) -> Iterator[None]:
        """Have no more rights than this user, for a while."""
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
    """Whether nobody but root can change what a path to this folder, and a name in it, leads to.

    Others may make entries in a folder with the sticky bit, but not replace those of root. A path
    with symbolic links is not looked into.
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
    """Whether this program may do everything."""
    return sys.platform != "win32" and os.geteuid() == 0


def unreadable(paths: Iterable[Path]) -> list[Path]:
    """Those files that cannot be read, now."""
    return [path for path in paths if not os.access(path, os.R_OK)]
