"""TREE_DISCONNECT: a tree ends, with all that was opened in it. [MS-SMB2] 3.3.5.8"""

from smbquic.protocol.request import Request
from smbquic.server.batches import after
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, Reply
from smbquic.server.session import UserSessions
from smbquic.wire.tree_disconnect import TreeDisconnectResponse


def handle(context: Context, request: Request, *, sessions: UserSessions) -> Reply | Pending:
    """End the tree; where it has many opens, others are served while those are closed."""
    steps = context.session.disconnecting(context.tree)
    return after(sessions.background.run(steps), Reply(TreeDisconnectResponse()))
