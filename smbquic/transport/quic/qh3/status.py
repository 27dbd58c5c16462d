"""Reads the status of a connection of qh3, its handshake and its end; changes nothing."""

from typing import Any, cast

from qh3.quic import events
from qh3.quic.connection import QuicConnectionState
from qh3.tls import CipherSuite

from smbquic.errors import HandshakeError
from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.engine import STATELESS_RESET, CloseReason, Security
from smbquic.transport.quic.options import group_name
from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.transport.quic.qh3.path_mtu import PathMtuMonitor
from smbquic.transport.quic.qh3.sender import Sender
from smbquic.transport.quic.qh3.tls import Qh3Context
from smbquic.transport.quic.receive_estimate import ReceiveEstimate


class Qh3Status:
    """The properties of an `Engine` that are read from qh3.

    `_closed_until` is when the closing or draining period ends, once it has begun.
    """

    def __init__(
        self,
        quic: Qh3Connection,
        sender: Sender,
        path_mtu: PathMtuMonitor,
        estimate: ReceiveEstimate,
    ) -> None:
        self._quic = quic
        self.connection_id: bytes = quic.host_cid
        self._sender = sender
        self._path_mtu = path_mtu
        self._estimate = estimate
        self._closed_until: float | None = None

    @property
    def client_hello(self) -> ClientHello:
        """See `Engine`."""
        if self._quic.tls is None:
            return ClientHello()
        return ClientHello(self._tls.client_hello_name, self._tls.peer_chain)

    @property
    def key_phase(self) -> int:
        """See `Engine`."""
        core: Any = self._quic._core
        return core.send_key_phase or 0

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        core = self._quic._core
        return core is not None and bool(core.received_authenticated_packet)

    @property
    def terminated(self) -> bool:
        """See `Engine`."""
        return self._closed_until is None and self._quic._state is QuicConnectionState.TERMINATED

    @property
    def held(self) -> int:
        """See `Engine`: an estimate, as the core does not report it."""
        return self._estimate.held

    @property
    def partial(self) -> int:
        """See `Engine`: the stream is passed on as it arrives."""
        return 0

    @property
    def unsent(self) -> int:
        """See `Engine`."""
        return self._sender.unsent

    @property
    def unacknowledged(self) -> int:
        """See `Engine`: what is in flight counts with its headers, as nothing finer is known."""
        core = self._quic._core
        in_flight: int = self.unsent + (int(core.bytes_in_flight) if core is not None else 0)
        if in_flight == 0 and core is not None and (timer := core.get_timer()) is not None:
            # Lost data that is to be sent again is counted nowhere. But then the pacer holds it
            # back, and its timer is the next one.
            return int(timer[0] == "pacing")
        return in_flight

    @property
    def idle_timeout(self) -> float:
        """See `Engine`: the lesser of both ends' ([RFC9000] 10.1)."""
        own: float = self._quic.configuration.idle_timeout
        bridge = self._quic._tls
        parameters = bridge.remote_transport_parameters if bridge is not None else None
        if parameters is None or not parameters.max_idle_timeout:
            # A peer that announces none, or 0, has none ([RFC9000] 18.2).
            return own
        return min(own, parameters.max_idle_timeout / 1000)

    def statistics(self) -> PathStatistics:
        """See `Engine`."""
        core = self._quic._core
        size = self._path_mtu.size
        if core is None:
            return PathStatistics(None, size, 0)
        return PathStatistics(
            core.smoothed_rtt or None,
            size,
            int(core.loss_total),
            congestion_window=core.congestion_window,
        )

    @property
    def _tls(self) -> Qh3Context:
        return cast(Qh3Context, self._quic.tls)

    @property
    def _confirmed(self) -> bool:
        """Whether a handshake that is complete at this end is so at both ends.

        A client's is before the server has verified its certificate. If the server has asked for
        one, HANDSHAKE_DONE says that it was accepted ([RFC9001] 4.1.2).
        """
        asked = self._tls._certificate_request is not None
        return not asked or bool(self._quic._handshake_confirmed)

    def _security_of(self, handshake: events.HandshakeCompleted) -> Security:
        cipher = self._quic.get_cipher()
        return Security(
            alpn=handshake.alpn_protocol or "",
            cipher=CipherSuite(cipher).name if cipher is not None else "",
            server_name=self._tls.client_hello_name or self._quic.configuration.server_name or "",
            certificates=self._tls.peer_chain,
            resumed=self._tls.session_resumed,
            group=group_name(self._tls.group),
        )

    @property
    def _cause(self) -> HandshakeError | None:
        """The error of our own verification of the peer's certificate."""
        return self._tls.refusal if self._quic.tls is not None else None

    def _reported_close_reason(self) -> CloseReason | None:
        """Return why the library, or the peer, has closed the connection; None if neither has."""
        core: Any = self._quic._core
        event = self._quic._close_event
        if core is not None and core.close_reason is not None:
            reported: CloseReason = core.close_reason
            return reported
        if event is None:
            return None
        # The library closes the connection for a TLS alert and for the idle timeout, and ends
        # it without a code at a stateless reset ([RFC9000] 10.3.1).
        idle = event.reason_phrase == "Idle timeout"
        reset = self.terminated and not idle and not event.error_code
        return CloseReason(
            code=int(event.error_code),
            phrase=STATELESS_RESET if reset else event.reason_phrase,
            ours=not reset,
            idle=idle,
            cause=self._cause,
        )
