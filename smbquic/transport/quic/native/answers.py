"""Answers what a native connection asks during its handshake: IDs, certificates, verification."""

import logging
import os
from collections import deque
from collections.abc import Callable

from smbquic_native import ServerConfig, Ticket

from smbquic.errors import HandshakeError
from smbquic.transport.quic.connection_ids import ConnectionIdSource
from smbquic.transport.quic.engine import ConnectionIds, ResetToken, Verify
from smbquic.transport.quic.packet import CONNECTION_ID_SIZE
from smbquic.transport.quic.tls import (
    alert_of,
    malformed_certificate,
    reason_phrase,
    wrong_key,
)

_INTERNAL_ERROR = 80
"""The TLS alert for a fault of this end ([RFC8446] 6.2)."""
MOST_IDS = 64
"""Connection IDs of one connection that are known at once. The library does not report which of
them the peer has retired; it issues 8, and another one for each of those."""

Refused = tuple[int, str]
"""The TLS alert and the reason phrase for a peer that was refused."""
Chosen = tuple[ServerConfig, Verify | None]
"""A server's certificate, and what verifies its clients."""
Choose = Callable[[str], Chosen | None]
"""Finds a server's certificate by the name that is asked for."""

logger = logging.getLogger(__name__)


class Answers:
    """The answers for one connection.

    `first_id` is the connection ID that the peer gets first, which is not reported to `ids`. A
    client has no `choose`. `cause` is why the peer was refused, and `tickets` are what a client
    was given. After the handshake only IDs are asked for, perhaps by another thread.
    """

    def __init__(
        self,
        ids: ConnectionIds,
        source: ConnectionIdSource | None,
        reset_token: ResetToken | None,
        verify: Verify | None,
        choose: Choose | None = None,
    ) -> None:
        self.ids = ids
        self._source = source
        self._reset_token = reset_token
        self._verify = verify
        self._choose = choose
        self.id_size = source.size if source is not None else CONNECTION_ID_SIZE
        self.first_id = self._make_id()
        self._issued: deque[bytes] = deque()
        self._first_given = False
        self.cause: HandshakeError | None = None
        self.tickets: list[Ticket] = []

    @property
    def known_ids(self) -> list[bytes]:
        """The connection IDs that the peer may use."""
        return [self.first_id, *self._issued]

    def _make_id(self) -> bytes:
        return self._source.new() if self._source is not None else os.urandom(self.id_size)

    # Methods that the library calls.

    def new_id(self) -> bytes:
        """Return a connection ID by which the peer may address this end from now on."""
        if not self._first_given:
            self._first_given = True
            return self.first_id
        new = self._make_id()
        self._issued.append(new)
        self.ids.issued(new)
        if len(self._issued) > MOST_IDS:
            self.ids.retired(self._issued.popleft())
        return new

    def reset_token(self, connection_id: bytes) -> bytes:
        """Return the token of a stateless reset; a client never sends one."""
        if self._reset_token is None:
            return os.urandom(16)
        return self._reset_token(connection_id)

    def verify(self, chain: list[bytes]) -> Refused | None:
        """Verify the peer's chain (DER, leaf first); return None if it is accepted."""
        try:
            if self._verify is not None:
                self._verify(chain)
        except HandshakeError as error:
            return self._refused(error)
        except Exception:
            # A fault of ours ends this handshake, and nothing else.
            logger.exception("a peer's certificate cannot be verified")
            return _INTERNAL_ERROR, ""
        return None

    def choose(self, server_name: str) -> ServerConfig | Refused:
        """Return a server's certificate for a client that asks for a name, which may be empty."""
        assert self._choose is not None, "a client has no certificate to choose"
        chosen = self._choose(server_name)
        if chosen is None:
            wanted = (
                f"there is no certificate for the name {server_name!r}"
                if server_name
                else "the client asks for no name, and there is no default certificate"
            )
            return self._refused(HandshakeError(wanted, "unrecognized-name"))
        config, self._verify = chosen
        return config

    def refuse(self, kind: str, detail: str) -> Refused:
        """Return what the peer is told that the library refuses."""
        match kind:
            case "wrong-key":
                return self._refused(wrong_key(ValueError(detail)))
            case "no-certificate":
                return self._refused(
                    HandshakeError("the client showed no certificate", "no-certificate")
                )
            case _:
                return self._refused(malformed_certificate(ValueError(detail)))

    def keep(self, ticket: Ticket) -> None:
        """Take a ticket of the server."""
        self.tickets.append(ticket)

    def _refused(self, error: HandshakeError) -> Refused:
        self.cause = error
        return alert_of(error), reason_phrase(error)
