"""One connection to a server: requests go out as credits allow, responses find who waits for them.

Any number of tasks may have requests under way. A request waits, first come first served, until the
server has granted the credits for it (`CreditQueue`). A task that is cancelled while it waits for
its response sends a CANCEL to the server, and a file that the server opened all the same is
closed again, or deleted if the request made it and may delete it (`AbandonedOpens`).
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from smbquic.auth.spnego.initiator import Initiator
from smbquic.client.abandoned_opens import AbandonedOpens
from smbquic.client.credit_queue import CreditQueue
from smbquic.client.echo_monitor import EchoMonitor
from smbquic.client.lease_breaks import LeaseBreaks
from smbquic.client.outgoing_messages import OutgoingMessages
from smbquic.client.response_waiters import (
    ResponseWaiter,
    ResponseWaiters,
    Target,
    waiters_for,
)
from smbquic.client.stages import Stages
from smbquic.errors import ConnectionClosed, IdleTimeout, LocalProtocolError, SmbError
from smbquic.protocol.client import ClientProtocol, Sent
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.message import UNSOLICITED
from smbquic.protocol.response import Response
from smbquic.protocol.settings import ClientSettings
from smbquic.transport.base import MessageTransport
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest
from smbquic.wire.message import Message

log = logging.getLogger(__name__)


class ConnectionOwner(Protocol):
    """The session that a connection belongs to."""

    lease_breaks: LeaseBreaks

    def connection_lost(self, connection: "ClientConnection") -> None:
        """Note that the connection has ended, before those who wait for responses do."""


class ClientConnection:
    """An SMB connection over any `MessageTransport`. [MS-SMB2] 3.2.1.2

    `protocol` has the rules without I/O, and knows what was negotiated. Make one with `open`.
    """

    def __init__(self, transport: MessageTransport, protocol: ClientProtocol) -> None:
        self.transport = transport
        self.protocol = protocol
        self.stages = Stages()
        """How long each stage of connecting took, as far as the caller has noted."""
        self.owner: ConnectionOwner | None = None
        """The session that is told of notifications and of the connection's end."""
        self._outstanding = ResponseWaiters()
        self._outgoing = OutgoingMessages(transport)
        self.credits = CreditQueue(protocol.credit_pool, self._outstanding, self._send_echo)
        self.abandoned_opens = AbandonedOpens(self.compound)
        self.monitor = EchoMonitor(
            transport, self._outstanding, self._send_echo_if_possible, self._fail
        )
        self._failure: SmbError | None = None
        self._tasks = [
            asyncio.create_task(self._receive_messages()),
            asyncio.create_task(self._send_messages()),
        ]

    @classmethod
    async def open(
        cls,
        transport: MessageTransport,
        settings: ClientSettings,
        *,
        server_name: str,
        prepared: ClientProtocol | None = None,
    ) -> "ClientConnection":
        """Negotiate on a fresh transport, which belongs to the connection from here on.

        What is `prepared`, with the same settings, is used if it is for this kind of transport.
        Raises `StatusError` where the server refuses, `RemoteProtocolError`, `ConnectionClosed`.
        """
        quic = transport.peer.kind == "quic"
        protocol = prepared
        if protocol is None or protocol.quic != quic:
            protocol = ClientProtocol(
                settings, quic=quic, server_name=server_name, random=os.urandom
            )
        connection = cls(transport, protocol)
        try:
            response = await connection._exchange(protocol.negotiate())
            protocol.receive_negotiate_response(response)
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._failure is not None

    @property
    def charge(self) -> int:
        """Credits of the requests that have no response yet."""
        return self._outstanding.charge

    # --- requests ---------------------------------------------------------------------------

    async def request(self, body: Message, target: Target) -> Response:
        """Send one request and wait for its final response, whatever its status is."""
        [response] = await self.compound([body], target)
        return response

    async def compound(
        self, bodies: Sequence[Message], target: Target, *, replay: bool = False
    ) -> list[Response]:
        """Send related requests in one message and wait for all of their responses.

        `replay` says that another connection of the session was lost with them. [MS-SMB2]
        3.2.4.1.4. Raises `ConnectionClosed` when the connection ends before.
        """
        charges = [self.protocol.charge(body) for body in bodies]
        await self._acquire_credits(sum(charges))
        return await self._wait(self._send_compound(bodies, charges, target, replay=replay))

    async def logon(
        self,
        initiator: Initiator,
        session: ClientSession | None = None,
        *,
        previous_session_id: int = 0,
    ) -> ClientSession:
        """Authenticate, for a new session or once more. [MS-SMB2] 3.2.4.2.3

        A new session takes the place of the one of `previous_session_id`, whose connection was
        lost. Raises `AuthenticationError`.
        """
        await self._acquire_credits(1)
        return await self._log_on(
            *self.protocol.session_setup(
                initiator, previous_session_id=previous_session_id, session=session
            )
        )

    async def bind(self, initiator: Initiator, session: ClientSession) -> None:
        """Bind a session of another connection to this one too. [MS-SMB2] 3.2.4.2.3

        Raises `AuthenticationError`.
        """
        await self._acquire_credits(1)
        await self._log_on(*self.protocol.bind(initiator, session))

    async def _log_on(self, session: ClientSession, sent: Sent) -> ClientSession:
        """Exchange the messages of a logon, of which the first is made."""
        while True:
            response = await self._exchange(sent)
            await self._acquire_credits(1)
            following = self.protocol.receive_session_setup_response(session, response)
            if following is None:
                return session
            sent = following

    async def echo(self) -> None:
        """Ask the server for a sign of life. [MS-SMB2] 2.2.28"""
        await self.request(EchoRequest(), Target())

    async def _acquire_credits(self, charge: int) -> None:
        """Wait for credits, which the caller spends without another await."""
        self._check_open()
        await self.credits.acquire(charge)
        self._check_open()

    async def _exchange(self, sent: Sent) -> Response:
        """Send one of the messages that `protocol` makes by itself; they cost one credit each."""
        waiter = ResponseWaiter(asyncio.get_running_loop().create_future(), Target(), 1)
        waiters = {sent.message_id: waiter}
        self._send(waiters, sent.buffers)
        [response] = await self._wait(waiters)
        return response

    def _send_compound(
        self,
        bodies: Sequence[Message],
        charges: Sequence[int],
        target: Target,
        *,
        replay: bool = False,
    ) -> dict[int, ResponseWaiter]:
        """Spend credits that are there on a message, and send it."""
        sent = self.protocol.compound(
            bodies,
            session=target.session,
            tree_id=target.tree_id,
            encrypt=target.encrypt,
            replay=replay,
        )
        waiters = waiters_for(bodies, charges, sent.message_ids, target)
        self._send(waiters, sent.buffers)
        return waiters

    def _send(self, waiters: dict[int, ResponseWaiter], buffers: Sequence[Buffer]) -> None:
        """Send a message, whatever happens to the task that wants it from here on.

        Its message ids are spent, and a server waits for ids that it never sees.
        """
        if not self._outstanding:
            self.monitor.reset()  # until now the server owed us nothing
        self._outstanding.add(waiters, asyncio.get_running_loop().time())
        self._outgoing.send(buffers)

    async def _wait(self, waiters: dict[int, ResponseWaiter]) -> list[Response]:
        """Wait for the responses; cancels the requests on the server if the task is cancelled."""
        try:
            # A future that is cancelled while it is awaited takes no result any more: that of a
            # CREATE has to, so that what it opened can be closed.
            return [
                await (asyncio.shield(waiter.future) if waiter.leaves_open else waiter.future)
                for waiter in waiters.values()
            ]
        except asyncio.CancelledError:
            self._cancel(waiters)
            raise

    def _cancel(self, waiters: dict[int, ResponseWaiter]) -> None:
        """Ask the server to stop, and close what it opens in spite of that."""
        for message_id, waiter in waiters.items():
            if waiter.leaves_open:
                self.abandoned_opens.close(waiter)
            else:
                waiter.future.cancel()
            if message_id in self._outstanding:
                self._outgoing.send(self.protocol.cancel(message_id))

    def _send_echo(self) -> None:
        """Send an ECHO that no task waits for; there is a credit for it."""
        self._send_compound([EchoRequest()], [1], Target())

    def _send_echo_if_possible(self) -> None:
        # Without a credit all requests are waited for, and their responses are a sign of life.
        if self.credits.available > 0:
            self._send_echo()

    # --- receiving --------------------------------------------------------------------------

    async def _receive_messages(self) -> None:
        try:
            while True:
                message = await self.transport.receive()
                self.monitor.reset()
                for response in self.protocol.receive(message):
                    self._deliver(response)
                self.credits.update()
        except SmbError as error:
            self._fail(error)
        except Exception as error:
            log.exception("the connection ends on an error of ours")
            self._fail(LocalProtocolError(f"internal error: {error}"))

    def _deliver(self, response: Response) -> None:
        if response.message_id == UNSOLICITED:
            log.debug("unsolicited: %s", response.body)
            if self.owner is not None:
                self.owner.lease_breaks.receive(response.body)
        else:
            self._outstanding.deliver(response)

    async def _send_messages(self) -> None:
        try:
            await self._outgoing.run()
        except SmbError as error:
            self._fail(error)

    # --- the end ----------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._failure is not None:
            raise self._closed_error()

    def _closed_error(self, *, sent: bool = False) -> ConnectionClosed:
        """Return a fresh error for one of those who wait: an exception is not raised twice."""
        kind = IdleTimeout if isinstance(self._failure, IdleTimeout) else ConnectionClosed
        error = kind(str(self._failure))
        error.sent = sent
        error.__cause__ = self._failure
        return error

    def _fail(self, error: SmbError, *, answered: bool = False) -> None:
        if self._failure is not None:
            return
        self._failure = error
        if self.owner is not None:
            self.owner.connection_lost(self)
        self.monitor.stop()
        self.transport.close(str(error), answered=answered)
        self._outstanding.fail(partial(self._closed_error, sent=True))
        self.credits.fail(self._closed_error)

    async def close(self) -> None:
        """End the connection; the tasks that still wait get `ConnectionClosed`."""
        self.owner = None  # it is not lost
        answered = not self._outstanding and not self._outgoing.blocked
        self._fail(ConnectionClosed("the connection was closed"), answered=answered)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.abandoned_opens.cancel()
        await self.transport.wait_closed()
