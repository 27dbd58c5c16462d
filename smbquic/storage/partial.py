"""Temporary names of files that are not whole yet.

Whoever copies a whole file with this package writes it under a temporary name beside the real one,
and keeps it open until it takes the real one or is deleted. So a file of such a name that no
program has open will never be whole: its writer was killed, or the server that had it open.

A transfer that is to be resumed leaves a file of another kind of name, which nobody but the next
attempt removes.
"""

import fcntl
import hashlib
import os
import re
import secrets
import signal
import stat
from contextlib import suppress
from typing import Final

PREFIX: Final = ".smbquic-"
_NAME: Final = re.compile(r"\.smbquic-[0-9a-f]{16}\.part")
_RESUMABLE: Final = re.compile(r"\.smbquic-[0-9a-f]{16}-[0-9a-f]{16}\.resume")
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_SET_LEASE: Final[int | None] = getattr(fcntl, "F_SETLEASE", None)
USE_IS_KNOWN: Final = _SET_LEASE is not None
"""Whether this system reports if a program has a file open. Only Linux does."""


def temporary_name() -> str:
    """Return a new temporary name, which is short enough to fit beside any name."""
    return f"{PREFIX}{secrets.token_hex(8)}.part"


def temporary_name_for(target: str) -> str:
    """Return the temporary name that follows from that of the file which is to be written.

    So whoever writes the same file next finds what a killed process has left.
    """
    return f"{PREFIX}{_digest(os.fsencode(target))}.part"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def resumable_pattern(target: str) -> str:
    """Return the pattern of the names that `resumable_name` gives for a target."""
    return f"{PREFIX}{_digest(os.fsencode(target))}-*.resume"


def resumable_name(target: str, source: tuple[object, ...]) -> str:
    """Return the name of the part of a file that a later attempt resumes.

    It follows from the target's name and from what the source is, such as its size and times: what
    was copied of another source, or of an earlier state of it, is not found.
    """
    return resumable_pattern(target).replace("*", _digest(repr(source).encode()))


def is_temporary_name(component: str) -> bool:
    """Return whether the last component of a name is a temporary name."""
    return _NAME.fullmatch(component) is not None


def is_unfinished(component: str) -> bool:
    """Return whether a file of that name is a part of another, to be resumed or not."""
    return is_temporary_name(component) or _RESUMABLE.fullmatch(component) is not None


def remove_unused(name: str | os.PathLike[str], *, folder: int | None = None) -> bool:
    """Remove a regular file that no program has open; true if it was one.

    `folder` is the descriptor of the folder that `name` is relative to. False where the system
    does not report who uses a file: on other people's files, on most network file systems, and
    everywhere but on Linux.
    """
    with suppress(OSError):
        fd = os.open(name, _FILE, dir_fd=folder)
        try:
            if stat.S_ISREG(os.fstat(fd).st_mode) and _is_unused(fd):
                os.unlink(name, dir_fd=folder)
                return True
        finally:
            os.close(fd)
    return False


def _is_unused(fd: int) -> bool:
    """Return whether no program has a file open, except this one as `fd`.

    The kernel grants a lease to write only then; it lasts until the file is closed.
    """
    if _SET_LEASE is None:
        return False
    try:
        # A signal reports who opens the file meanwhile. The usual one would end the program.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, _SET_LEASE, fcntl.F_WRLCK)
    except OSError:
        return False
    return True
