"""FLUSH: what was written is stored on the disk. [MS-SMB2] 3.3.5.11"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, Reply
from smbquic.server.security import access
from smbquic.wire.flush import FlushRequest, FlushResponse


def handle(context: Context, request: Request) -> Pending:
    """Flush the file on another thread."""
    body: FlushRequest = request.body
    entry = context.open(body.file_id)
    entry.require_any(access.MODIFIES_DATA)
    entry.times.show_stored()
    return Pending(_flush(context, entry))


async def _flush(context: Context, entry: Open) -> Reply:
    await context.in_thread(entry.file.flush)
    return Reply(FlushResponse())
