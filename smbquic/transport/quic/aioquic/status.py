"""Reads the status of a connection of aioquic, without changing anything."""

from typing import cast

from aioquic import tls
from aioquic.quic.connection import QuicConnectionState

from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.aioquic.connection import AioquicConnection
from smbquic.transport.quic.aioquic.recovery import LossRecovery
from smbquic.transport.quic.aioquic.tls import AioquicContext
from smbquic.wire.cursor import Buffer

STREAM = 0
"""The client's first bidirectional stream ([RFC9000] 2.1), which carries all SMB messages."""


class AioquicStatus:
    """The properties of an `Engine` that are read from aioquic.

    `_early` is what a server has written before the client has opened the stream.
    """

    def __init__(self, quic: AioquicConnection) -> None:
        self._quic = quic
        self.connection_id: bytes = quic.host_cid
        self._early: list[Buffer] = []

    @property
    def client_hello(self) -> ClientHello:
        """See `Engine`."""
        context = self._context
        if context is None:
            return ClientHello()
        return ClientHello(context.client_hello_name, context.peer_chain)

    @property
    def key_phase(self) -> int:
        """See `Engine`."""
        phase: int = self._quic._cryptos[tls.Epoch.ONE_RTT].key_phase
        return phase

    @property
    def begun(self) -> bool:
        """See `Engine`."""
        return self._quic._state is not QuicConnectionState.FIRSTFLIGHT

    @property
    def terminated(self) -> bool:
        """See `Engine`."""
        return self._quic._state is QuicConnectionState.TERMINATED

    @property
    def held(self) -> int:
        """See `Engine`."""
        return self._quic.held

    @property
    def partial(self) -> int:
        """See `Engine`: the stream is passed on as it arrives."""
        return 0

    @property
    def unsent(self) -> int:
        """See `Engine`."""
        stream = self._quic._streams.get(STREAM)
        if stream is None:
            return sum(map(len, self._early))
        sent: int = stream.sender.highest_offset
        return stream.sender._buffer_stop - sent

    @property
    def unacknowledged(self) -> int:
        """See `Engine`."""
        stream = self._quic._streams.get(STREAM)
        if stream is None:
            return sum(map(len, self._early))
        return len(stream.sender._buffer)

    @property
    def idle_timeout(self) -> float:
        """See `Engine`."""
        seconds: float = self._quic._idle_timeout()
        return seconds

    def statistics(self) -> PathStatistics:
        """See `Engine`: lost packets include those that were sent again as probes."""
        recovery = cast(LossRecovery, self._quic._loss)
        return PathStatistics(
            recovery._rtt_smoothed if recovery._rtt_initialized else None,
            self._quic._max_datagram_size,
            recovery.lost_packets,
            congestion_window=recovery.congestion_window,
        )

    @property
    def _context(self) -> AioquicContext | None:
        # The library makes it with the first packet, and has no such attribute before.
        return getattr(self._quic, "tls", None)
