"""Reads the status of a connection of the native engine, its handshake and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbquic_native import Connection

from smbquic.transport.base import ClientHello, EcnCounts, PathStatistics
from smbquic.transport.quic.engine import STATELESS_RESET, CloseReason, Security
from smbquic.transport.quic.native.answers import Answers
from smbquic.transport.quic.receive_estimate import ReceiveEstimate

if TYPE_CHECKING:
    # Only on Linux.
    from smbquic_native import ThreadedConnection


class NativeStatus:
    """The properties of an `Engine` that are read from the library.

    `own_idle_timeout` is in seconds. `_closed_until` is when a handshake that failed with its first
    packet is forgotten; with `_abandoned`, nothing is sent or awaited any more.
    """

    def __init__(
        self,
        quic: Connection,
        answers: Answers,
        own_idle_timeout: float,
        first_size: int,
        estimate: ReceiveEstimate,
    ) -> None:
        self._quic: Connection | ThreadedConnection = quic
        self._answers = answers
        self.connection_id: bytes = answers.first_id
        self._own_idle_timeout = own_idle_timeout
        self._first_size = first_size
        self._estimate = estimate
        self._closed_until: float | None = None
        self._abandoned = False
        self.close_reason: CloseReason | None = None

    @property
    def client_hello(self) -> ClientHello:
        """See `Engine`."""
        name, chain = self._quic.claims
        return ClientHello(name, tuple(chain))

    @property
    def key_phase(self) -> int:
        """See `Engine`."""
        return self._quic.key_phase

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        return self._quic.begun

    @property
    def terminated(self) -> bool:
        """See `Engine`."""
        if self._abandoned:
            return True
        # Mostly it is open, which is known without asking the library.
        ended = self.close_reason is not None and self._closed_until is None
        return ended and self._quic.terminated

    @property
    def held(self) -> int:
        """See `Engine`: an estimate, as the library does not report it."""
        return self._estimate.held

    @property
    def partial(self) -> int:
        """See `Engine`."""
        return self._quic.partial

    @property
    def unacknowledged(self) -> int:
        """See `Engine`: in pieces of 64 KiB, which are acknowledged as a whole."""
        return self._quic.unacknowledged

    @property
    def idle_timeout(self) -> float:
        """See `Engine`: the lesser of both ends' ([RFC9000] 10.1)."""
        own, peers = self._own_idle_timeout, self._quic.peer_idle_timeout
        # A peer that announces none, or 0, has none ([RFC9000] 18.2).
        return min(own, peers / 1000) if peers else own

    def statistics(self) -> PathStatistics:
        """See `Engine`."""
        round_trip, size, lost, window, received, reported = self._quic.statistics()
        return PathStatistics(
            round_trip,
            size or self._first_size,
            lost,
            congestion_window=window or None,
            ecn_received=EcnCounts(*received),
            ecn_reported=EcnCounts(*reported) if reported is not None else None,
        )

    def _negotiated(self, server_name: str | None) -> Security | None:
        """Return the outcome of the handshake, once it is complete at both ends.

        A client knows the `server_name`; a server knows only which one it was asked for.
        """
        outcome = self._quic.security
        if outcome is None:
            return None
        alpn, cipher, group, resumed, certificates, asked_for = outcome
        name = asked_for if server_name is None else server_name
        return Security(alpn, cipher, name, tuple(certificates), resumed, group)

    def _reported_close_reason(self) -> CloseReason | None:
        """Return why the library, or the peer, has closed the connection; None if neither has."""
        ended = self._quic.close_reason
        if ended is None:
            return None
        kind, code, phrase = ended
        match kind:
            case "ours":
                return CloseReason(code, phrase, ours=True, cause=self._answers.cause)
            case "idle":
                return CloseReason(code, "Idle timeout", ours=True, idle=True)
            case "reset":
                return CloseReason(code, STATELESS_RESET)
            case _:
                return CloseReason(code, phrase, application=kind == "application")
