"""Parts of a file's content: copying them within the disk, holes, and where there is data."""

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from typing import Final

_CHUNK: Final = 1 << 20
_KEEP_SIZE: Final = 0x01
_PUNCH_HOLE: Final = 0x02
_CLONE_RANGE: Final = 0x4020_940D
_CLONE: Final = struct.Struct("=qQQQ")
# Disks and kernels that can't: then it is done by hand.
_UNABLE: Final = frozenset(
    (errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EBADF)
)


def copy(source: int, source_offset: int, target: int, offset: int, length: int) -> int:
    """Copy bytes from descriptor to descriptor, sharing them where the disk can.

    The count is less than `length` only where the source ends. Ranges in one file may overlap.
    """
    copied = 0
    while copied < length:
        count = _copy_some(source, source_offset + copied, target, offset + copied, length - copied)
        if not count:
            break
        copied += count
    return copied


def _copy_some(source: int, source_offset: int, target: int, offset: int, length: int) -> int:
    function: Callable[[int, int, int, int, int], int] | None = getattr(os, "copy_file_range", None)
    if function is not None:
        try:
            return function(source, target, length, source_offset, offset)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
    # Overlapping ranges end up here, which is why this takes in all of it before it writes.
    data = memoryview(os.pread(source, length, source_offset))
    written = 0
    while written < len(data):
        written += os.pwrite(target, data[written:], offset + written)
    return written


def clone(source: int, source_offset: int, target: int, offset: int, length: int) -> bool:
    """Have two files share a range of whole blocks; False if this disk, or these files, can't."""
    argument = _CLONE.pack(source, source_offset, length, offset)
    try:
        fcntl.ioctl(target, _CLONE_RANGE, argument)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
        return False
    return True


def zero(fd: int, offset: int, length: int) -> None:
    """Make a range read as zero, with a hole where the disk has them; the size stays."""
    length = min(length, os.fstat(fd).st_size - offset)
    if length <= 0 or _punch(fd, offset, length):
        return
    nothing = bytes(min(length, _CHUNK))
    end = offset + length
    while offset < end:
        offset += os.pwrite(fd, nothing[: end - offset], offset)


def _punch(fd: int, offset: int, length: int) -> bool:
    if _FALLOCATE is None:
        return False
    if not _FALLOCATE(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length):
        return True
    code = ctypes.get_errno()
    if code not in _UNABLE:
        raise OSError(code, os.strerror(code))
    return False


def allocated(fd: int, offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Yield the offset and length of each part of a range that has data."""
    end = min(offset + length, os.fstat(fd).st_size)
    while offset < end:
        try:
            start = os.lseek(fd, offset, os.SEEK_DATA)
            stop = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                # There is a hole up to the end.
                return
            raise
        if start >= end:
            return
        yield start, min(stop, end) - start
        offset = stop


def _find_fallocate() -> Callable[[int, int, int, int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function


_FALLOCATE: Final = _find_fallocate()
