"""CANCEL: never mind. [MS-SMB2] 3.3.5.16"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context


def handle(context: Context, request: Request) -> None:
    """Cancels the request that is named, if it still waits; a CANCEL itself has no answer."""
    connection = context.connection
    target = connection.protocol.find_pending(request)
    if target is not None:
        task = connection.pending.get(target.header.message_id)
        if task is not None:
            task.cancel()
