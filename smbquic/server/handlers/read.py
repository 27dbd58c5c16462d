"""READ. [MS-SMB2] 3.3.5.12"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server import access
from smbquic.server.context import Context
from smbquic.wire.read import ReadRequest, ReadResponse

MAX_OFFSET = (1 << 63) - 1


def handle(context: Context, request: Request) -> ReadResponse:
    """Reads what there is from `offset` on; END_OF_FILE if that is nothing, or too little."""
    body: ReadRequest = request.body
    length, offset = body.length, body.offset
    entry = context.open(body.file_id)
    if entry.is_directory:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "READ")
    entry.require_any(access.READS_DATA)
    if length > context.max_size or offset + length > MAX_OFFSET or body.channel:
        raise StatusError(NtStatus.INVALID_PARAMETER, "READ")
    locks = entry.state.locks
    if locks:
        locks.check_read(entry, offset, length)
    data = entry.file.read(offset, length) if length else b""
    size = len(data)
    if size < body.minimum_count or (length and not size):
        raise StatusError(NtStatus.END_OF_FILE, "READ")
    entry.position = offset + size
    return ReadResponse(data)
