"""TREE_DISCONNECT: the end of a tree and of all that was opened in it. [MS-SMB2] 3.3.5.8"""

from collections.abc import Coroutine
from typing import Any

from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.overload.batches import after
from smbquic.server.session import UserSessions
from smbquic.wire.tree_disconnect import TreeDisconnectResponse


def handle(
    context: Context, request: Request, *, sessions: UserSessions
) -> TreeDisconnectResponse | Coroutine[Any, Any, TreeDisconnectResponse]:
    """Ends the tree."""
    steps = context.session.disconnecting(context.tree)
    return after(sessions.background.run(steps), TreeDisconnectResponse())
