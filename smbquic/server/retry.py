"""Calls a handler again that could not go on: after a break, or once a storage is prepared."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

from smbquic.protocol.request import Request
from smbquic.server.commands import CommandEntry
from smbquic.server.context import Context, as_retry
from smbquic.server.outcome import Pending, PendingKind, Reply, RetryAfter
from smbquic.storage import NotReady


def retry(
    context: Context,
    request: Request,
    command: CommandEntry,
    reason: RetryAfter | NotReady,
    since: int,
) -> Pending:
    """Return the work that calls a handler again until it no longer raises `reason` or its like.

    `since` is the last FileId of the time when the request came.
    """
    # A CREATE that waits for a break, which `meanwhile` says, goes on when its connection is lost:
    # the client may replay it on another channel. [MS-SMB2] 3.3.5.9.10
    wait = as_retry(context, reason)
    work = until_done(context, partial(_attempt, context, request, command), since, wait)
    survives = wait.meanwhile is not None
    return Pending(work, PendingKind.RETRY, survives_connection=survives)


async def _attempt(context: Context, request: Request, command: CommandEntry) -> Reply:
    # Session and tree are found again: either may have ended meanwhile.
    context.begin(request, session=command.session, tree=command.tree)
    outcome = command.handle(context, request)
    reply = await outcome.work if isinstance(outcome, Pending) else outcome
    assert reply is not None
    return reply


async def until_done(
    context: Context,
    attempt: Callable[[], Awaitable[Reply]],
    since: int,
    wait: RetryAfter | None = None,
) -> Reply:
    """Call `attempt` until it has nothing to wait for; before the first time there is `wait`.

    `since` is the last FileId of the time when the request came.
    """
    with ExitStack() as at_end:
        # The rest of the compound has the same context, and has waited for nothing.
        at_end.callback(setattr, context, "waiting_since", None)
        entered = False
        while True:
            if wait is not None:
                # Once, however many breaks follow on each other: it covers the whole time of
                # waiting.
                if wait.meanwhile is not None and not entered:
                    at_end.enter_context(wait.meanwhile)
                    entered = True
                # All of them: the handler needs every cache given up, and would raise again for the
                # rest.
                await asyncio.wait(wait.futures)
                context.waiting_since = since
            try:
                return await attempt()
            except (RetryAfter, NotReady) as reason:
                wait = as_retry(context, reason)
