"""TREE_DISCONNECT: the end of a tree and of all that was opened in it. [MS-SMB2] 3.3.5.8"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.wire.tree_disconnect import TreeDisconnectResponse


def handle(context: Context, request: Request) -> TreeDisconnectResponse:
    """Ends the tree."""
    context.session.disconnect(context.tree)
    return TreeDisconnectResponse()
