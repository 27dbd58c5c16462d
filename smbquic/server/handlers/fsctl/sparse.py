"""Holes in files: making them, finding them. [MS-FSA] 2.1.5.10.22, 2.1.5.10.36, 2.1.5.10.37"""

from collections.abc import Coroutine
from itertools import islice
from typing import Any

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.notify.notifier import ATTRIBUTES, CONTENT, Notifier
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import break_others
from smbquic.server.outcome import Reply
from smbquic.server.security import access
from smbquic.storage import SPARSE, Capability
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cursor import unpack
from smbquic.wire.fscc.fsctl_payloads import (
    FileLevelTrim,
    FileLevelTrimOutput,
    FileRange,
    FileZeroDataInformation,
    encode_ranges,
)
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse

_END = 1 << 63
_MAX_RANGES = 1024
_SETS_SPARSE = access.MODIFIES_DATA | AccessMask.FILE_WRITE_ATTRIBUTES


def set_sparse(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> IoctlResponse:
    """Says that a file may have holes, which it may anyway: it only decides what is told of it."""
    if Capability.SPARSE_FILES not in entry.tree.storage.capabilities:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    entry.require_any(_SETS_SPARSE)
    if entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    # Without a buffer, it is set.
    entry.file.set_sparse(sparse=not len(body.input) or bool(body.input[0]))
    entry.notify_folder_leases()
    notifier.modified(entry, ATTRIBUTES)
    return IoctlResponse(body.ctl_code, entry.file_id)


def set_zero_data(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> IoctlResponse | Coroutine[Any, Any, Any]:
    """Makes a range zero, as far as the file has it, without setting room aside for that."""
    entry.require(AccessMask.FILE_WRITE_DATA)
    wanted = FileZeroDataInformation.decode(body.input)
    start, length = wanted.file_offset, wanted.beyond_final_zero - wanted.file_offset
    if start < 0 or length < 0 or entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    done = IoctlResponse(body.ctl_code, entry.file_id)
    if not length:
        return done
    entry.state.locks.check_write(entry, start, length)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    return _zero(context, notifier, entry, [(start, length)], done)


def trim(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> IoctlResponse | Coroutine[Any, Any, Any]:
    """Gives back the room of ranges that nobody needs; they read as zero from now on.

    [MS-FSA] 2.1.5.10.6
    """
    entry.require(AccessMask.FILE_WRITE_DATA)
    wanted = FileLevelTrim.decode(body.input)
    if (
        entry.is_directory
        or not 0 < len(wanted.ranges) <= _MAX_RANGES
        or body.max_output_response < FileLevelTrimOutput.SIZE
    ):
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    ranges = [(entry.file_offset, entry.length) for entry in wanted.ranges]
    for start, length in ranges:
        if start + length > _END:
            raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
        entry.state.locks.check_write(entry, start, length)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    output = FileLevelTrimOutput(len(ranges)).encode()
    return _zero(
        context, notifier, entry, ranges, IoctlResponse(body.ctl_code, entry.file_id, b"", output)
    )


async def _zero(
    context: Context,
    notifier: Notifier,
    entry: Open,
    ranges: list[tuple[int, int]],
    done: IoctlResponse,
) -> IoctlResponse:
    with notifier.modifying(entry, CONTENT):
        for start, length in ranges:
            await context.in_thread(entry.file.zero, start, length)
        entry.keep_times()
    return done


def query_allocated_ranges(
    context: Context, entry: Open, body: IoctlRequest
) -> IoctlResponse | Coroutine[Any, Any, Any]:
    """Where a file has data; all of it, if it does not claim to have holes."""
    entry.require(AccessMask.FILE_READ_DATA)
    start, length = unpack(FileRange.layout, body.input)
    stat = entry.file.stat()
    if start + length >= 1 << 64 or entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    length = min(length, stat.size - start)
    if length <= 0:
        return IoctlResponse(body.ctl_code, entry.file_id)
    if body.max_output_response < FileRange.SIZE:
        raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
    if stat.attributes & SPARSE:
        return _find_ranges(context, entry, body, FileRange(start, length))
    return IoctlResponse(body.ctl_code, entry.file_id, b"", FileRange(start, length).encode())


async def _find_ranges(
    context: Context, entry: Open, body: IoctlRequest, within: FileRange
) -> IoctlResponse | Reply:
    """Looks for them on a thread: a file can have hundreds of thousands."""
    room = body.max_output_response // FileRange.SIZE

    def find() -> tuple[bytes, bool]:
        found = entry.file.allocated_ranges(within.file_offset, within.length)
        ranges = encode_ranges(FileRange(*fields) for fields in islice(found, room))
        return ranges, next(found, None) is not None

    ranges, more = await context.in_thread(find)
    response = IoctlResponse(body.ctl_code, entry.file_id, b"", ranges)
    return Reply(response, NtStatus.BUFFER_OVERFLOW) if more else response
