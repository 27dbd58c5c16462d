"""ECHO: is anybody there? [MS-SMB2] 3.3.5.17"""

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.wire.echo import EchoResponse

_RESPONSE = EchoResponse()


def handle(context: Context, request: Request) -> EchoResponse:
    """Says yes."""
    return _RESPONSE
