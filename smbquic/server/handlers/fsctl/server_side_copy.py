"""Copying within the server, so that the content does not travel. [MS-SMB2] 3.3.5.15.6"""

from struct import Struct

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reply import ioctl_reply
from smbquic.server.notify.notifier import CONTENT, Notifier
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import break_others
from smbquic.server.outcome import Pending, Reply
from smbquic.server.security import access
from smbquic.server.status import status_of
from smbquic.storage import SPARSE, Capability
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cursor import unpack
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.fsctl_payloads import DuplicateExtentsData
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.ioctl_payloads import (
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
)

MAX_CHUNKS = 256
MAX_CHUNK = 1 << 20
MAX_COPY = 16 << 20
"""As Windows and Samba have them, in chunks, bytes and bytes."""

_LIMITS = SrvCopychunkResponse(MAX_CHUNKS, MAX_CHUNK, MAX_COPY)
_LIMITS_SIZE = 12
_KEY = Struct("<QQ8s")
_MARK = b"smbquic "
_END = 1 << 63


def resume_key(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Return a key by which the session can name this open as the source of a copy."""
    output = SrvRequestResumeKeyResponse(_KEY.pack(*entry.file_id, _MARK)).encode()
    if body.max_output_response < len(output):
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    return ioctl_reply(body, entry.file_id, output)


def copy_chunks(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> Reply | Pending:
    """Copy ranges from another open file into this one, until one of them fails."""
    if body.max_output_response < _LIMITS_SIZE:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    wanted = SrvCopychunkCopy.decode(body.input)
    if not _is_allowed(wanted.chunks):
        return ioctl_reply(body, entry.file_id, _LIMITS.encode(), NtStatus.INVALID_PARAMETER)
    source = _source(context, wanted.source_key)
    if source.is_directory or entry.is_directory:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    source.require_any(access.READS_DATA)
    entry.require_any(access.MODIFIES_DATA)
    # SRV_COPYCHUNK_WRITE is for a target that may be written only.
    if body.ctl_code == Fsctl.SRV_COPYCHUNK:
        entry.require(AccessMask.FILE_READ_DATA)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    return Pending(_copy_all(context, notifier, source, entry, body))


def _is_allowed(chunks: list[SrvCopychunk]) -> bool:
    return (
        len(chunks) <= MAX_CHUNKS
        and all(0 < chunk.length <= MAX_CHUNK for chunk in chunks)
        and sum(chunk.length for chunk in chunks) <= MAX_COPY
    )


def _source(context: Context, key: bytes) -> Open:
    persistent, volatile, mark = unpack(_KEY, key)
    # Only an open of the same session is found: the key of another one is worth nothing.
    source = context.session.opens.get(volatile)
    if mark != _MARK or source is None or source.file_id.persistent != persistent:
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "IOCTL")
    return source


async def _copy_all(
    context: Context, notifier: Notifier, source: Open, entry: Open, body: IoctlRequest
) -> Reply:
    done = SrvCopychunkResponse(0, 0, 0)
    status = NtStatus.SUCCESS
    with notifier.modifying(entry, CONTENT):
        try:
            for chunk in SrvCopychunkCopy.decode(body.input).chunks:
                await _copy(context, source, entry, chunk)
                done.chunks_written += 1
                done.total_bytes_written += chunk.length
        # The chunks before stay, and the response says how many they are: with an error, too.
        except StatusError as error:
            status = error.status
        except OSError as error:
            status = status_of(error)
        entry.keep_times()
    return ioctl_reply(body, entry.file_id, done.encode(), status)


async def _copy(context: Context, source: Open, entry: Open, chunk: SrvCopychunk) -> None:
    start, target, length = chunk.source_offset, chunk.target_offset, chunk.length
    if start + length > source.file.stat().size:
        raise StatusError(NtStatus.INVALID_VIEW_SIZE, "IOCTL")
    source.file_state.locks.check_read(source, start, length)
    entry.file_state.locks.check_write(entry, target, length)
    await context.in_thread(entry.file.copy_from, source.file, start, target, length)


def duplicate_extents(
    context: Context, entry: Open, body: IoctlRequest, notifier: Notifier
) -> Reply | Pending:
    """Let a range of this file share its blocks with another one. [MS-FSA] 2.1.5.10.4

    A disk that cannot share blocks copies them. As on Windows, locks do not matter, nor does a part
    of the range that is beyond the end of the file.
    """
    if Capability.BLOCK_REFCOUNTING not in entry.storage.capabilities:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    wanted = DuplicateExtentsData.decode(body.input)
    entry.require(AccessMask.FILE_WRITE_DATA)
    source = _duplicated(context, entry, wanted.source_file_id)
    source.require(AccessMask.FILE_READ_DATA)
    start, target, length = (
        wanted.source_file_offset,
        wanted.target_file_offset,
        wanted.byte_count,
    )
    if start + length > _END or target + length > _END:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    source_stat, stat = source.file.stat(), entry.file.stat()
    if start + length > source_stat.size:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    if target > stat.size:
        raise StatusError(NtStatus.INVALID_PARAMETER, "IOCTL")
    length = min(length, stat.size - target)
    if source_stat.attributes & SPARSE and not stat.attributes & SPARSE:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    # Ranges of one file that overlap would have to share blocks with themselves.
    if source.file.key == entry.file.key and abs(start - target) < length:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    done = ioctl_reply(body, entry.file_id)
    if not length:
        return done
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    return Pending(_duplicate(context, notifier, source, entry, (start, target, length), done))


def _duplicated(context: Context, entry: Open, file_id: FileId) -> Open:
    """Return the open file on the same volume whose blocks are to be shared."""
    source = context.session.opens.get(file_id.volatile)
    if (
        source is None
        or source.file_id.persistent != file_id.persistent
        or source.owner.tree.share is not entry.owner.tree.share
        or source.is_directory
        or entry.is_directory
    ):
        raise StatusError(NtStatus.INVALID_HANDLE, "IOCTL")
    return source


async def _duplicate(
    context: Context,
    notifier: Notifier,
    source: Open,
    entry: Open,
    where: tuple[int, int, int],
    done: Reply,
) -> Reply:
    with notifier.modifying(entry, CONTENT):
        await context.in_thread(entry.file.copy_from, source.file, *where)
        entry.keep_times()
    return done
