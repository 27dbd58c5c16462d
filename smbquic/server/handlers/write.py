"""WRITE. [MS-SMB2] 3.3.5.13"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.disk_monitor import SMALL_WRITE
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.handlers.read import MAX_OFFSET
from smbquic.server.notify.notifier import CONTENT, Notifier
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import break_others
from smbquic.server.outcome import Pending, Reply
from smbquic.server.security import access
from smbquic.wire.create import CreateOptions
from smbquic.wire.write import WriteFlags, WriteRequest, WriteResponse

_WRITE_THROUGH = int(CreateOptions.FILE_WRITE_THROUGH)


def handle(context: Context, request: Request, *, notifier: Notifier) -> Reply | Pending:
    """Write the data, and flush the file before the reply if the client asked for write-through.

    Both are done on a thread if they may take a while.
    """
    body: WriteRequest = request.body
    data, offset = body.data, body.offset
    size = len(data)
    entry = context.open(body.file_id)
    if entry.is_directory:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "WRITE")
    entry.require_any(access.MODIFIES_DATA)
    if size > context.max_size or offset + size > MAX_OFFSET or body.channel:
        raise StatusError(NtStatus.INVALID_PARAMETER, "WRITE")
    locks = entry.file_state.locks
    if locks:
        locks.check_write(entry, offset, size)
    through = bool(entry.mode.options & _WRITE_THROUGH or body.flags & WriteFlags.WRITE_THROUGH)
    if size:
        if entry.file_state.grants:
            break_others(entry, BreakCause.CHANGE)
        entry.before_write()
        disk = entry.owner.tree.disk
        if size > SMALL_WRITE or disk.is_slow:
            return Pending(_write_on_thread(context, notifier, entry, body, through=through))
        disk.run(entry.file.write, offset, (data,))
        entry.mode.position = offset + size
        entry.keep_times()
        notifier.modified(entry, CONTENT)
    reply = Reply(WriteResponse(size))
    return Pending(_flush(context, entry, reply)) if through else reply


async def _write_on_thread(
    context: Context, notifier: Notifier, entry: Open, body: WriteRequest, *, through: bool
) -> Reply:
    disk, file, size = entry.owner.tree.disk, entry.file, len(body.data)
    with notifier.modifying(entry, CONTENT):
        await context.in_thread(disk.run, file.write, body.offset, (body.data,))
        entry.mode.position = body.offset + size
        entry.keep_times()
    reply = Reply(WriteResponse(size))
    return await _flush(context, entry, reply) if through else reply


async def _flush(context: Context, entry: Open, reply: Reply) -> Reply:
    await context.in_thread(entry.file.flush)
    return reply
