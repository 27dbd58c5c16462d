"""From a message to its requests and their handlers, and on to the messages that answer it.

One incoming message is one `Context` and one pass over its requests. Where a handler returns
`Pending`, an `AsyncRequest` answers the request later, with the rest of its compound behind it,
while the connection goes on with the next message.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.loop_monitor import HELD
from smbquic.overload.scheduler import UserQuota, acquire_time
from smbquic.protocol.request import Request
from smbquic.protocol.settings import SINGLE_CREDIT_SIZE
from smbquic.server import storage_calls
from smbquic.server.async_request import AsyncRequest, check_pending
from smbquic.server.commands import CommandEntry
from smbquic.server.connection import ServerConnection
from smbquic.server.context import Context
from smbquic.server.outcome import Outcome, Pending, RetryAfter
from smbquic.server.responses import fail, respond
from smbquic.server.retry import retry
from smbquic.storage import NotReady
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command

TIME_SLICE = 0.002
"""Seconds in which the requests of one compound are handled before other users are served."""

_MAX_HELD = 4 << 20
"""Bytes of responses in a compound, beyond which its further requests fail.

With the largest response on top, 8 MiB, they still fit into one message.
"""


class Dispatcher:
    """The dispatcher of the messages of all connections to `commands`.

    `next_file_id` gives FileIds.
    """

    def __init__(
        self, commands: Mapping[int, CommandEntry], next_file_id: Callable[[], FileId]
    ) -> None:
        self.commands = dict(commands)
        self._next_file_id = next_file_id

    async def handle(self, connection: ServerConnection, message: memoryview) -> list[list[Buffer]]:
        """Handle one message of a client; return the messages that answer it by now.

        Raises `RemoteProtocolError` if the connection has to end, and `ConnectionClosed` if its end
        comes before the user has processor time again.
        """
        # Before the message is decrypted: that costs time, too, which an unauthenticated client
        # could make the server spend.
        received = started = perf_counter()
        if connection.quota.is_exhausted():
            await acquire_time(connection)
            started = perf_counter()
        # A logon in this message may give the connection another quota; the message is charged to
        # the former one, under which it was received.
        quota = connection.quota
        requests = connection.protocol.receive(message)
        context = Context(connection, received)
        answers, following = self._dispatch(context, requests, 0)
        _charge(context, quota, started, answers)
        if following < len(requests):
            answers += await self._dispatch_rest(context, requests, following)
        return answers

    async def _dispatch_rest(
        self, context: Context, requests: list[Request], following: int
    ) -> list[list[Buffer]]:
        """Handle the requests of a compound from `following` on, one time slice after the other."""
        answers: list[list[Buffer]] = []
        while following < len(requests):
            connection = context.connection
            if connection.quota.is_exhausted():
                await acquire_time(connection)
            else:
                # One round of the event loop, in which other connections are served.
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
        number of requests once there is nothing left to do here.
        """
        messages: list[list[Buffer]] = []
        count = len(requests)
        # Almost every message has one request: it needs no deadline, which would cost a system
        # call for the clock.
        deadline = perf_counter() + TIME_SLICE if count > 1 else 0.0
        for index in range(first, count):
            # At least one request in each call, however long it takes: else a slow one would never
            # be handled.
            if index > first and perf_counter() >= deadline:
                return messages, index
            request = requests[index]
            try:
                outcome = self._handle(context, request)
                if isinstance(outcome, Pending):
                    self._defer(context, requests, index, outcome)
                    # The requests behind it are handled once it is answered: they may be about
                    # what it opens. [MS-SMB2] 3.3.5.2.7.2
                    break
            except Exception as error:
                message = fail(context, request, error)
            else:
                # An error here is one of the server and ends the connection: the response cannot
                # be encoded, or was sent before.
                message = None if outcome is None else respond(context, request, outcome)
            if message is not None:
                messages.append(message)
        return messages, count

    def _handle(self, context: Context, request: Request) -> Outcome:
        """Return what the handler of a request returns; raise what it fails with."""
        command = self.commands.get(request.header.command)
        if request.failure is not None or command is None:
            context.begin(request, session=False, tree=False)
            if request.header.command == Command.CANCEL:
                # One that cannot be understood has no response either. [MS-SMB2] 3.3.5.16
                return None
            raise StatusError.of(request.failure or NtStatus.INVALID_PARAMETER)
        # Session, then tree, then what the command itself checks: the order of [MS-SMB2] 3.3.5.2.9,
        # 3.3.5.2.11 and the sections of the commands, which decides the status of a request that is
        # wrong in several ways.
        try:
            context.begin(request, session=command.session, tree=command.tree)
            if context.held > _MAX_HELD:
                raise StatusError.of(NtStatus.INSUFFICIENT_RESOURCES)
            if command.tree:
                share = context.tree.share
                # The tree of IPC$ has pipes and no storage.
                if share is None:
                    return command.pipe(context, request)
                if share.coroutines is not None:
                    since = self._next_file_id().persistent
                    return storage_calls.handle(context, request, command, since)
            return command.handle(context, request)
        except (RetryAfter, NotReady) as reason:
            # Ids count up: what is opened from now on has a larger one.
            since = self._next_file_id().persistent
            return retry(context, request, command, reason, since)

    def _defer(
        self, context: Context, requests: list[Request], index: int, pending: Pending
    ) -> None:
        """Have a request answered later, and the rest of its compound handled after that.

        StatusError INTERNAL_ERROR and INSUFFICIENT_RESOURCES if that may not be.
        """
        request = requests[index]
        check_pending(context, pending, last=index == len(requests) - 1)
        # The whole message stays in memory until then. For work of the server's own, a response is
        # counted too that is as large as the client has paid for with credits; what waits for
        # others has no response yet.
        size = sum(len(each.raw) for each in requests)
        if not pending.kind.is_unbounded:
            size = max(size, request.header.credit_charge * SINGLE_CREDIT_SIZE)
        # The responses to what follows are not put into one message with those before, which
        # [MS-SMB2] 3.3.5.2.7.2 only recommends.
        follow_up = partial(self._send_rest, context, requests, index + 1)
        AsyncRequest(context, request, pending).serve(size, follow_up)

    async def _send_rest(self, context: Context, requests: list[Request], following: int) -> None:
        """Handle the requests of a compound from `following` on, and send what answers them."""
        for message in await self._dispatch_rest(context, requests, following):
            await context.connection.transport.send(*message)


def _charge(
    context: Context, quota: UserQuota, started: float, answers: list[list[Buffer]]
) -> None:
    """Charge a step to the quota that the connection had when the step began."""
    seconds = perf_counter() - started
    quota.charge(seconds)
    connection = context.connection
    for answer in answers:
        connection.quota.charge_response(connection, answer)
    if seconds >= HELD:
        context.connection.services.loop_monitor.step_ended(seconds, context.describe)
