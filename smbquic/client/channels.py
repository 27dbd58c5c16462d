"""The connections of one session: which of them a request takes, and what the loss of one means.

Requests that read or write file content go by the connection with the least under way, all others
by the first one, in the order in which they come. When a connection is lost, and the session has
others, it lives on with all that is open in it. What the server has not answered by then is sent
again on another connection as a replay, if the server may carry it out twice or can tell that it
has done so already. [MS-SMB2] 3.2.4.1.7, 3.2.7.1
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from smbquic.client.connection import ClientConnection
from smbquic.client.lease_breaks import LeaseBreaks
from smbquic.client.repeatable import are_repeatable, are_replayable
from smbquic.client.response_waiters import Target
from smbquic.client.retry import LOSSES_ALLOWED, delays
from smbquic.errors import ConnectionClosed, ProtocolError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.message import Message
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest

FIRST_DELAY = 0.02
"""Seconds before a replay that the server has refused is sent again."""
LONGEST_DELAY = 1.0
"""Seconds between two of them at most."""
REPLAYS = 60
"""How often a replay is sent that the server refuses: for about a minute."""

log = logging.getLogger(__name__)

_CONTENT = (ReadRequest, WriteRequest)


class Channels:
    """The connections that `session` is bound to, of which the first is the oldest.

    `lease_breaks` has the leases of the session, whose breaks may come on any of them.
    """

    def __init__(self, connection: ClientConnection, session: ClientSession) -> None:
        self.connections = [connection]
        self.lease_breaks = LeaseBreaks(self.compound)
        self.settled = asyncio.Event()
        """Set unless further connections are being made."""
        self.settled.set()
        self.wanted = asyncio.Event()
        """Set by the first request after a connection was lost: others are to be made."""
        self._is_reduced = False
        self._session = session
        self._opens = 0
        connection.owner = self

    @property
    def first(self) -> ClientConnection:
        """The oldest connection: once that is closed, so is the session."""
        return self.connections[0]

    @property
    def losses(self) -> int:
        """How many connections were lost while there were others, modulo 65536."""
        return self._session.channel_sequence

    # --- what belongs to it -------------------------------------------------------------------

    def check(self, connection: ClientConnection) -> None:
        """Raise `SecurityError` unless a connection can be one more.

        It has to be to the same server, and everything has to be negotiated as for the first.
        """
        first, other = self.first.protocol, connection.protocol
        assert first.server is not None
        assert other.server is not None
        if other.server.server_guid != first.server.server_guid:
            raise SecurityError("another server answers there")
        if other.negotiated != first.negotiated or not other.multi_channel:
            raise SecurityError("the server negotiates something else there")

    def add(self, connection: ClientConnection) -> None:
        """Add a connection that the session was bound to.

        Raises `ConnectionClosed` if there is nothing to add it to any more.
        """
        if self.first.closed or connection.closed:
            raise ConnectionClosed("the connection was lost while another one was made")
        connection.owner = self
        connection.stages = self.first.stages
        self.connections.append(connection)
        self._keep_up()

    def connection_lost(self, connection: ClientConnection) -> None:
        """Go on with the others; the last one stays, so that the session ends with it."""
        if len(self.connections) == 1 or connection not in self.connections:
            return
        self.connections.remove(connection)
        # Before anything is sent again: by this number the server refuses what still comes by the
        # lost connection. [MS-SMB2] 3.3.5.2.10
        self._session.count_lost_channel()
        self._is_reduced = True
        log.info("one of %d connections to the server was lost", len(self.connections) + 1)

    def add_open(self) -> None:
        """Keep the connections up: something was opened on the server."""
        self._opens += 1
        self._keep_up()

    def remove_open(self) -> None:
        """Let the connections fall silent once everything is closed: this was."""
        self._opens -= 1
        self._keep_up()

    def _keep_up(self) -> None:
        for connection in self.connections:
            connection.transport.keep_alive = self._opens > 0

    async def wait_abandoned(self) -> None:
        """Wait until everything is closed that cancelled requests have opened."""
        for connection in list(self.connections):
            await connection.abandoned_opens.wait_closed()

    # --- requests -----------------------------------------------------------------------------

    async def compound(self, bodies: Sequence[Message], target: Target) -> list[Response]:
        """Send related requests in one message and wait for all of their responses.

        Raises `ConnectionClosed` when the last connection ends before, or another one with
        requests that must not be sent again.
        """
        replay, attempts, refusals = False, 1, delays(FIRST_DELAY, LONGEST_DELAY)
        for _ in range(REPLAYS):
            if self._is_reduced:
                # Not before: servers end connections that nobody uses.
                self._is_reduced = False
                self.wanted.set()
            connection, losses_before = self._select(bodies), self.losses
            try:
                responses = await connection.compound(bodies, target, replay=replay)
            except ConnectionClosed as error:
                error.sent |= replay
                if attempts > LOSSES_ALLOWED or not self._may_go_on(error, bodies, target):
                    raise
                replay, attempts = error.sent, attempts + 1
                continue
            replay |= losses_before != self.losses
            if not replay or not _was_too_early(responses, bodies):
                break
            await asyncio.sleep(next(refusals))
        return _of_replay(responses, bodies) if replay else responses

    def _select(self, bodies: Sequence[Message]) -> ClientConnection:
        """Return the connection for a message. [MS-SMB2] 3.2.4.1.7"""
        if len(self.connections) == 1 or not any(isinstance(body, _CONTENT) for body in bodies):
            return self.connections[0]
        # Credits stand for bytes: one for up to 64 KiB. [MS-SMB2] 3.2.4.1.5
        return min(self.connections, key=attrgetter("charge"))

    def _may_go_on(
        self, error: ConnectionClosed, bodies: Sequence[Message], target: Target
    ) -> bool:
        """Return whether requests whose connection was lost may be sent on another one."""
        if self.first.closed or isinstance(error.__cause__, ProtocolError):
            # A server, or somebody in between, that breaks the protocol would do so again.
            return False
        return not error.sent or (are_replayable(bodies) and not target.pipes)


def _was_too_early(responses: Sequence[Response], bodies: Sequence[Message]) -> bool:
    """Return whether the server has refused requests that it would take later.

    It refuses a replay while the first of the two is still being carried out, and what was sent
    before a connection was lost and has come after a replay. [MS-SMB2] 3.3.5.2.10
    """
    refused = responses[0].status == NtStatus.FILE_NOT_AVAILABLE
    return refused and (len(bodies) == 1 or are_repeatable(bodies))


def _of_replay(responses: list[Response], bodies: Sequence[Message]) -> list[Response]:
    """Return what the requests come to. A file that the first CLOSE has closed is closed."""
    is_close = len(bodies) == 1 and isinstance(bodies[0], CloseRequest)
    if not is_close or responses[0].status != NtStatus.FILE_CLOSED:
        return responses
    return [replace(responses[0], status=NtStatus.SUCCESS, body=CloseResponse())]
