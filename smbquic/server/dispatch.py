"""From a message to its requests and their handlers, and from any exception to a status.

One incoming message is one `Context` and one pass over its requests. A handler that gives a
coroutine is waited for in a task of its own, with the rest of its compound behind it, while the
connection goes on with the next message.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from time import perf_counter
from types import CoroutineType
from typing import Any

from smbquic.errors import RemoteProtocolError, StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.protocol.settings import SINGLE_CREDIT_SIZE
from smbquic.server.commands import CommandEntry
from smbquic.server.connection import ServerConnection
from smbquic.server.context import Context, wait_until_ready
from smbquic.server.outcome import Endless, Reply, RetryAfter
from smbquic.server.overload.loop_monitor import HELD, Timed
from smbquic.server.overload.scheduler import UserQuota
from smbquic.server.status import status_of
from smbquic.storage import NotReady
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command

_log = logging.getLogger(__name__)

TIME_SLICE = 0.002
"""Seconds in which the requests of one compound are handled before others have their turn."""

_MAX_HELD = 4 << 20
"""Bytes of answers in a compound, beyond which its further requests fail.

With the largest answer on top, 8 MiB, they still fit into one message.
"""
# As Windows; what SET_INFO waits for comes soon, or the server stops waiting for it.
_NO_INTERIM = frozenset({Command.NEGOTIATE, Command.SESSION_SETUP, Command.SET_INFO})


class Dispatcher:
    """Handles the messages of all connections by `commands`; `next_file_id` gives FileIds."""

    def __init__(
        self, commands: Mapping[int, CommandEntry], next_file_id: Callable[[], FileId]
    ) -> None:
        self.commands = dict(commands)
        self._next_file_id = next_file_id

    async def handle(self, connection: ServerConnection, message: memoryview) -> list[list[Buffer]]:
        """Handle one message of a client; return the messages that answer it by now.

        Raises `RemoteProtocolError` if the connection has to end, and `ConnectionClosed` if its end
        comes before the user's turn.
        """
        if connection.quota.is_exhausted():
            await connection.acquire_turn()
        # Whatever a logon makes of the connection, this message is the former user's.
        quota, started = connection.quota, perf_counter()
        requests = connection.protocol.receive(message)
        context = Context(connection)
        answers, following = self._dispatch(context, requests, 0)
        _charge(context, quota, started, answers)
        if following < len(requests):
            answers += await self._dispatch_rest(context, requests, following)
        return answers

    async def _dispatch_rest(
        self, context: Context, requests: list[Request], following: int
    ) -> list[list[Buffer]]:
        """Handle the requests of a compound from `following` on, each slice of time in its turn."""
        answers: list[list[Buffer]] = []
        while following < len(requests):
            connection = context.connection
            if connection.quota.is_exhausted():
                await connection.acquire_turn()
            else:
                await asyncio.sleep(0)
            quota, started = connection.quota, perf_counter()
            more, following = self._dispatch(context, requests, following)
            _charge(context, quota, started, more)
            answers += more
        return answers

    def _dispatch(
        self, context: Context, requests: list[Request], first: int
    ) -> tuple[list[list[Buffer]], int]:
        """Handle a message's requests from `first` on; return the messages that can be sent now.

        Of a compound, only as many as `TIME_SLICE` allows, since all other clients wait meanwhile.
        The second result is the index of the request to go on with, in another call; it is the
        number of requests once there is nothing left to do.
        """
        messages: list[list[Buffer]] = []
        count = len(requests)
        deadline = perf_counter() + TIME_SLICE if count > 1 else 0.0
        for index in range(first, count):
            if index > first and perf_counter() >= deadline:
                return messages, index
            request = requests[index]
            result = self._handle(context, request)
            kind = type(result)
            if kind is CoroutineType or kind is Endless:
                result = self._postpone(context, requests, index, result)
                if result is None:
                    break
            if result is not None:
                message = _answer(context, request, result)
                if message is not None:
                    messages.append(message)
        return messages, count

    def _handle(self, context: Context, request: Request) -> Any:
        """The response body, a `Reply`, a `StatusError`, work that goes on; None for CANCEL."""
        command = self.commands.get(request.header.command)
        try:
            if request.failure is not None or command is None:
                context.begin(request, session=False, tree=False)
                if request.header.command == Command.CANCEL:
                    return None
                raise StatusError.of(request.failure or NtStatus.INVALID_PARAMETER)
            context.begin(request, session=command.session, tree=command.tree)
            if context.held > _MAX_HELD:
                raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
            if command.tree and context.tree.share is None:
                return command.pipe(context, request)
            return command.handle(context, request)
        except (RetryAfter, NotReady) as reason:
            assert command is not None
            wait = reason if isinstance(reason, RetryAfter) else wait_until_ready(context, reason)
            # Ids count up: what is opened from now on has a larger one.
            since = self._next_file_id().persistent
            work = _try_again(context, request, command, wait, since)
            return Endless(work, anywhere=True, lasts=wait.meanwhile is not None)
        except Exception as error:
            return _failure(context, request, error)

    def _postpone(
        self, context: Context, requests: list[Request], index: int, result: Any
    ) -> StatusError | None:
        """Lets work go on while other messages are handled; the StatusError if it may not.

        What may never end has to be the last of its compound, with an exception for what waits for
        oplocks ([MS-SMB2] 3.3.5.2.7 <266>), and there is a limit to it. Of what does end there may
        be more; the connection waits for it.
        """
        connection = context.connection
        endless = type(result) is Endless
        work = result.work if endless else result
        if endless:
            refusal = None
            if index < len(requests) - 1 and not result.anywhere:
                refusal = NtStatus.INTERNAL_ERROR
            elif connection.endless >= context.limits.pending:
                refusal = NtStatus.INSUFFICIENT_RESOURCES
            if refusal is not None:
                work.close()
                return StatusError(refusal)
            connection.endless += 1
        timed = Timed(work, context.connection.services.loop_monitor, context.describe)
        task = asyncio.get_running_loop().create_task(timed)
        request = requests[index]
        connection.pending[request.header.message_id] = task
        lasts = endless and result.lasts
        # The whole message stays in memory until then, and an answer for which the client has paid.
        size = sum(len(each.raw) for each in requests)
        if not endless:
            size = max(size, request.header.credit_charge * SINGLE_CREDIT_SIZE)
        connection.pending_bytes += size
        answering = connection.spawn(self._finish(context, requests, index, task, endless=endless))

        def left(_: asyncio.Future[None]) -> None:
            connection.pending_bytes -= size
            # Here, because a task that is cancelled before its first step takes none at all.
            if connection.pending.pop(request.header.message_id, None) is not None:
                connection.endless -= endless
                if not (lasts and connection.closed and _hand_over(context, request, task)):
                    _give_up(context, request, task)

        answering.add_done_callback(left)
        if context.entry is not None:
            answering.add_done_callback(context.entry.begin_request())
        return None

    async def _finish(
        self,
        context: Context,
        requests: list[Request],
        index: int,
        task: asyncio.Future[Any],
        *,
        endless: bool,
    ) -> None:
        """Sees postponed work through, answers it, and goes on with the rest of its compound."""
        request = requests[index]
        connection = context.connection
        if request.header.command not in _NO_INTERIM:
            grace = 0.0 if endless else context.limits.interim_delay
            done, _ = await asyncio.wait([task], timeout=grace)
            if not done:
                await connection.send(connection.protocol.interim(request))
        await asyncio.wait([task])
        del connection.pending[request.header.message_id]
        connection.endless -= endless
        message = _answer(context, request, _outcome(context, request, task))
        if message is not None:
            await connection.send(message)
        for message in await self._dispatch_rest(context, requests, index + 1):
            await connection.transport.send(*message)


def _charge(
    context: Context, quota: UserQuota, started: float, answers: list[list[Buffer]]
) -> None:
    """Charge a step to whom the client counted as when it began."""
    seconds = perf_counter() - started
    quota.charge(seconds, answers)
    if seconds >= HELD:
        context.connection.services.loop_monitor.note(seconds, context.describe)


async def _try_again(
    context: Context, request: Request, command: CommandEntry, wait: RetryAfter, since: int
) -> Any:
    """Calls a handler until it has nothing to wait for any more."""
    with wait.meanwhile or nullcontext():
        while True:
            await asyncio.wait(wait.futures)
            # The session may be gone by now, or the tree.
            context.begin(request, session=command.session, tree=command.tree)
            context.waiting_since = since
            try:
                result = command.handle(context, request)
            except RetryAfter as again:
                wait = again
            except NotReady as again:
                wait = wait_until_ready(context, again)
            else:
                return await result if type(result) is CoroutineType else result
            finally:
                context.waiting_since = None


def _failure(context: Context, request: Request, error: BaseException) -> StatusError:
    """The one place where an exception becomes an NTSTATUS; raises what ends the connection."""
    if isinstance(error, StatusError):
        return error
    # A WireError is about something inside of a body; that the message itself was sound has been
    # seen before.
    if isinstance(error, OSError | WireError):
        return StatusError(status_of(error))
    if isinstance(error, RemoteProtocolError):
        raise error
    context.connection.services.failures += 1
    command = request.header.command
    _log.error(
        "%s: %s failed unexpectedly",
        context.connection.name,
        getattr(command, "name", command),
        exc_info=error,
    )
    return StatusError(status_of(error))


def _answer(context: Context, request: Request, result: Any) -> list[Buffer] | None:
    protocol = context.connection.protocol
    if isinstance(result, StatusError):
        context.failed = result.status
        return protocol.fail(request, result.status, result.data)
    context.failed = None
    if type(result) is Reply:
        message = protocol.respond(request, result.body, result.status)
    else:
        message = protocol.respond(request, result)
    if message is None and request.compound is not None:
        context.held += sum(map(len, request.compound.responses[-1].body))
    return message


def _hand_over(context: Context, request: Request, task: asyncio.Future[Any]) -> bool:
    """Has another connection see to work whose own is gone; False if there is none."""
    limit = context.limits.pending
    for connection in context.connection.other_channels(context.session):
        if not connection.closed and connection.endless < limit:
            _see_to(connection, context, request, task)
            return True
    return False


def _see_to(
    connection: ServerConnection, context: Context, request: Request, task: asyncio.Future[Any]
) -> None:
    """Keeps work up as long as a connection lasts, or another one after it."""
    connection.endless += 1
    context.connection = connection
    seeing = connection.spawn(_see_through(context, request, task))

    def left(_: asyncio.Future[None]) -> None:
        connection.endless -= 1
        if seeing.cancelled() and not (connection.closed and _hand_over(context, request, task)):
            _give_up(context, request, task)

    seeing.add_done_callback(left)


async def _see_through(context: Context, request: Request, task: asyncio.Future[Any]) -> None:
    """Waits for work that nobody expects an answer of any more."""
    await asyncio.wait([task])
    _outcome(context, request, task)


def _give_up(context: Context, request: Request, task: asyncio.Future[Any]) -> None:
    """Ends work that nobody waits for; what it fails with is looked at all the same."""

    def look(task: asyncio.Future[Any]) -> None:
        with suppress(RemoteProtocolError):
            _outcome(context, request, task)

    task.cancel()
    task.add_done_callback(look)


def _outcome(context: Context, request: Request, task: asyncio.Future[Any]) -> Any:
    if task.cancelled():
        return StatusError(NtStatus.CANCELLED)
    error = task.exception()
    return task.result() if error is None else _failure(context, request, error)
