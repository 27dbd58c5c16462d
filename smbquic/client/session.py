"""A logon on a connection."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.spnego.initiator import Initiator
from smbquic.client.channels import Channels
from smbquic.client.connection import ClientConnection
from smbquic.client.response_waiters import Target
from smbquic.client.stat import ShareEntry
from smbquic.client.tree_connect import TreeConnect, check
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.response import Response
from smbquic.transport.addresses import is_ip_address
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.tree_connect import (
    ShareFlags,
    ShareType,
    TreeConnectRequest,
    TreeConnectResponse,
)


class Session:
    """A logon of one user. [MS-SMB2] 3.2.1.3

    `initiator` makes what logs on again when the server wants that, and what binds the session to
    further connections; without, it is an error.
    """

    def __init__(
        self,
        connection: ClientConnection,
        state: ClientSession,
        host: str,
        initiator: Callable[[ClientConnection], Initiator] | None = None,
    ) -> None:
        self.channels = Channels(connection, state)
        self.state = state
        self.host = host
        self._initiator = initiator
        self._logons = 1
        self._logging_on = asyncio.Lock()
        self._validated = False

    @classmethod
    async def logon(
        cls,
        connection: ClientConnection,
        credentials: Credentials,
        *,
        host: str,
        previous_session_id: int = 0,
    ) -> "Session":
        """Authenticate on a connection; `host` is the name that the user knows the server by.

        The server ends the session of `previous_session_id`, whose connection was lost: it need
        not notice by itself that nobody uses it. Raises `AuthenticationError`.
        """
        initiator = partial(_initiator, credentials, host)
        state = await connection.logon(
            initiator(connection), previous_session_id=previous_session_id
        )
        return cls(connection, state, host, initiator)

    @property
    def connection(self) -> ClientConnection:
        """The first of its connections: once that is closed, the session is lost."""
        return self.channels.first

    @property
    def session_id(self) -> int:
        """The number that the server gave to the session."""
        return self.state.id

    async def compound(self, bodies: Sequence[Message], target: Target) -> list[Response]:
        """Related requests in one message; an expired session logs on again before them.

        [MS-SMB2] 3.2.5.1.6
        """
        logons = self._logons
        responses = await self.channels.compound(bodies, target)
        if responses[0].status != NtStatus.NETWORK_SESSION_EXPIRED or self._initiator is None:
            return responses
        async with self._logging_on:
            if self._logons == logons:
                connection = self.connection
                await connection.logon(self._initiator(connection), self.state)
                self._logons += 1
        return await self.channels.compound(bodies, target)

    @property
    def can_bind(self) -> bool:
        """Whether the session can get further connections: both ends can, and it is no guest's."""
        has_keys = self.state.protection is not None and self._initiator is not None
        return has_keys and self.connection.protocol.multi_channel

    async def bind(self, connection: ClientConnection) -> None:
        """Bind the session to a further connection, with the same credentials.

        Raises `SecurityError` for one that is not to the same server, `AuthenticationError`,
        `ConnectionClosed`. [MS-SMB2] 3.2.5.3.3
        """
        assert self._initiator is not None
        self.channels.check(connection)
        await connection.bind(self._initiator(connection), self.state)
        self.channels.add(connection)

    async def logoff(self) -> None:
        """End the session, and all that was open in it. [MS-SMB2] 2.2.7"""
        check(await self.connection.request(LogoffRequest(), Target(self.state)))
        for connection in self.channels.connections:
            connection.protocol.forget(self.state)

    async def shares(self) -> list[ShareEntry]:
        """The shares of the server, as it lists them, those for administration too.

        Raises `DeniedError` where the server does not list them, as most servers over QUIC.
        """
        # Imported here: few clients call a service, and its messages are many.
        from smbquic.client.pipes import PIPE_SHARE, list_shares

        tree = await self.tree(PIPE_SHARE)
        try:
            return await list_shares(tree, self.host)
        finally:
            await tree.disconnect()

    async def tree(self, share: str) -> TreeConnect:
        """Connect to a share. Raises `NotFoundError`, `DeniedError`. [MS-SMB2] 2.2.9"""
        path = rf"\\{_unc_host(self.host)}\{share}"
        [response] = await self.compound([TreeConnectRequest(path)], Target(self.state))
        check(response, path)
        body: TreeConnectResponse = response.body
        target = Target(
            self.state,
            response.header.tree_id,
            encrypt=bool(body.share_flags & ShareFlags.ENCRYPT_DATA),
            pipes=body.share_type == ShareType.PIPE,
        )
        protocol = self.connection.protocol
        if protocol.must_validate and not self._validated:
            [answer] = await self.compound([protocol.validate_negotiate()], target)
            protocol.check_validation(answer)
            self._validated = True
        return TreeConnect(self.channels, self.compound, share, target, body)


def _initiator(credentials: Credentials, host: str, connection: ClientConnection) -> Initiator:
    """Return what proves the password, to the server at the other end of this connection only."""
    peer = connection.transport.peer
    end_point = b""
    if peer.leaf:
        # Imported here: over TCP nothing else needs `cryptography.x509`.
        from smbquic.pki.channel import server_end_point

        end_point = server_end_point(peer.leaf)
    # A server knows its names. Of its addresses it expects the one that the client has come to.
    name = peer.remote[0] if is_ip_address(host) else host
    return new_initiator(credentials, host=name, end_point=end_point)


def _unc_host(host: str) -> str:
    """A host as it stands in a UNC name, where a colon cannot."""
    if ":" not in host:
        return host
    return host.replace(":", "-").replace("%", "s") + ".ipv6-literal.net"
