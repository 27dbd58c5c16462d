"""LOGOFF: a session ends, with all that it has open. [MS-SMB2] 3.3.5.6"""

from smbquic.protocol.request import Request
from smbquic.server.batches import after
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, Reply
from smbquic.server.session import UserSessions
from smbquic.wire.logoff import LogoffResponse


def handle(context: Context, request: Request, *, sessions: UserSessions) -> Reply | Pending:
    """End the session on all of its connections; its durable opens wait for their owner."""
    return after(sessions.end(context.session.session), Reply(LogoffResponse()))
