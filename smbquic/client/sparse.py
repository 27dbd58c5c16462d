"""Holes of files: what of a file is data, and how it gets holes at the other end."""

import errno
import os
from collections.abc import Iterable, Iterator

from smbquic.client.file import File
from smbquic.ntstatus import NtStatus
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest

Range = tuple[int, int]
"""Where data begins, and where it ends."""

_RESPONSE = 64 << 10
_UNSUPPORTED = (
    NtStatus.INVALID_DEVICE_REQUEST,
    NtStatus.INVALID_PARAMETER,
    NtStatus.NOT_SUPPORTED,
    NtStatus.NOT_IMPLEMENTED,
)


def chunks(ranges: Iterable[Range], step: int) -> Iterator[Range]:
    """Yield the offset and the size of each chunk of at most `step` bytes."""
    for start, end in ranges:
        for offset in range(start, end, step):
            yield offset, min(step, end - offset)


def local_ranges(descriptor: int, size: int) -> list[Range]:
    """Return what is data in a file of this machine; all of it where the system does not say."""
    found: list[Range] = []
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # there is only a hole left
                break
            return [(0, size)]
        if start < end:
            found.append((start, end))
    return found


async def remote_ranges(file: File, size: int) -> list[Range]:
    """Return what is data in a file of a server; all of it if the server does not say.

    [MS-FSCC] 2.3.51
    """
    # Imported here: few files have holes.
    from smbquic.wire.fscc.fsctl_payloads import FileRange, decode_ranges

    found: list[Range] = []
    start = 0
    while start < size:
        rest = FileRange(start, size - start).encode()

        def query(file_id: FileId, rest: bytes = rest) -> IoctlRequest:
            return IoctlRequest(Fsctl.QUERY_ALLOCATED_RANGES, file_id, 0, _RESPONSE, input=rest)

        response = await file.request(query, (*_UNSUPPORTED, NtStatus.BUFFER_OVERFLOW))
        if response.status in _UNSUPPORTED:
            return [(0, size)]
        ranges = decode_ranges(response.body.output)
        for each in ranges:
            begin, end = max(each.file_offset, start), min(each.file_offset + each.length, size)
            if begin < end:
                found.append((begin, end))
                start = end
        if response.status != NtStatus.BUFFER_OVERFLOW:
            break
        if not ranges:  # it says that there is more, and not where
            return [*found, (start, size)]
    return found


async def make_sparse(file: File, size: int) -> None:
    """Make a new file of a server `size` bytes long, all of it a hole where it can have some."""
    await file.request(lambda file_id: IoctlRequest(Fsctl.SET_SPARSE, file_id), _UNSUPPORTED)
    await file.truncate(size)


def has_holes(allocated: int, size: int) -> bool:
    """Return whether a file takes so little of a disk that it is worth to look for holes."""
    return allocated < size


def is_sparse(file: File) -> bool:
    """Return whether it is worth to ask for the holes of a file."""
    return has_holes(file.opened.allocation_size, file.opened.end_of_file)
