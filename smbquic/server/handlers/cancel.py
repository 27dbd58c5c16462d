"""CANCEL. [MS-SMB2] 3.3.5.16"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context


def handle(context: Context, request: Request) -> None:
    """Cancel the request that is named, if it is not answered yet; a CANCEL has no response."""
    connection = context.connection
    target = connection.protocol.find_pending(request)
    if target is not None:
        # The request may be answered already, and its response not sent yet.
        async_request = connection.pending.by_message_id.get(target.header.message_id)
        if async_request is not None:
            async_request.cancel()
