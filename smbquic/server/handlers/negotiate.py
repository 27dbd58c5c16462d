"""NEGOTIATE: dialect and algorithms are agreed on. [MS-SMB2] 3.3.5.3, 3.3.5.4"""

import time

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.outcome import Reply
from smbquic.wire.dtyp.filetime import from_unix_ns


def handle(context: Context, request: Request) -> Reply:
    """Have the protocol choose, and return the time of this machine with the response."""
    now = from_unix_ns(time.time_ns())
    return Reply(context.connection.protocol.negotiate(request, now))
