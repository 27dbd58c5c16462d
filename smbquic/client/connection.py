"""One connection to a server: requests go out as credits allow, responses find who waits for them.

Any number of tasks may have requests under way. What a task sends waits, first come first
served, until the server has granted the credits for it; nothing is ever sent on credits that were
not granted (servers hang up on that, and rightly so). A task that is cancelled while it waits for
its response tells the server so with a CANCEL, and a file that the server opened all the same is
closed again, or deleted if the request made it and may delete it.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smbquic.auth.spnego.initiator import Initiator
from smbquic.client import requests
from smbquic.client.stages import Stages
from smbquic.errors import ConnectionClosed, IdleTimeout, LocalProtocolError, SmbError
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.response import Response
from smbquic.protocol.settings import ClientSettings
from smbquic.transport.base import MessageTransport
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateRequest, CreateResponse
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest
from smbquic.wire.message import Message

log = logging.getLogger(__name__)

KEEP_ALIVE = 10.0
"""Seconds of silence after which an ECHO asks whether the server is still there."""

GIVE_UP = 60.0
"""Seconds of silence after which a server that owes an answer counts as gone, and by which it may
prefer later requests to an earlier one."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request belongs: the session, the tree, and whether it has to be encrypted."""

    session: ClientSession | None = None
    tree_id: int = 0
    encrypt: bool = False


@dataclass(slots=True, eq=False)
class _Waiter:
    future: "asyncio.Future[Response]"
    target: Target
    charge: int
    leaves_open: bool = False  # a CREATE that nothing in its compound closes again
    makes: bool = False  # such a CREATE makes a file, and has the right to delete it
    since: float = 0.0  # when it was put on its way
    pending: bool = False  # the server said that the answer takes time


class ClientConnection:
    """An SMB connection over any `MessageTransport`. [MS-SMB2] 3.2.1.2

    `protocol` is the sans-IO half, which knows what was negotiated. Make one with `open`.
    """

    def __init__(self, transport: MessageTransport, protocol: ClientProtocol) -> None:
        self.transport = transport
        self.protocol = protocol
        self.stages = Stages()
        """How long it took to get here, as far as whoever made it has noted."""
        self.credit_limit = 1
        """The most credits that the server has let us hold so far, spent or not."""
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._reserved = 0  # credits given to tasks of the queue that have not run since
        self._spent = 0  # credits of requests that are not answered yet
        self._begged = -1  # the credits that we held when an ECHO last asked for more
        self._waiting: dict[int, _Waiter] = {}
        self._outbox: deque[Sequence[Buffer]] = deque()
        self._outgoing = asyncio.Event()
        self._writing = False  # messages wait for the transport, and others have to queue up
        self._opens = 0
        self._end: SmbError | None = None
        self._heard = self._loop.time()
        self._answered = 0.0  # when the latest of the requests that were answered was sent
        self._timer = self._loop.call_later(KEEP_ALIVE, self._tick)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        self._closing: set[asyncio.Task[None]] = set()  # they close what nobody waits for any more

    @classmethod
    async def open(
        cls, transport: MessageTransport, settings: ClientSettings, *, server_name: str
    ) -> "ClientConnection":
        """Negotiate on a fresh transport, which belongs to the connection from here on.

        Raises `StatusError` where the server refuses, `RemoteProtocolError`, `ConnectionClosed`.
        """
        quic = transport.peer.kind == "quic"
        protocol = ClientProtocol(settings, quic=quic, server_name=server_name, random=os.urandom)
        connection = cls(transport, protocol)
        try:
            response = await connection._single(protocol.negotiate())
            protocol.receive_negotiate_response(response)
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def closed(self) -> bool:
        """Whether the connection has come to its end."""
        return self._end is not None

    # --- requests ---------------------------------------------------------------------------

    async def request(self, body: Message, target: Target) -> Response:
        """Send one request and wait for its final response, whatever its status is."""
        [response] = await self.compound([body], target)
        return response

    async def compound(self, bodies: Sequence[Message], target: Target) -> list[Response]:
        """Send related requests in one message and wait for all of their responses.

        [MS-SMB2] 3.2.4.1.4. Raises `ConnectionClosed` when the connection ends before.
        """
        charges = [self.protocol.charge(body) for body in bodies]
        await self._credits(sum(charges))
        return await self._answers(self._post_compound(bodies, charges, target))

    async def logon(
        self, initiator: Initiator, session: ClientSession | None = None
    ) -> ClientSession:
        """Authenticate, for a new session or once more. [MS-SMB2] 3.2.4.2.3

        Raises `AuthenticationError`.
        """
        await self._credits(1)
        session, sent = self.protocol.session_setup(initiator, session=session)
        while True:
            response = await self._single(sent)
            await self._credits(1)
            following = self.protocol.receive_session_setup_response(session, response)
            if following is None:
                return session
            sent = following

    async def _single(self, sent: Sent) -> Response:
        """Send one of the messages that `protocol` makes by itself; they cost one credit each."""
        waiter = _Waiter(self._loop.create_future(), Target(), 1)
        self._post({sent.message_id: waiter}, sent.buffers)
        [response] = await self._answers({sent.message_id: waiter})
        return response

    def _post_compound(
        self, bodies: Sequence[Message], charges: Sequence[int], target: Target
    ) -> dict[int, _Waiter]:
        """Spend credits that are there on a message, and put it on its way."""
        sent = self.protocol.compound(
            bodies, session=target.session, tree_id=target.tree_id, encrypt=target.encrypt
        )
        waiters = {
            message_id: _Waiter(self._loop.create_future(), target, charge)
            for message_id, charge in zip(sent.message_ids, charges, strict=True)
        }
        opening = bodies[0]
        if isinstance(opening, CreateRequest) and not isinstance(bodies[-1], CloseRequest):
            waiter = waiters[sent.message_ids[0]]
            waiter.leaves_open = True
            waiter.makes = (
                opening.create_disposition == CreateDisposition.FILE_CREATE
                and opening.desired_access & AccessMask.DELETE != 0
            )
        self._post(waiters, sent.buffers)
        return waiters

    def _post(self, waiters: dict[int, _Waiter], buffers: Sequence[Buffer]) -> None:
        """From here on the message is sent whatever happens to the task that wants it.

        Its ids are spent, and a server waits for ids that it never sees.
        """
        now = self._loop.time()
        if not self._waiting:
            self._heard = now  # until now the server owed us nothing
        for waiter in waiters.values():
            waiter.since = now
        self._waiting.update(waiters)
        self._spent += sum(waiter.charge for waiter in waiters.values())
        self._send(buffers)

    def _send(self, buffers: Sequence[Buffer]) -> None:
        """Send in order, at once if that is possible."""
        if self._writing or not self.transport.send_now(*buffers):
            self._writing = True
            self._outbox.append(buffers)
            self._outgoing.set()

    async def _answers(self, waiters: dict[int, _Waiter]) -> list[Response]:
        try:
            # What is cancelled while it is awaited takes no result any more.
            return [
                await (asyncio.shield(waiter.future) if waiter.leaves_open else waiter.future)
                for waiter in waiters.values()
            ]
        except asyncio.CancelledError:
            self._abandon(waiters)
            raise

    def _abandon(self, waiters: dict[int, _Waiter]) -> None:
        """Nobody waits any more: ask the server to stop, and take note if it does not."""
        for message_id, waiter in waiters.items():
            if waiter.leaves_open:
                # Its answer may be here already, or come in spite of the CANCEL.
                task = asyncio.create_task(self._close_late(waiter))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            else:
                waiter.future.cancel()
            if message_id in self._waiting:
                self._send(self.protocol.cancel(message_id))

    async def _close_late(self, waiter: _Waiter) -> None:
        """Close what a CREATE has opened that nobody waits for any more."""
        try:
            opened = (await waiter.future).body
            if not isinstance(opened, CreateResponse):
                return
            if waiter.makes:
                bodies = [requests.delete(opened.file_id), requests.close()]
                _, closed = await self.compound(bodies, waiter.target)
                if not closed.status.is_error:
                    return
                # Some servers fail the rest of a compound after a failure.
            await self.request(requests.close(opened.file_id), waiter.target)
        except SmbError as error:
            log.debug("what a cancelled request opened is left to the server: %s", error)

    async def settle(self) -> None:
        """Wait until everything that cancelled requests have opened is closed again."""
        while self._closing:
            await asyncio.wait(self._closing)

    # --- credits ----------------------------------------------------------------------------

    @property
    def _free(self) -> int:
        return self.protocol.credits - self._reserved

    async def _credits(self, charge: int) -> None:
        """Wait until `charge` credits are there; the caller spends them without another await.

        First come, first served: a large request is not starved by small ones that came later.
        """
        self._check()
        if not self._queue and charge <= self._free:
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._queue.append((charge, turn))
        self._beg()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._serve_queue()
            else:
                self._give_back(charge, turn)
            raise
        self._reserved -= charge
        self._check()

    def _give_back(self, charge: int, turn: "asyncio.Future[None]") -> None:
        """A task was cancelled between getting its credits and spending them."""
        if turn.exception() is None:
            self._reserved -= charge
        self._serve_queue()

    def _serve_queue(self) -> None:
        while self._queue:
            charge, turn = self._queue[0]
            if not turn.done():
                if charge > self._free:
                    break
                self._reserved += charge
                turn.set_result(None)
            self._queue.popleft()
        self._beg()

    def _beg(self) -> None:
        """Where nothing is under way whose answer could bring credits, an ECHO fetches some.

        If the last one brought nothing, whoever is first in the queue asks for too much.
        """
        if not self._queue or self._waiting or self._reserved:
            return
        held = self.protocol.credits
        if held in (0, self._begged):
            self._begged = -1
            charge, turn = self._queue.popleft()
            if not turn.done():
                message = f"the request takes {charge} credits, and the server grants only {held}"
                turn.set_exception(LocalProtocolError(message))
            self._serve_queue()
        else:
            self._begged = held
            self._post_compound([EchoRequest()], [1], Target())

    def affordable(self, size: int) -> int:
        """The part of `size` payload bytes that one request may move without using up
        everything that the server has granted."""
        return min(size, CREDIT_SIZE * max(1, self.credit_limit // 4))

    # --- receiving --------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                message = await self.transport.receive()
                self._heard = self._loop.time()
                for response in self.protocol.receive(message):
                    self._deliver(response)
                held = self.protocol.credits + self._spent
                self.credit_limit = max(self.credit_limit, held)
                if self._queue:
                    self._serve_queue()
        except SmbError as error:
            self._fail(error)
        except Exception as error:
            log.exception("the connection ends on an error of ours")
            self._fail(LocalProtocolError(f"internal error: {error}"))

    async def _write(self) -> None:
        try:
            while True:
                await self._outgoing.wait()
                self._outgoing.clear()
                while self._outbox:
                    await self.transport.send(*self._outbox.popleft())
                self._writing = False
        except SmbError as error:
            self._fail(error)

    def _deliver(self, response: Response) -> None:
        if response.message_id == UNSOLICITED:
            log.debug("unasked: %s", response.body)
            return
        if response.pending:
            self._waiting[response.message_id].pending = True
            return
        waiter = self._waiting.pop(response.message_id)
        self._spent -= waiter.charge
        self._answered = max(self._answered, waiter.since)
        if not waiter.future.done():
            waiter.future.set_result(response)

    def _aside(self, body: Message, target: Target) -> None:
        """Send what nobody waits for, if there is a credit for it."""
        if self._free > 0:
            self._post_compound([body], [1], target)

    # --- the end ----------------------------------------------------------------------------

    def _check(self) -> None:
        if self._end is not None:
            raise self._ended()

    def _ended(self) -> ConnectionClosed:
        """A fresh error for one of those who waited; an exception is not raised twice."""
        kind = IdleTimeout if isinstance(self._end, IdleTimeout) else ConnectionClosed
        error = kind(str(self._end))
        error.__cause__ = self._end
        return error

    def _fail(self, error: SmbError) -> None:
        if self._end is not None:
            return
        self._end = error
        self._timer.cancel()
        self.transport.close(str(error))
        for waiter in self._waiting.values():
            self._fail_future(waiter.future)
        for _, turn in self._queue:
            self._fail_future(turn)
        self._waiting.clear()
        self._queue.clear()

    def _fail_future(self, future: "asyncio.Future[Any]") -> None:
        if not future.done():
            future.set_exception(self._ended())
            future.exception()  # whoever waits gets it, but nobody has to

    async def close(self) -> None:
        """End the connection; whatever is still waited for fails with `ConnectionClosed`."""
        self._fail(ConnectionClosed("the connection was closed"))
        tasks = [*self._tasks, *self._closing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.transport.wait_closed()

    # --- staying alive ----------------------------------------------------------------------

    def hold(self) -> None:
        """Something was opened on the server: the connection is kept up from now on."""
        self._opens += 1
        self.transport.keep_alive = True

    def release(self) -> None:
        """Something was closed; with the last one the connection may fall silent."""
        self._opens -= 1
        self.transport.keep_alive = self._opens > 0

    def _tick(self) -> None:
        silence = self._loop.time() - self._heard
        if self._waiting and silence >= GIVE_UP:
            self._fail(IdleTimeout(f"the server has not answered for {silence:.0f} s"))
            return
        if self._forgotten():
            self._fail(IdleTimeout("the server answers, but not what it was asked first"))
            return
        due = KEEP_ALIVE - silence
        if due <= 0:
            due = KEEP_ALIVE
            if self._opens or self._waiting:
                self._aside(EchoRequest(), Target())
        self._timer = self._loop.call_later(due, self._tick)

    def _forgotten(self) -> bool:
        """Whether a request waits although much later ones, ECHOs perhaps, were answered.

        On a slow link an answer may take minutes, but then those behind it take longer.
        """
        oldest = next((waiter for waiter in self._waiting.values() if not waiter.pending), None)
        return oldest is not None and self._answered - oldest.since >= GIVE_UP

    async def echo(self) -> None:
        """Ask the server for a sign of life. [MS-SMB2] 2.2.28"""
        await self.request(EchoRequest(), Target())
