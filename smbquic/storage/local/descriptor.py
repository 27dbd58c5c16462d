"""File descriptors that can't be mistaken, and the few system calls that Python leaves out."""

import ctypes
import errno
import fcntl
import os
import stat
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

_WALK: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_LIST: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_RDONLY

# Linux' statx: where to look from, how, for what, and where the answer stands.
_HERE: Final = -100
_NOT_A_LINK: Final = 0x100
_THE_DESCRIPTOR: Final = 0x1000
_BIRTH: Final = 0x800
_STATX_SIZE: Final = 256
_MASK: Final = struct.Struct("<I")
_BIRTH_TIME: Final = struct.Struct("<qI")
_BIRTH_TIME_OFFSET: Final = 80


class SharedDescriptor:
    """A file descriptor that several threads use at once.

    ``with descriptor as fd`` keeps it open until the block ends, whoever closes it meanwhile: the
    number is never handed out again while somebody still works with it.
    """

    __slots__ = ("_close", "_closed", "_fd", "_lock", "_then", "_users")

    def __init__(
        self,
        fd: int,
        then: Callable[[], None] | None = None,
        close: Callable[[int], None] = os.close,
    ) -> None:
        """Take over a descriptor; `then` is called once `close` has been."""
        self._fd = fd
        self._close = close
        self._then = then
        self._users = 1
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> int:
        with self._lock:
            if self._closed:
                raise OSError(errno.EBADF, "the file is closed")
            self._users += 1
            return self._fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()

    @property
    def closed(self) -> bool:
        """Whether its owner has closed it."""
        return self._closed

    def close(self) -> None:
        """Close it, at once or when its last user has finished. Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._release()

    def _release(self) -> None:
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._close(self._fd)
            if self._then is not None:
                self._then()


def walk_into(raw: bytes, directory: int) -> int:
    """Open a folder in `directory` to open something in it; it need not be listable."""
    return os.open(raw, _WALK, dir_fd=directory)


def open_directory(raw: bytes, directory: int) -> int:
    """Open a folder in `directory` to list or synchronise it."""
    return os.open(raw, _LIST, dir_fd=directory)


def check_access(raw: bytes, mode: int, directory: int) -> None:
    """Raise `OSError` (EROFS or EACCES) unless this program may use an entry of a folder so.

    `mode` is as for `os.access`.
    """
    # By default the kernel checks the rights of the real user, who need not be the one that acts.
    effective = os.access in os.supports_effective_ids
    if os.access(raw, mode, dir_fd=directory, effective_ids=effective):
        return
    read_only = mode & os.W_OK and os.fstatvfs(directory).f_flag & os.ST_RDONLY
    code = errno.EROFS if read_only else errno.EACCES
    raise OSError(code, os.strerror(code), raw)


def check_removal(folder: int, entry: os.stat_result) -> None:
    """Raise `OSError` unless this program may remove an entry of a folder: EROFS, EACCES, EPERM."""
    check_access(b".", os.W_OK | os.X_OK, folder)
    status, user = os.fstat(folder), os.geteuid()
    if status.st_mode & stat.S_ISVTX and user not in (0, status.st_uid, entry.st_uid):
        # As in /tmp: all users may make files, and each may remove their own.
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def synchronise(fd: int) -> None:
    """Return once what `fd` stands for would survive a crash and a loss of power."""
    # macOS' fsync leaves it in the drive's cache.
    full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    try:
        if full is None:
            os.fsync(fd)
        else:
            fcntl.fcntl(fd, full)
    except OSError as error:
        # EINVAL is a disk's way to say that there is nothing to do, for folders on some networks.
        if error.errno != errno.EINVAL:
            raise


def birth_time(file: int | bytes) -> int | None:
    """Return when a file was made, in nanoseconds since 1970; None if the system does not know.

    By descriptor, or by a path whose last part is not followed.
    """
    if _STATX is None:
        return None
    answer = ctypes.create_string_buffer(_STATX_SIZE)
    if isinstance(file, int):
        failed = _STATX(file, b"", _THE_DESCRIPTOR, _BIRTH, answer)
    else:
        failed = _STATX(_HERE, file, _NOT_A_LINK, _BIRTH, answer)
    (mask,) = _MASK.unpack_from(answer)
    if failed or not mask & _BIRTH:
        return None
    seconds, nanoseconds = _BIRTH_TIME.unpack_from(answer, _BIRTH_TIME_OFFSET)
    # 0 is what a disk says that is older than birth times.
    return int(seconds) * 1_000_000_000 + int(nanoseconds) or None


def rename_exclusive(old: bytes, new: bytes, old_directory: int, new_directory: int) -> None:
    """Rename, but never onto something; FileExistsError then."""
    if _RENAME is not None:
        function, flag = _RENAME
        if function(old_directory, old, new_directory, new, flag) == 0:
            return
        code = ctypes.get_errno()
        # EINVAL may also be a folder moved into itself; the second try shows which.
        if code not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), new)
    try:
        os.stat(new, dir_fd=new_directory, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=old_directory, dst_dir_fd=new_directory)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)


_Rename = Callable[[int, bytes, int, bytes, int], int]


def _find_rename() -> tuple[_Rename, int] | None:
    libc = ctypes.CDLL(None, use_errno=True)
    # Linux' RENAME_NOREPLACE and macOS' RENAME_EXCL.
    for name, flag in (("renameat2", 1), ("renameatx_np", 4)):
        function = getattr(libc, name, None)
        if function is not None:
            function.argtypes = (
                ctypes.c_int,
                ctypes.c_char_p,
                ctypes.c_int,
                ctypes.c_char_p,
                ctypes.c_uint,
            )
            function.restype = ctypes.c_int
            return function, flag
    return None


_RENAME: Final = _find_rename()


_Statx = Callable[[int, bytes, int, int, ctypes.Array[ctypes.c_char]], int]


def _find_statx() -> _Statx | None:
    function: _Statx | None = getattr(ctypes.CDLL(None), "statx", None)
    if function is not None:
        function.argtypes = (  # type: ignore[attr-defined]
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_char_p,
        )
    return function


_STATX: Final = _find_statx()
