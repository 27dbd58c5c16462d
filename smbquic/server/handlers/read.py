"""READ. [MS-SMB2] 3.3.5.12"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.disk_monitor import SMALL_READ
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, Reply
from smbquic.server.security import access
from smbquic.wire.cursor import Buffer
from smbquic.wire.read import ReadRequest, ReadResponse

MAX_OFFSET = (1 << 63) - 1


def handle(context: Context, request: Request) -> Reply | Pending:
    """Read what there is from `offset` on; END_OF_FILE if that is nothing, or too little.

    It is read on a thread if that may have to wait for the disk.
    """
    body: ReadRequest = request.body
    length, offset = body.length, body.offset
    entry = context.open(body.file_id)
    if entry.is_directory:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "READ")
    entry.require_any(access.READS_DATA)
    if length > context.max_size or offset + length > MAX_OFFSET or body.channel:
        raise StatusError(NtStatus.INVALID_PARAMETER, "READ")
    locks = entry.file_state.locks
    if locks:
        locks.check_read(entry, offset, length)
    if not length:
        return _reply(entry, body, b"")
    try:
        data = entry.file.read_cached(offset, length)
    except BlockingIOError:
        return Pending(_read_on_thread(context, entry, body))
    if data is None:
        disk = entry.owner.tree.disk
        if length > SMALL_READ or disk.is_slow:
            return Pending(_read_on_thread(context, entry, body))
        data = disk.run(entry.file.read, offset, length)
    return _reply(entry, body, data)


async def _read_on_thread(context: Context, entry: Open, body: ReadRequest) -> Reply:
    disk, file = entry.owner.tree.disk, entry.file
    data = await context.in_thread(disk.run, file.read, body.offset, body.length)
    return _reply(entry, body, data)


def _reply(entry: Open, body: ReadRequest, data: Buffer) -> Reply:
    size = len(data)
    if size < body.minimum_count or (body.length and not size):
        raise StatusError(NtStatus.END_OF_FILE, "READ")
    entry.mode.position = body.offset + size
    return Reply(ReadResponse(data))
