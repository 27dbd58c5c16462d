"""ECHO. [MS-SMB2] 3.3.5.17"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.outcome import Reply
from smbquic.wire.echo import EchoResponse

_REPLY = Reply(EchoResponse())


def handle(context: Context, request: Request) -> Reply:
    """Show the client that the server is there."""
    return _REPLY
