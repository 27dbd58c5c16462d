"""What is known of one client's connection, as plain values: its peer, its path, its progress."""

from functools import lru_cache
from time import time
from typing import Any, Final, Protocol

from smbquic.errors import HandshakeError
from smbquic.observe.audit import Trail
from smbquic.pki.explain import fingerprint
from smbquic.pki.verification import parse_der
from smbquic.transport.base import MessageTransport
from smbquic.transport.refusals import Refusal

ENDED_CONNECTIONS: Final = 200
"""Connections that are remembered after their end, the latest ones."""
_TEXT_LIMIT: Final = 256
_USERS: Final = 8


class ObservedConnection(Protocol):
    """A connection of a client. `since` is when it began, in Unix time.

    `logged_on_users` are those who have logged on, also if they have logged off again. `ended` says
    why this end has disconnected the client.
    """

    name: str
    transport: MessageTransport
    trail: Trail
    since: float
    logged_on_users: dict[str, None]
    ended: Refusal | None


def connection_facts(connection: ObservedConnection) -> dict[str, Any]:
    """Return what is known of a connection. What its client has chosen is shortened."""
    peer, path = connection.transport.peer, connection.transport.statistics()
    flow = connection.transport.flow()
    return {
        "id": connection.trail.connection,
        "name": connection.name,
        "since": round(connection.since, 3),
        "trace_id": peer.trace_id,
        "transport": peer.kind,
        "users": [user[:_TEXT_LIMIT] for user in list(connection.logged_on_users)[:_USERS]],
        "server_name": peer.server_name[:_TEXT_LIMIT],
        "engine": peer.engine,
        "engine_reason": peer.engine_reason,
        "cipher": peer.cipher,
        "group": peer.group,
        "resumed": peer.resumed,
        "handshake_ms": round(peer.handshake_seconds * 1000, 3),
        **path.figures(),
        "datagram_size": path.datagram_size,
        "received": flow.received,
        "sent": flow.sent,
        "waiting": flow.kept + flow.unfetched,
        "certificate": certificate_facts(peer.certificates[0]) if peer.certificates else None,
    }


def ended_connection_facts(connection: ObservedConnection) -> dict[str, Any]:
    """Return what is known of a connection that has just ended."""
    reason = connection.ended
    return {
        **connection_facts(connection),
        "ended": round(time(), 3),
        "reason": None if reason is None else str(reason),
        "waiting": 0,
    }


# Clients that come again show the same certificate.
@lru_cache(ENDED_CONNECTIONS)
def certificate_facts(der: bytes) -> dict[str, Any] | None:
    """Return what a client's certificate says; None if it cannot be read."""
    try:
        certificate = parse_der(der)
        return {
            "subject": certificate.subject.rfc4514_string()[:_TEXT_LIMIT],
            "issuer": certificate.issuer.rfc4514_string()[:_TEXT_LIMIT],
            "sha256": fingerprint(certificate),
            "not_after": certificate.not_valid_after_utc.timestamp(),
        }
    except (HandshakeError, ValueError):
        return None
