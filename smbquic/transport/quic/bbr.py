"""BBR, a congestion control that models the path and does not wait for losses.

The model has two numbers: the bottleneck's bandwidth (the greatest delivery rate of the last ten
round trips) and the path's round trip without queues (the least of the last ten seconds). Sending
is paced at the one, and what is under way is limited to a multiple of their product, so that
random loss does not slow it down and a queue does not build up. This is version 1, as
draft-cardwell-iccrg-bbr-congestion-control-00 and draft-cheng-iccrg-delivery-rate-estimation-00
describe it.

Sizes in bytes, times in seconds, rates in bytes per second.
"""

import math
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any, Protocol

from smbquic.lazy_dataclass import dataclass

STARTUP_GAIN = 2 / math.log(2)
"""Doubles the delivery rate each round trip."""
DRAIN_GAIN = 1 / STARTUP_GAIN
WINDOW_GAIN = 2.0
"""Room for acknowledgements that are late or come together."""
PROBE_GAINS = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""One round trip each: try more, give back the queue that it made, then cruise."""

BANDWIDTH_ROUNDS = 10
"""Round trips after which a delivery rate is forgotten: a whole cycle of gains and two more."""
RTT_LIFETIME = 10.0
"""Seconds after which the least round trip is measured anew."""
PROBE_RTT_TIME = 0.2
"""Seconds at least for which that takes next to nothing in flight."""
MIN_DATAGRAMS = 4
"""The smallest window: with fewer, a peer that acknowledges every second packet stalls it."""
INITIAL_DATAGRAMS = 10
"""The first window ([RFC9002] 7.2)."""
FULL_GROWTH = 1.25
FULL_ROUNDS = 3
"""The path is full if the rate has grown by less than a quarter in so many round trips."""
_INITIAL_RTT = 0.1
"""Seconds, for a first pacing rate before anything was measured."""


class SentPacket(Protocol):
    """A packet that was sent, as the model sees it; aioquic's `QuicSentPacket` is one."""

    sent_bytes: int
    sent_time: float | None


class BbrState(Enum):
    """The states of the state machine."""

    STARTUP = auto()
    """Find the bandwidth, doubling each round trip."""
    DRAIN = auto()
    """Drain the queue that this has made at the bottleneck."""
    PROBE_BANDWIDTH = auto()
    """Stay at that rate, and probe now and then whether the path carries more."""
    PROBE_RTT = auto()
    """Send almost nothing for a moment, to measure the round trip without a queue."""


@dataclass(slots=True)
class _Snapshot:
    """The sender's state when a packet left, to compare with when it is acknowledged."""

    sent_time: float
    delivered: int
    delivered_time: float
    first_sent_time: float
    app_limited: bool


class _MaxFilter:
    """The greatest value of the last `length` rounds."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._samples: list[tuple[int, float]] = []

    def add(self, round_count: int, value: float) -> None:
        # A sample that is smaller than a later one can never be the maximum again, so the values
        # fall from left to right, and the first is the greatest. There are a few only.
        last = round_count - self._length
        self._samples = [each for each in self._samples if each[0] > last and each[1] > value]
        self._samples.append((round_count, value))

    @property
    def value(self) -> float:
        return self._samples[0][1] if self._samples else 0.0


class Bbr:
    """The congestion controller of one connection.

    `congestion_window` limits what is in flight, `pacing_rate` how fast it is sent. The names of
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
        # Both are values of `_delivered`: once it is larger, the limit or the round is over.
        self._app_limited_until = 0
        self._round_end = 0
        self._round_count = 0
        self._full_bandwidth, self._full_rounds = 0.0, 0
        self._full = False
        self._cycle = 0
        self._cycle_start = 0.0
        self._probe_rtt_done: float | None = None
        self._window_before = 0

    @property
    def bandwidth(self) -> float:
        """The estimated rate of the bottleneck; 0 before the first sample."""
        return self._bandwidth.value

    def target_window(self, gain: float) -> int:
        """Return `gain` times the bandwidth-delay product, and room for a few bursts."""
        if not self.bandwidth or math.isinf(self.min_rtt):
            return INITIAL_DATAGRAMS * self._max_datagram_size
        product = gain * self.bandwidth * self.min_rtt
        # Three bursts, so that the path is not left idle: one each in the sender's queue, in its
        # kernel's segmentation, and in the receiver's, which delays acknowledgements.
        return max(int(product) + 3 * self._quantum, MIN_DATAGRAMS * self._max_datagram_size)

    @property
    def _quantum(self) -> int:
        """Bytes that are sent in one burst: what takes a millisecond, within limits."""
        return int(min(max(self.pacing_rate * 0.001, 2 * self._max_datagram_size), 64 * 1024))

    # --- events -----------------------------------------------------------------------------

    def on_packet_sent(self, *, packet: SentPacket) -> None:
        """Take a snapshot for a packet that was sent and counts towards the window."""
        now = packet.sent_time
        assert now is not None, "the library sets the time of a packet before it reports it"
        if self.bytes_in_flight == 0:
            # Nothing was in flight: the idle time before must not lower the rate of what follows.
            self._first_sent_time = self._delivered_time = now
        self._snapshots[id(packet)] = _Snapshot(
            now,
            self._delivered,
            self._delivered_time,
            self._first_sent_time,
            self._app_limited_until > self._delivered,
        )
        self.bytes_in_flight += packet.sent_bytes

    def on_nothing_to_send(self) -> None:
        """Mark what is in flight as limited by the application, which has nothing more to send."""
        # With a full window it is the path that limits, whatever the application has.
        if self.bytes_in_flight < self.congestion_window:
            # Up to here: once all of that is delivered, samples measure the path again.
            self._app_limited_until = self._delivered + max(self.bytes_in_flight, 1)

    def on_packet_acked(self, *, now: float, packet: SentPacket) -> None:
        """Update the model with a packet that was acknowledged."""
        self.bytes_in_flight -= packet.sent_bytes
        snapshot = self._snapshots.pop(id(packet), None)
        self._delivered += packet.sent_bytes
        self._delivered_time = now
        if snapshot is None:
            return
        # The order matters: the state machine decides by the new model, and rate and window follow
        # from its state.
        round_start = self._count_round(snapshot)
        self._sample(now, snapshot)
        self._first_sent_time = max(self._first_sent_time, snapshot.sent_time)
        # A rate that the application limits would look like the bandwidth of the path.
        if round_start and not snapshot.app_limited:
            self._check_full_pipe()
        self._advance(now)
        self._set_rate()
        self._set_window(packet.sent_bytes)

    def on_packets_lost(self, *, now: float, packets: Iterable[SentPacket]) -> None:
        """Remove lost packets. The model does not change: a loss alone is no congestion."""
        self.on_packets_expired(packets=packets)

    def on_packets_expired(self, *, packets: Iterable[SentPacket]) -> None:
        """Remove packets that are in flight no more."""
        for packet in packets:
            self.bytes_in_flight -= packet.sent_bytes
            self._snapshots.pop(id(packet), None)

    def on_persistent_congestion(self) -> None:
        """Shrink the window, as nothing has arrived for several round trips ([RFC9002] 7.6)."""
        self.congestion_window = MIN_DATAGRAMS * self._max_datagram_size

    def on_rtt_measurement(self, *, now: float, rtt: float) -> None:
        """Keep the least round trip, and have an old one measured anew."""
        # An old minimum may be that of a former path. A new one is measured in PROBE_RTT, in which
        # this sender has no queue; what is measured before replaces the old one only if it is less.
        expired = now > self._min_rtt_time + RTT_LIFETIME
        if rtt <= self.min_rtt or (expired and self.state is BbrState.PROBE_RTT):
            self.min_rtt = rtt
            self._min_rtt_time = now
        elif expired and self._full:
            self._enter_probe_rtt()

    def get_log_data(self) -> dict[str, Any]:
        """Return what a qlog trace shows."""
        return {
            "cwnd": self.congestion_window,
            "bytes_in_flight": self.bytes_in_flight,
            "pacing_rate": int(self.pacing_rate * 8),
            "bbr_state": self.state.name.lower(),
        }

    # --- the model --------------------------------------------------------------------------

    def _count_round(self, snapshot: _Snapshot) -> bool:
        """Return whether a round has begun with the acknowledgement of this packet."""
        # A round is over when a packet is acknowledged that was sent after its beginning: counted
        # so, its length follows the round trip without a clock.
        if snapshot.delivered < self._round_end:
            return False
        self._round_end = self._delivered
        self._round_count += 1
        return True

    def _sample(self, now: float, snapshot: _Snapshot) -> None:
        """Add the rate at which data was delivered while this packet was in flight."""
        send_time = snapshot.sent_time - snapshot.first_sent_time
        ack_time = now - snapshot.delivered_time
        # Acknowledgements may come closer together than the packets were sent, and the other way
        # round; the longer of both cannot make the rate larger than it was.
        interval = max(send_time, ack_time)
        if interval <= min(self.min_rtt, 1.0) * 0.5:
            # Acknowledgements that came together would make any rate.
            return
        rate = (self._delivered - snapshot.delivered) / interval
        # A sample that the application has limited says only that the path carries so much.
        if rate >= self.bandwidth or not snapshot.app_limited:
            self._bandwidth.add(self._round_count, rate)

    def _check_full_pipe(self) -> None:
        """Find out after a round whether STARTUP has reached the bandwidth of the path."""
        if self.bandwidth >= self._full_bandwidth * FULL_GROWTH:
            self._full_bandwidth, self._full_rounds = self.bandwidth, 0
            return
        self._full_rounds += 1
        if self._full_rounds == FULL_ROUNDS:
            self._full = True

    # --- the states -------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        if self.state is BbrState.STARTUP and self._full:
            # The inverse of STARTUP's gain drains its queue within about one round trip.
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
        # STARTUP has just probed, and DRAIN has emptied the queue: the cycle begins after both.
        self._cycle, self._cycle_start = 2, now
        self.pacing_gain = PROBE_GAINS[self._cycle]

    def _advance_cycle(self, now: float) -> None:
        # A phase takes one round trip: then its effect shows in the acknowledgements.
        full_length = now - self._cycle_start > self.min_rtt
        if self.pacing_gain > 1.0:
            # A probe lasts until the additional data is in flight, too.
            over = full_length and self.bytes_in_flight >= self.target_window(self.pacing_gain) - (
                3 * self._quantum
            )
            # An application that sends little would never have so much in flight.
            over = over or now - self._cycle_start > 3 * self.min_rtt
        elif self.pacing_gain < 1.0:
            # Once the queue of the probe is drained, this gain would leave the path idle.
            over = full_length or self.bytes_in_flight <= self.target_window(1.0)
        else:
            over = full_length
        if over:
            self._cycle = (self._cycle + 1) % len(PROBE_GAINS)
            self._cycle_start = now
            self.pacing_gain = PROBE_GAINS[self._cycle]

    def _enter_probe_rtt(self) -> None:
        self.state = BbrState.PROBE_RTT
        self.pacing_gain = self.window_gain = 1.0
        # The path has not become slower: afterwards the window is restored.
        self._window_before = self.congestion_window
        self._probe_rtt_done = None

    def _leave_probe_rtt(self, now: float) -> None:
        if self._probe_rtt_done is None:
            # The time counts from when so little is in flight that this sender has no queue.
            if self.bytes_in_flight <= MIN_DATAGRAMS * self._max_datagram_size:
                self._probe_rtt_done = now + max(PROBE_RTT_TIME, min(self.min_rtt, 1.0))
        elif now >= self._probe_rtt_done:
            self._min_rtt_time = now
            self.congestion_window = max(self.congestion_window, self._window_before)
            self._enter_probe_bandwidth(now)

    def _set_rate(self) -> None:
        rate = self.pacing_gain * self.bandwidth
        # Before the path is full, a sample may be low because sending has just begun.
        self.pacing_rate = rate if self._full else max(rate, self.pacing_rate)

    def _set_window(self, acked: int) -> None:
        if self.state is BbrState.PROBE_RTT:
            self.congestion_window = MIN_DATAGRAMS * self._max_datagram_size
            return
        target = self.target_window(self.window_gain)
        # It grows by what was acknowledged: a jump to the target would be a burst.
        if self._full:
            self.congestion_window = min(self.congestion_window + acked, target)
        elif self.congestion_window < target or self._round_count < FULL_ROUNDS:
            self.congestion_window += acked
        self.congestion_window = max(
            self.congestion_window, MIN_DATAGRAMS * self._max_datagram_size
        )
