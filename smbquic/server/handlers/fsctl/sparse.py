"""Holes in files: making them, finding them. [MS-FSA] 2.1.5.10.22, 2.1.5.10.36, 2.1.5.10.37"""

from itertools import islice

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reply import ioctl_reply
from smbquic.server.notify.notifier import ATTRIBUTES, CONTENT, Notifier
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import break_others
from smbquic.server.outcome import Pending, Reply
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
from smbquic.wire.ioctl import IoctlRequest

_END = 1 << 63
_MAX_RANGES = 1024
_SETS_SPARSE = access.MODIFIES_DATA | AccessMask.FILE_WRITE_ATTRIBUTES


def set_sparse(context: Context, entry: Open, body: IoctlRequest, notifier: Notifier) -> Reply:
    """Set or clear the attribute that says that a file has holes; it may have them without."""
    if Capability.SPARSE_FILES not in entry.storage.capabilities:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    entry.require_any(_SETS_SPARSE)
    if entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    # Without a buffer, it is set.
    entry.file.set_sparse(sparse=not len(body.input) or bool(body.input[0]))
    entry.notify_folder_leases()
    notifier.modified(entry, ATTRIBUTES)
    return ioctl_reply(body, entry.file_id)


def set_zero_data(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> Reply | Pending:
    """Fill a range with zeros as far as the file has it, without allocating blocks for them."""
    entry.require(AccessMask.FILE_WRITE_DATA)
    wanted = FileZeroDataInformation.decode(body.input)
    start, length = wanted.file_offset, wanted.beyond_final_zero - wanted.file_offset
    if start < 0 or length < 0 or entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    done = ioctl_reply(body, entry.file_id)
    if not length:
        return done
    entry.file_state.locks.check_write(entry, start, length)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    return Pending(_zero(context, notifier, entry, [(start, length)], done))


def trim(context: Context, entry: Open, body: IoctlRequest, notifier: Notifier) -> Reply | Pending:
    """Free the blocks of ranges that nobody needs; they read as zero from now on.

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
        entry.file_state.locks.check_write(entry, start, length)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    output = FileLevelTrimOutput(len(ranges)).encode()
    done = ioctl_reply(body, entry.file_id, output)
    return Pending(_zero(context, notifier, entry, ranges, done))


async def _zero(
    context: Context,
    notifier: Notifier,
    entry: Open,
    ranges: list[tuple[int, int]],
    done: Reply,
) -> Reply:
    with notifier.modifying(entry, CONTENT):
        for start, length in ranges:
            await context.in_thread(entry.file.zero, start, length)
        entry.keep_times()
    return done


def query_allocated_ranges(context: Context, entry: Open, body: IoctlRequest) -> Reply | Pending:
    """Return where a file has data; all of it, if it is not said to have holes."""
    entry.require(AccessMask.FILE_READ_DATA)
    start, length = unpack(FileRange.layout, body.input)
    stat = entry.file.stat()
    if start + length >= 1 << 64 or entry.is_directory:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    length = min(length, stat.size - start)
    if length <= 0:
        return ioctl_reply(body, entry.file_id)
    if body.max_output_response < FileRange.SIZE:
        raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
    if stat.attributes & SPARSE:
        return Pending(_find_ranges(context, entry, body, FileRange(start, length)))
    return ioctl_reply(body, entry.file_id, FileRange(start, length).encode())


async def _find_ranges(
    context: Context, entry: Open, body: IoctlRequest, within: FileRange
) -> Reply:
    """Find the ranges on a thread: a file can have hundreds of thousands."""
    room = body.max_output_response // FileRange.SIZE

    def find() -> tuple[bytes, bool]:
        found = entry.file.allocated_ranges(within.file_offset, within.length)
        ranges = encode_ranges(FileRange(*fields) for fields in islice(found, room))
        return ranges, next(found, None) is not None

    ranges, more = await context.in_thread(find)
    status = NtStatus.BUFFER_OVERFLOW if more else NtStatus.SUCCESS
    return ioctl_reply(body, entry.file_id, ranges, status)
