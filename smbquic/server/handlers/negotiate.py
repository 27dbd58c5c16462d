"""NEGOTIATE: which dialect and algorithms hold. [MS-SMB2] 3.3.5.3, 3.3.5.4"""

import time

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.negotiate import NegotiateResponse


def handle(context: Context, request: Request) -> NegotiateResponse:
    """Lets the protocol decide."""
    return context.connection.protocol.negotiate(request, from_unix_ns(time.time_ns()))
