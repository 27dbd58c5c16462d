"""Content that the server copies by itself, so that it does not travel. [MS-SMB2] 3.2.4.20.2"""

from collections.abc import Callable, Iterable, Iterator

from smbquic.client import requests
from smbquic.client.file import File
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.tree_connect import check
from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse
from smbquic.wire.ioctl_payloads import (
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
)

MOST_CHUNKS = 256
LARGEST_CHUNK = 1 << 20
LARGEST_COPY = 16 << 20
"""Chunks in a request, bytes in a chunk, bytes in a request: what Windows and Samba allow."""

_CANNOT = frozenset(
    {
        NtStatus.NOT_SUPPORTED,
        NtStatus.NOT_IMPLEMENTED,
        NtStatus.INVALID_DEVICE_REQUEST,
        NtStatus.INVALID_PARAMETER,
        NtStatus.OBJECT_NAME_NOT_FOUND,  # the server does not know its key any more
    }
)
_KEY_SIZE = 32
_RESULT_SIZE = 12

Limits = tuple[int, int, int]
Range = tuple[int, int]
"""Where data begins, and where it ends."""


class _KeyLostError(Exception):
    """The connection was lost, and with it the key: on another it may be that of another file."""


async def copy_content(
    source: File, target: File, ranges: Iterable[Range], copied: Callable[[int], None]
) -> bool:
    """Have the server copy ranges of a file; False where it cannot, and has copied nothing.

    `copied` is called with the bytes of each request. Raises `StatusError`.
    """
    if target.tree.channels is not source.tree.channels:
        return False  # another server, or another logon
    limits: Limits = (MOST_CHUNKS, LARGEST_CHUNK, LARGEST_COPY)
    key: bytes | None = None
    rest = [(start, end) for start, end in ranges if start < end]
    losses = 0
    begun = False
    while rest:
        if key is None:
            key = await _resume_key(source)
            if key is None:
                return False
        chunks = list(_chunks(rest, limits))
        try:
            response = await target.request(_copy_of(source, target, key, chunks), _CANNOT)
        except (_KeyLostError, ConnectionClosed) as error:
            losses += 1
            if losses > LOSSES_ALLOWED:
                raise ConnectionClosed(str(error)) from error
            key = None
            await target.size()  # opens it again
            continue
        if response.status == NtStatus.SUCCESS:
            done = _bytes_copied(response.body, chunks)
            rest = _without(rest, done)
            begun = True
            copied(done)
            continue
        smaller = _smaller_limits(response.body, limits)
        if smaller is not None:
            limits = smaller
        elif begun:
            check(response, target.path)
        else:
            return False
    return True


def _copy_of(
    source: File, target: File, key: bytes, chunks: list[SrvCopychunk]
) -> Callable[[FileId], IoctlRequest]:
    """Return what makes the request, as long as both files are open on the connection of the key.

    Sent a second time it copies the same bytes to the same place.
    """
    data = SrvCopychunkCopy(key, chunks).encode()

    def build(file_id: FileId) -> IoctlRequest:
        if target.tree.channels is not source.tree.channels:
            raise _KeyLostError("the key of the source is not known on this connection")
        return requests.ioctl(Fsctl.SRV_COPYCHUNK_WRITE, file_id, data, _RESULT_SIZE)

    return build


async def _resume_key(source: File) -> bytes | None:
    """Return the key by which the server knows the source; None where there are none."""
    response = await source.request(
        lambda file_id: requests.ioctl(Fsctl.SRV_REQUEST_RESUME_KEY, file_id, b"", _KEY_SIZE),
        _CANNOT,
    )
    if response.status in _CANNOT:
        return None
    return SrvRequestResumeKeyResponse.decode(response.body.output).resume_key


def _chunks(ranges: Iterable[Range], limits: Limits) -> Iterator[SrvCopychunk]:
    """Yield what the first request copies of these ranges."""
    most_chunks, largest_chunk, room = limits
    for start, end in ranges:
        while start < end:
            if not most_chunks or not room:
                return
            length = min(largest_chunk, room, end - start)
            yield SrvCopychunk(start, start, length)
            start += length
            room -= length
            most_chunks -= 1


def _without(ranges: Iterable[Range], done: int) -> list[Range]:
    """Return what is left of ranges of which so many bytes are done."""
    rest: list[Range] = []
    for start, end in ranges:
        first = min(start + done, end)
        done -= first - start
        if first < end:
            rest.append((first, end))
    return rest


def _bytes_copied(body: IoctlResponse, chunks: list[SrvCopychunk]) -> int:
    asked = sum(chunk.length for chunk in chunks)
    done = SrvCopychunkResponse.decode(body.output).total_bytes_written
    if not 0 < done <= asked:
        raise RemoteProtocolError(f"the server copied {done} of {asked} bytes")
    return done


def _smaller_limits(body: object, limits: Limits) -> Limits | None:
    """Return the limits that a refusal names, if it does and if they are smaller than `limits`.

    [MS-SMB2] 3.2.5.14.3
    """
    if not isinstance(body, IoctlResponse) or len(body.output) < _RESULT_SIZE:
        return None
    named = SrvCopychunkResponse.decode(body.output)
    chunks, largest, most = limits
    smaller = (
        min(chunks, named.chunks_written),
        min(largest, named.chunk_bytes_written),
        min(most, named.total_bytes_written),
    )
    return smaller if all(smaller) and smaller != limits else None
