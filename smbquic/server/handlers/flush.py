"""FLUSH: what was written is stored on the disk. [MS-SMB2] 3.3.5.11"""

from smbquic.overload.disk_monitor import DiskMonitor
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, Reply
from smbquic.server.security import access
from smbquic.wire.flush import FlushRequest, FlushResponse


def handle(context: Context, request: Request) -> Reply | Pending:
    """Flush the file, on another thread unless the disk is known to flush quickly."""
    body: FlushRequest = request.body
    entry = context.open(body.file_id)
    entry.require_any(access.MODIFIES_DATA)
    entry.times.show_stored()
    disk = entry.owner.tree.disk
    if disk.flushes_quickly:
        disk.flush(entry.file.flush)
        return Reply(FlushResponse())
    return Pending(_flush(context, entry, disk))


async def _flush(context: Context, entry: Open, disk: DiskMonitor) -> Reply:
    await context.in_thread(disk.flush_on_thread, entry.file.flush)
    return Reply(FlushResponse())
