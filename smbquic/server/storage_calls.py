"""Requests on a share whose storage has coroutines: their handlers may be interrupted.

See `smbquic.server.coroutines` for how. One at a time holds the lock of the storage, so that what
a handler has checked is still so when it acts, whatever it waits for in between. The content of
files is read, written and copied beside that: byte-range locks and oplocks are checked before.
"""

from contextlib import AsyncExitStack
from functools import partial

from smbquic.protocol.request import Request
from smbquic.server.commands import CommandEntry
from smbquic.server.context import Context
from smbquic.server.coroutines import StorageCoroutines
from smbquic.server.outcome import Outcome, Pending, Reply
from smbquic.server.retry import until_done
from smbquic.wire.header import Command

# Commands that change neither files nor the server's tables of files.
_UNLOCKED = frozenset({Command.READ, Command.FLUSH})
# Locked only until the content itself is written or copied.
_UNLOCKED_LATER = frozenset({Command.WRITE, Command.IOCTL})
# These ask a storage for nothing, but may wait for long; what the last one closes is closed later.
_WITHOUT_STORAGE = frozenset(
    {Command.LOCK, Command.CHANGE_NOTIFY, Command.OPLOCK_BREAK, Command.TREE_DISCONNECT}
)


def handle(context: Context, request: Request, command: CommandEntry, since: int) -> Outcome:
    """Call a handler that may have to wait for coroutines of the storage of its share.

    `since` is the last FileId of the time when the request came.
    """
    if request.header.command in _WITHOUT_STORAGE:
        return command.handle(context, request)
    coroutines = context.coroutines
    assert coroutines is not None
    attempt = partial(_attempt, context, request, command, coroutines)
    return Pending(until_done(context, attempt, since))


async def _attempt(
    context: Context, request: Request, command: CommandEntry, coroutines: StorageCoroutines
) -> Reply:
    code = request.header.command
    async with AsyncExitStack() as locked:
        if code not in _UNLOCKED:
            await locked.enter_async_context(coroutines.lock)
        # The session may have ended by now, or the tree.
        context.begin(request, session=command.session, tree=command.tree)
        outcome = await coroutines.run(command.handle, context, request)
        if code in _UNLOCKED_LATER:
            await locked.aclose()
        if isinstance(outcome, Pending):
            outcome = await coroutines.complete(outcome.work)
        assert outcome is not None
        return outcome
