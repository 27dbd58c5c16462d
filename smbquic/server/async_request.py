"""Requests that are answered later: the interim response, and CANCEL.

[MS-SMB2] 3.3.4.2, 3.3.5.16

The request of a handler that returns `Pending`, or raises that it has to be called again, is
answered by an `AsyncRequest`, while the connection goes on with the next message. Its states are a
table of states and events:

- in `STARTED` the work goes on, and the client has got no response;
- in `INTERIM_SENT` the client has got STATUS_PENDING, and can cancel the request by its AsyncId;
- in `DETACHED` the connection is lost. The work goes on for another connection of the session, on
  which the client may send the request again; there is no response;
- `COMPLETED` is after the work, whether it succeeded, failed or was cancelled;
- `ABANDONED` is when the connection is lost and the work is cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from enum import Enum, auto

from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.loop_monitor import TimedCoroutine
from smbquic.protocol.request import Request
from smbquic.server.connection import ServerConnection
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, PendingKind, Reply
from smbquic.server.responses import fail, failure_of, respond
from smbquic.state_table import next_state
from smbquic.wire.cursor import Buffer
from smbquic.wire.header import Command

# As Windows, which answers a logon and a negotiation when they are done. A SET_INFO that waits for
# a break gets its answer soon: at the latest when the break has timed out.
_NO_INTERIM = frozenset({Command.NEGOTIATE, Command.SESSION_SETUP, Command.SET_INFO})


class AsyncRequestState(Enum):
    """States of a request that is answered later."""

    STARTED = auto()
    INTERIM_SENT = auto()
    DETACHED = auto()
    COMPLETED = auto()
    ABANDONED = auto()


class AsyncRequestEvent(Enum):
    """Events that change the state of a request that is answered later."""

    INTERIM = "the work takes long, and the interim response is sent"
    DONE = "the work is done, has failed or was cancelled"
    MOVED = "the connection is lost, and another one of the session takes over"
    LOST = "the connection is lost"


_State, _Event = AsyncRequestState, AsyncRequestEvent

TRANSITIONS: Mapping[AsyncRequestState, Mapping[AsyncRequestEvent, AsyncRequestState]] = {
    _State.STARTED: {
        _Event.INTERIM: _State.INTERIM_SENT,
        _Event.DONE: _State.COMPLETED,
        _Event.MOVED: _State.DETACHED,
        _Event.LOST: _State.ABANDONED,
    },
    _State.INTERIM_SENT: {
        _Event.DONE: _State.COMPLETED,
        _Event.MOVED: _State.DETACHED,
        _Event.LOST: _State.ABANDONED,
    },
    _State.DETACHED: {
        _Event.DONE: _State.COMPLETED,
        _Event.MOVED: _State.DETACHED,
        _Event.LOST: _State.ABANDONED,
    },
    _State.COMPLETED: {},
    _State.ABANDONED: {},
}


class AsyncRequest:
    """One request that is answered later.

    The constructor starts the work, `serve` has the client answered. It has to be called before
    the work has a chance to end.
    """

    __slots__ = ("_context", "_kind", "_request", "_survives", "_work", "state")

    def __init__(self, context: Context, request: Request, pending: Pending) -> None:
        self.state = AsyncRequestState.STARTED
        self._context = context
        self._request = request
        self._kind = pending.kind
        self._survives = pending.survives_connection
        # Steps of the work that hold up the event loop are reported, as those of a handler are.
        timed = TimedCoroutine(
            pending.work, context.connection.services.loop_monitor, context.describe
        )
        self._work: asyncio.Task[Reply] = asyncio.get_running_loop().create_task(timed)

    def serve(self, size: int, follow_up: Callable[[], Awaitable[None]]) -> None:
        """Answer the client when the work is done, and call `follow_up` after that.

        `size` is how many bytes of memory the request takes until then.
        """
        context, connection = self._context, self._context.connection
        # By message id, as a CANCEL can name the request by its AsyncId only after the interim
        # response. [MS-SMB2] 3.3.5.16
        pending = connection.pending
        pending.by_message_id[self._request.header.message_id] = self
        pending.unbounded += self._kind.is_unbounded
        pending.size += size
        serving = pending.spawn(self._serve(connection, follow_up))

        def end(_: object) -> None:
            pending.size -= size
            # Here and not in `_serve`: a task that is cancelled before its first step takes none.
            if self.state is not AsyncRequestState.COMPLETED:
                self._leave(connection)
                self._connection_lost(connection)

        serving.add_done_callback(end)
        # The open counts its outstanding requests, to refuse replays of them. [MS-SMB2] 3.3.5.2.10
        if context.entry is not None:
            serving.add_done_callback(context.entry.begin_request())

    def cancel(self) -> None:
        """Cancel the work: the request is answered with STATUS_CANCELLED. [MS-SMB2] 3.3.5.16

        Work that has ended meanwhile, or does not let itself be cancelled, is answered as ever.
        """
        self._work.cancel()

    async def _serve(
        self, connection: ServerConnection, follow_up: Callable[[], Awaitable[None]]
    ) -> None:
        """Send the interim response if it is due, and the reply once the work is done."""
        if self._request.header.command not in _NO_INTERIM:
            unbounded, limits = self._kind.is_unbounded, self._context.limits
            # Where others decide how long it takes, the interim response is sent at once: only
            # with its AsyncId can the client cancel the request. What ends by itself is mostly
            # quicker than the delay.
            delay = 0.0 if unbounded else limits.interim_delay
            done, _ = await asyncio.wait([self._work], timeout=delay)
            if not done:
                self._change(AsyncRequestEvent.INTERIM)
                await connection.send(connection.protocol.interim(self._request))
        # `wait` and not `await`: what the work fails with is no failure of this task.
        await asyncio.wait([self._work])
        self._change(AsyncRequestEvent.DONE)
        # Before the response is sent, so that a CANCEL which comes meanwhile finds nothing to
        # cancel.
        self._leave(connection)
        message = self._message()
        if message is not None:
            await connection.send(message)
        # Behind the response, since the rest of a related compound depends on its outcome.
        await follow_up()

    def _message(self) -> list[Buffer] | None:
        """Return the message with what the work came to."""
        try:
            reply = self._work.result()
        except asyncio.CancelledError:
            return fail(self._context, self._request, StatusError(NtStatus.CANCELLED))
        except Exception as error:
            return fail(self._context, self._request, error)
        return respond(self._context, self._request, reply)

    def _leave(self, connection: ServerConnection) -> None:
        """Take the request out of the tables of its connection: nothing can cancel it any more."""
        del connection.pending.by_message_id[self._request.header.message_id]
        connection.pending.unbounded -= self._kind.is_unbounded

    def _connection_lost(self, connection: ServerConnection) -> None:
        """Go on for another connection of the session, if that makes sense; else give up."""
        # A connection that has not closed yet lost this task to an error of the protocol or of the
        # server, and is about to close: there is nothing to be saved.
        other = self._other_connection() if self._survives and connection.closed else None
        if other is None:
            self._abandon()
        else:
            self._detach(other)

    def _other_connection(self) -> ServerConnection | None:
        """Return a connection of the session that has room for one more waiting request."""
        limit = self._context.limits.pending
        channels = self._context.connection.other_channels(self._context.session)
        return next(
            (each for each in channels if not each.closed and each.pending.unbounded < limit), None
        )

    def _detach(self, other: ServerConnection) -> None:
        """Let the work go on as long as another connection lasts, or one more after that."""
        self._change(AsyncRequestEvent.MOVED)
        # It takes a place among the waiting requests of the other connection, so that a client
        # cannot collect any number of them by closing channels.
        self._context.connection = other
        other.pending.unbounded += 1
        waiting = other.pending.spawn(self._wait_detached())

        def end(_: object) -> None:
            other.pending.unbounded -= 1
            # A task is cancelled only when its connection ends.
            if waiting.cancelled():
                self._connection_lost(other)

        waiting.add_done_callback(end)

    async def _wait_detached(self) -> None:
        """Wait for work whose result is sent to no client."""
        await asyncio.wait([self._work])
        self._change(AsyncRequestEvent.DONE)
        self._examine()

    def _abandon(self) -> None:
        """Cancel the work. What it fails with is counted and logged all the same."""
        self._change(AsyncRequestEvent.LOST)

        def examine(_: object) -> None:
            # There is no connection left that a broken protocol could end.
            with suppress(RemoteProtocolError):
                self._examine()

        self._work.cancel()
        self._work.add_done_callback(examine)

    def _examine(self) -> None:
        """Have an unexpected failure of the work counted and logged."""
        error = None if self._work.cancelled() else self._work.exception()
        if error is not None:
            failure_of(self._context, self._request, error)

    def _change(self, event: AsyncRequestEvent) -> None:
        self.state = next_state(TRANSITIONS, self.state, event)


def check_pending(context: Context, pending: Pending, *, last: bool) -> None:
    """Raise StatusError, and drop the work, if its request may not be answered later.

    `last` is whether it is the last one of its compound.
    """
    if not pending.kind.is_unbounded:
        # There may be any number: the connection receives nothing more beyond a limit.
        return
    refusal = None
    if pending.kind is PendingKind.EVENT and not last:
        # As Windows, [MS-SMB2] 3.3.5.2.7 <266>: what comes behind it might never be done. Not so
        # with a CREATE that waits for a break, which times out.
        refusal = NtStatus.INTERNAL_ERROR
    elif context.connection.pending.unbounded >= context.limits.pending:
        refusal = NtStatus.INSUFFICIENT_RESOURCES
    if refusal is not None:
        pending.work.close()
        raise StatusError(refusal)
