"""LOGOFF: the end of a session and of all it had open. [MS-SMB2] 3.3.5.6"""

from collections.abc import Coroutine
from typing import Any

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.overload.batches import after
from smbquic.server.session import UserSessions
from smbquic.wire.logoff import LogoffResponse


def handle(
    context: Context, request: Request, *, sessions: UserSessions
) -> LogoffResponse | Coroutine[Any, Any, LogoffResponse]:
    """Ends the session, on all of its connections."""
    return after(sessions.end(context.session.session), LogoffResponse())
