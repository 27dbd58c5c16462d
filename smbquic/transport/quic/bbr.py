"""BBR, a congestion control that models the path instead of waiting for it to lose packets.

The model has two numbers: the bottleneck's bandwidth (the greatest delivery rate of the last ten
round trips) and the path's round trip without queues (the least of the last ten seconds). Sending
is paced at the one, and what is under way is limited to a multiple of their product, so that
random loss does not slow it down and a queue does not build up. This is version 1, as
draft-cardwell-iccrg-bbr-congestion-control-00 and draft-cheng-iccrg-delivery-rate-estimation-00
describe it.

Sizes in bytes, times in seconds, rates in bytes per second.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

STARTUP_GAIN = 2 / math.log(2)
"""Doubles the delivery rate each round trip."""
DRAIN_GAIN = 1 / STARTUP_GAIN
WINDOW_GAIN = 2.0
"""Room for acknowledgements that are late or come together."""
PROBE_GAINS = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""One round trip each: try more, give back the queue that it made, then cruise."""

BANDWIDTH_ROUNDS = 10
RTT_LIFETIME = 10.0
PROBE_RTT_TIME = 0.2
MIN_DATAGRAMS = 4
INITIAL_DATAGRAMS = 10
FULL_GROWTH = 1.25
FULL_ROUNDS = 3
_INITIAL_RTT = 0.1


class SentPacket(Protocol):
    """What is needed to know of a packet; aioquic's `QuicSentPacket` has it."""

    sent_bytes: int
    sent_time: float | None


class BbrState(Enum):
    """Where in its life the connection is."""

    STARTUP = auto()
    """Find the bandwidth, doubling each round trip."""
    DRAIN = auto()
    """Let go the queue that this has made."""
    PROBE_BANDWIDTH = auto()
    """Stay there, and look now and then whether there is more."""
    PROBE_RTT = auto()
    """Send next to nothing for a moment, to see the round trip without a queue."""


@dataclass(slots=True)
class _Snapshot:
    """The sender's state when a packet left, to compare with when it is acknowledged."""

    delivered: int
    delivered_time: float
    first_sent_time: float
    app_limited: bool


class _MaxFilter:
    """The greatest value of the last `length` rounds."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._samples: deque[tuple[int, float]] = deque()

    def add(self, round_count: int, value: float) -> None:
        # A sample that is smaller than a later one can never be the maximum again, so the values
        # fall from left to right, and the first is the greatest.
        while self._samples and self._samples[-1][1] <= value:
            self._samples.pop()
        self._samples.append((round_count, value))
        while self._samples[0][0] <= round_count - self._length:
            self._samples.popleft()

    @property
    def value(self) -> float:
        return self._samples[0][1] if self._samples else 0.0


class Bbr:
    """One connection's congestion control, told of packets sent, acknowledged and lost.

    `congestion_window` limits what is under way, `pacing_rate` how fast it leaves. The names of
    the methods are those that aioquic calls.
    """

    ssthresh: int | None = None

    def __init__(self, *, max_datagram_size: int) -> None:
        self._max_datagram_size = max_datagram_size
        self.congestion_window = INITIAL_DATAGRAMS * max_datagram_size
        self.bytes_in_flight = 0
        self.state = BbrState.STARTUP
        self.pacing_gain = STARTUP_GAIN
        self.window_gain = STARTUP_GAIN
        self.min_rtt = math.inf
        self.pacing_rate = STARTUP_GAIN * self.congestion_window / _INITIAL_RTT
        self._min_rtt_time = 0.0
        self._bandwidth = _MaxFilter(BANDWIDTH_ROUNDS)
        self._snapshots: dict[int, _Snapshot] = {}
        self._delivered = 0
        self._delivered_time = 0.0
        self._first_sent_time = 0.0
        self._app_limited_until = 0  # a value of `_delivered`
        self._round_count = 0
        self._round_end = 0  # a value of `_delivered`
        self._round_start = False
        self._full_bandwidth = 0.0
        self._full_rounds = 0
        self._full = False
        self._cycle = 0
        self._cycle_start = 0.0
        self._probe_rtt_done: float | None = None
        self._window_before = 0

    @property
    def bandwidth(self) -> float:
        """The bottleneck's estimated rate; 0 before the first sample."""
        return self._bandwidth.value

    def target_window(self, gain: float) -> int:
        """`gain` times the bandwidth-delay product, with room for bursts of a few datagrams."""
        if not self.bandwidth or math.isinf(self.min_rtt):
            return INITIAL_DATAGRAMS * self._max_datagram_size
        product = gain * self.bandwidth * self.min_rtt
        return max(int(product) + 3 * self._quantum, MIN_DATAGRAMS * self._max_datagram_size)

    @property
    def _quantum(self) -> int:
        """What is sent in one burst: a millisecond's worth, within limits."""
        return int(min(max(self.pacing_rate * 0.001, 2 * self._max_datagram_size), 64 * 1024))

    # --- events -----------------------------------------------------------------------------

    def on_packet_sent(self, *, packet: SentPacket) -> None:
        """A packet that counts towards the window left."""
        now = packet.sent_time or 0.0
        if self.bytes_in_flight == 0:
            # Nothing was under way: the rate of what follows counts from here.
            self._first_sent_time = self._delivered_time = now
        self._snapshots[id(packet)] = _Snapshot(
            self._delivered,
            self._delivered_time,
            self._first_sent_time,
            self._app_limited_until > self._delivered,
        )
        self.bytes_in_flight += packet.sent_bytes

    def on_nothing_to_send(self) -> None:
        """The application has no more data now: low rates from here on are not the path's."""
        # With a full window it is the path that limits, whatever the application has.
        if self.bytes_in_flight < self.congestion_window:
            # Up to here: once all of that is delivered, samples tell of the path again.
            self._app_limited_until = self._delivered + max(self.bytes_in_flight, 1)

    def on_packet_acked(self, *, now: float, packet: SentPacket) -> None:
        """A packet arrived."""
        self.bytes_in_flight -= packet.sent_bytes
        snapshot = self._snapshots.pop(id(packet), None)
        self._delivered += packet.sent_bytes
        self._delivered_time = now
        if snapshot is None or packet.sent_time is None:
            return
        self._count_round(snapshot)
        self._sample(now, packet, snapshot)
        self._first_sent_time = max(self._first_sent_time, packet.sent_time)
        self._check_full_pipe(snapshot)
        self._advance(now)
        self._set_rate()
        self._set_window(packet.sent_bytes)

    def on_packets_lost(self, *, now: float, packets: Iterable[SentPacket]) -> None:
        """Packets did not arrive. The model does not change: loss is no sign of congestion."""
        self.on_packets_expired(packets=packets)

    def on_packets_expired(self, *, packets: Iterable[SentPacket]) -> None:
        """Packets count no longer."""
        for packet in packets:
            self.bytes_in_flight -= packet.sent_bytes
            self._snapshots.pop(id(packet), None)

    def on_persistent_congestion(self) -> None:
        """Nothing arrived for several round trips: begin again from almost nothing."""
        self.congestion_window = MIN_DATAGRAMS * self._max_datagram_size

    def on_rtt_measurement(self, *, now: float, rtt: float) -> None:
        """A round trip was measured."""
        # An old minimum may be that of a former path. A new one is measured in PROBE_RTT, where our
        # own queue is gone; whatever is measured before then replaces it only if it is less.
        expired = now > self._min_rtt_time + RTT_LIFETIME
        if rtt <= self.min_rtt or (expired and self.state is BbrState.PROBE_RTT):
            self.min_rtt = rtt
            self._min_rtt_time = now
        elif expired and self._full:
            self._enter_probe_rtt(now)

    def get_log_data(self) -> dict[str, Any]:
        """For qlog."""
        return {
            "cwnd": self.congestion_window,
            "bytes_in_flight": self.bytes_in_flight,
            "pacing_rate": int(self.pacing_rate * 8),
            "bbr_state": self.state.name.lower(),
        }

    # --- the model --------------------------------------------------------------------------

    def _count_round(self, snapshot: _Snapshot) -> None:
        # A round trip is over when a packet is acknowledged that was sent after its beginning.
        self._round_start = snapshot.delivered >= self._round_end
        if self._round_start:
            self._round_end = self._delivered
            self._round_count += 1

    def _sample(self, now: float, packet: SentPacket, snapshot: _Snapshot) -> None:
        """The rate at which data arrived while this packet was under way."""
        assert packet.sent_time is not None
        send_time = packet.sent_time - snapshot.first_sent_time
        ack_time = now - snapshot.delivered_time
        # Acknowledgements may come closer together than the packets were sent, and the other way
        # round; the longer of both cannot make the rate larger than it was.
        interval = max(send_time, ack_time)
        if interval <= 0 or interval < min(self.min_rtt, 1.0) * 0.5:
            return  # acknowledgements that came together make any rate
        rate = (self._delivered - snapshot.delivered) / interval
        # What the application limited says that the path carries this much at least.
        if rate >= self.bandwidth or not snapshot.app_limited:
            self._bandwidth.add(self._round_count, rate)

    def _check_full_pipe(self, snapshot: _Snapshot) -> None:
        """The pipe is full when three round trips have brought no quarter more."""
        if self._full or not self._round_start or snapshot.app_limited:
            return
        if self.bandwidth >= self._full_bandwidth * FULL_GROWTH:
            self._full_bandwidth = self.bandwidth
            self._full_rounds = 0
            return
        self._full_rounds += 1
        self._full = self._full_rounds >= FULL_ROUNDS

    # --- the states -------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        if self.state is BbrState.STARTUP and self._full:
            self.state = BbrState.DRAIN
            self.pacing_gain, self.window_gain = DRAIN_GAIN, STARTUP_GAIN
        if self.state is BbrState.DRAIN and self.bytes_in_flight <= self.target_window(1.0):
            self._enter_probe_bandwidth(now)
        elif self.state is BbrState.PROBE_BANDWIDTH:
            self._advance_cycle(now)
        elif self.state is BbrState.PROBE_RTT:
            self._leave_probe_rtt(now)

    def _enter_probe_bandwidth(self, now: float) -> None:
        self.state = BbrState.PROBE_BANDWIDTH
        self.window_gain = WINDOW_GAIN
        # Neither with a probe, so soon after STARTUP, nor with the gain that drains its queue.
        self._cycle, self._cycle_start = 2, now
        self.pacing_gain = PROBE_GAINS[self._cycle]

    def _advance_cycle(self, now: float) -> None:
        full_length = now - self._cycle_start > self.min_rtt
        if self.pacing_gain > 1.0:
            # Probing lasts until the extra data is under way as well.
            over = full_length and self.bytes_in_flight >= self.target_window(self.pacing_gain) - (
                3 * self._quantum
            )
            # An application that sends little would never have so much under way.
            over = over or now - self._cycle_start > 3 * self.min_rtt
        elif self.pacing_gain < 1.0:
            # The queue of the probe is gone: to go on would leave the path idle.
            over = full_length or self.bytes_in_flight <= self.target_window(1.0)
        else:
            over = full_length
        if over:
            self._cycle = (self._cycle + 1) % len(PROBE_GAINS)
            self._cycle_start = now
            self.pacing_gain = PROBE_GAINS[self._cycle]

    def _enter_probe_rtt(self, now: float) -> None:
        if self.state is BbrState.PROBE_RTT:
            return
        self.state = BbrState.PROBE_RTT
        self.pacing_gain = self.window_gain = 1.0
        # The path has not become slower: the window is what it was once this is over.
        self._window_before = self.congestion_window
        self._probe_rtt_done = None

    def _leave_probe_rtt(self, now: float) -> None:
        if self._probe_rtt_done is None:
            # The time counts from when so little is under way that no queue of ours is left.
            if self.bytes_in_flight <= MIN_DATAGRAMS * self._max_datagram_size:
                self._probe_rtt_done = now + max(PROBE_RTT_TIME, min(self.min_rtt, 1.0))
        elif now >= self._probe_rtt_done:
            self._min_rtt_time = now
            self.congestion_window = max(self.congestion_window, self._window_before)
            self._enter_probe_bandwidth(now)

    def _set_rate(self) -> None:
        rate = self.pacing_gain * self.bandwidth
        # Before the pipe is full a sample may be low because sending has only begun.
        if rate > 0 and (self._full or rate > self.pacing_rate):
            self.pacing_rate = rate

    def _set_window(self, acked: int) -> None:
        if self.state is BbrState.PROBE_RTT:
            self.congestion_window = MIN_DATAGRAMS * self._max_datagram_size
            return
        target = self.target_window(self.window_gain)
        # It follows its target by what was acknowledged, and never jumps up to it.
        if self._full:
            self.congestion_window = min(self.congestion_window + acked, target)
        elif self.congestion_window < target or self._round_count < FULL_ROUNDS:
            self.congestion_window += acked
        self.congestion_window = max(
            self.congestion_window, MIN_DATAGRAMS * self._max_datagram_size
        )
