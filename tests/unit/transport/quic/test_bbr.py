"""BBR on a simulated link: a clock, a rate, a queue, a delay and dice."""

import heapq
import itertools
import random
from dataclasses import dataclass

import pytest

from smbquic.transport.quic.bbr import MIN_DATAGRAMS, STARTUP_GAIN, Bbr, BbrState, _Snapshot

DATAGRAM = 1200


@dataclass
class Packet:
    sent_bytes: int
    sent_time: float | None
    number: int


@dataclass
class Link:
    """A bottleneck of `rate` bytes/s behind a queue of `queue` bytes; `loss` strikes after it."""

    rate: float
    rtt: float
    loss: float = 0.0
    queue: float = 1e9
    seed: int = 1

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.free_at = 0.0
        self.dropped = 0

    def carry(self, now: float, size: int) -> float | None:
        """When the packet comes out at the other end; None if it does not."""
        backlog = max(self.free_at - now, 0.0)
        if backlog * self.rate + size > self.queue:
            self.dropped += 1
            return None
        self.free_at = max(self.free_at, now) + size / self.rate
        if self.dice.random() < self.loss:
            return None
        return self.free_at + self.rtt / 2


class Sender:
    """Sends as fast as its congestion control lets it, `demand` bytes/s at most."""

    def __init__(self, control: Bbr, link: Link) -> None:
        self.control = control
        self.link = link
        self.demand = float("inf")
        self.delivered = 0
        self.round_trips: list[tuple[float, float]] = []
        self.states: list[BbrState] = []
        self._now = 0.0
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Packet | None]] = [(0.0, -1, None)]
        self._under_way: dict[int, Packet] = {}
        self._blocked = False
        self._offered = 0.0
        self._sent = 0

    def run(self, seconds: float) -> float:
        """Simulate on; the goodput in bytes/s over this time."""
        before, end = self.delivered, self._now + seconds
        self._offered = 0.0
        start = self._now
        while self._events[0][0] <= end:
            self._now, _, packet = heapq.heappop(self._events)
            if packet is None:
                self._send(start)
            else:
                self._acknowledge(packet)
        self._now = end
        return (self.delivered - before) / seconds

    def _later(self, when: float, packet: Packet | None = None) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), packet))

    def _acknowledge(self, packet: Packet) -> None:
        assert packet.sent_time is not None
        if self._under_way.pop(packet.number, None) is None:
            return  # it was given up already
        # Packet threshold of three, as RFC 9002 has it.
        early = itertools.takewhile(
            lambda each: each.number < packet.number - 3, self._under_way.values()
        )
        lost = list(early)
        for each in lost:
            del self._under_way[each.number]
        if lost:
            self.control.on_packets_lost(now=self._now, packets=lost)
        self.control.on_packet_acked(now=self._now, packet=packet)
        round_trip = self._now - packet.sent_time
        self.control.on_rtt_measurement(now=self._now, rtt=round_trip)
        self.round_trips.append((self._now, round_trip))
        self.delivered += packet.sent_bytes
        if not self.states or self.states[-1] is not self.control.state:
            self.states.append(self.control.state)
        if self._blocked:
            self._blocked = False
            self._later(self._now)

    def _send(self, start: float) -> None:
        control = self.control
        if control.bytes_in_flight + DATAGRAM > control.congestion_window:
            self._blocked = True
            return
        if self._offered > self.demand * (self._now - start):
            control.on_nothing_to_send()
            self._later(start + self._offered / self.demand + 1e-9)
            return
        packet = Packet(DATAGRAM, self._now, self._sent)
        self._sent += 1
        self._offered += DATAGRAM
        self._under_way[packet.number] = packet
        control.on_packet_sent(packet=packet)
        arrives = self.link.carry(self._now, DATAGRAM)
        if arrives is not None:
            self._later(arrives + self.link.rtt / 2, packet)
        self._later(self._now + DATAGRAM / control.pacing_rate)


def sender(**link: float) -> Sender:
    return Sender(Bbr(max_datagram_size=DATAGRAM), Link(**link))  # type: ignore[arg-type]


MEGABIT = 125_000.0


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.03])
@pytest.mark.parametrize(("rate", "rtt"), [(20, 0.1), (50, 0.05), (10, 0.2), (100, 0.02)])
def test_fills_the_link_whatever_is_lost_by_chance(rate: int, rtt: float, loss: float) -> None:
    one = sender(rate=rate * MEGABIT, rtt=rtt, loss=loss, queue=rate * MEGABIT * rtt)
    assert one.run(20.0) > 0.88 * (1 - loss) * rate * MEGABIT


def test_estimates_the_path() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.1)
    one.run(10.0)
    assert one.control.bandwidth == pytest.approx(20 * MEGABIT, rel=0.05)
    assert one.control.min_rtt == pytest.approx(0.1, rel=0.05)
    assert one.control.congestion_window == pytest.approx(2 * 20 * MEGABIT * 0.1, rel=0.1)


def test_goes_through_its_states() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.05)
    one.run(13.0)
    assert one.states[:3] == [BbrState.STARTUP, BbrState.DRAIN, BbrState.PROBE_BANDWIDTH]
    assert BbrState.PROBE_RTT in one.states
    assert one.states[-1] is BbrState.PROBE_BANDWIDTH


def test_builds_no_standing_queue() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.1)
    one.run(10.0)
    settled = sorted(rtt for when, rtt in one.round_trips if when > 3)
    assert settled[len(settled) // 2] < 0.115


def test_a_short_queue_is_no_obstacle() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.1, queue=0.25 * 20 * MEGABIT * 0.1)
    assert one.run(20.0) > 0.85 * 20 * MEGABIT
    assert one.link.dropped > 0


def test_finds_more_bandwidth_when_there_is_more() -> None:
    one = sender(rate=10 * MEGABIT, rtt=0.05)
    one.run(5.0)
    one.link.rate = 40 * MEGABIT
    one.run(5.0)
    assert one.run(5.0) > 0.85 * 40 * MEGABIT


def test_gives_way_when_there_is_less() -> None:
    one = sender(rate=40 * MEGABIT, rtt=0.05, queue=40 * MEGABIT * 0.05)
    one.run(5.0)
    one.link.rate = 10 * MEGABIT
    one.run(4.0)
    assert one.run(4.0) > 0.85 * 10 * MEGABIT
    assert one.control.bandwidth == pytest.approx(10 * MEGABIT, rel=0.1)


def test_an_idle_application_is_not_taken_for_a_slow_path() -> None:
    one = sender(rate=40 * MEGABIT, rtt=0.05)
    one.run(3.0)
    found = one.control.bandwidth
    one.demand = 2 * MEGABIT
    one.run(5.0)
    assert one.control.bandwidth > 0.9 * found


def test_a_slow_application_from_the_start_does_not_end_the_search() -> None:
    one = sender(rate=40 * MEGABIT, rtt=0.05)
    one.demand = 1 * MEGABIT
    one.run(3.0)
    assert one.control.state is BbrState.STARTUP
    # The window has grown to what is known of the path, and no further.
    target = one.control.target_window(STARTUP_GAIN)
    assert target <= one.control.congestion_window < target + 2 * DATAGRAM
    one.demand = float("inf")
    one.run(1.0)
    assert one.run(3.0) > 0.85 * 40 * MEGABIT


def test_the_rate_after_a_pause_counts_from_its_end() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    first, *others = (Packet(DATAGRAM, 10.0 if number else 0.0, number) for number in range(11))
    control.on_packet_sent(packet=first)
    control.on_rtt_measurement(now=0.1, rtt=0.1)
    control.on_packet_acked(now=0.1, packet=first)
    for packet in others:
        control.on_packet_sent(packet=packet)
    for packet in others:
        control.on_packet_acked(now=10.1, packet=packet)

    assert control.bandwidth == pytest.approx(10 * DATAGRAM / 0.1)


def test_probe_rtt_sees_a_longer_path() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.05)
    one.run(5.0)
    one.link.rtt = 0.08
    one.run(17.0)
    assert one.control.min_rtt == pytest.approx(0.08, rel=0.1)


def test_starts_over_after_persistent_congestion() -> None:
    one = sender(rate=20 * MEGABIT, rtt=0.05)
    one.run(2.0)
    one.control.on_persistent_congestion()
    assert one.control.congestion_window == MIN_DATAGRAMS * DATAGRAM


def test_accounts_for_every_byte_under_way() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    packets = [Packet(DATAGRAM, 0.001 * number, number) for number in range(6)]
    for packet in packets:
        control.on_packet_sent(packet=packet)
    assert control.bytes_in_flight == 6 * DATAGRAM
    control.on_packet_acked(now=0.1, packet=packets[0])
    control.on_packets_lost(now=0.1, packets=packets[1:3])
    control.on_packets_expired(packets=packets[3:5])
    assert control.bytes_in_flight == DATAGRAM
    control.on_packet_acked(now=0.1, packet=packets[5])
    assert control.bytes_in_flight == 0
    assert control._snapshots == {}
    assert control.get_log_data()["bbr_state"] == "startup"


def steady(datagram: int = DATAGRAM) -> Bbr:
    """A controller that knows its path, of 1 MB/s and 0.1 s, and has begun to cruise at time 0."""
    control = Bbr(max_datagram_size=datagram)
    control.min_rtt = 0.1
    control.pacing_rate = 1e6
    control._bandwidth.add(0, 1e6)
    control._full = True
    control._enter_probe_bandwidth(0.0)
    return control


def test_before_anything_is_measured_ten_datagrams_leave_in_a_tenth_of_a_second() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)

    assert control.congestion_window == control.target_window(2.0) == 10 * DATAGRAM
    assert control.pacing_rate == pytest.approx(STARTUP_GAIN * 10 * DATAGRAM / 0.1)


@pytest.mark.parametrize(
    ("datagram", "rate", "product", "bursts"),
    [
        # Two datagrams at least, what takes a millisecond, 64 KiB at most.
        (1200, 1e6, 200_000, 3 * 2400),
        (1200, 1e7, 200_000, 3 * 10_000),
        (1200, 1e9, 200_000, 3 * 65_536),
        # Four datagrams, where they are larger than three bursts.
        (65_000, 1e6, 0, 4 * 65_000),
    ],
)
def test_the_window_has_room_for_three_bursts(
    datagram: int, rate: float, product: int, bursts: int
) -> None:
    control = steady(datagram)
    control.pacing_rate = rate

    assert control.target_window(product / 100_000) == product + bursts


def test_a_rate_is_forgotten_after_ten_round_trips() -> None:
    filtered = Bbr(max_datagram_size=DATAGRAM)._bandwidth
    assert filtered.value == 0.0
    filtered.add(1, 5.0)
    filtered.add(2, 3.0)
    filtered.add(10, 1.0)
    assert filtered.value == 5.0
    filtered.add(11, 1.0)
    assert filtered.value == 3.0


def test_the_path_is_full_after_three_round_trips_with_too_little_growth() -> None:
    control = steady()
    control._full = False

    def grow(rate: float) -> bool:
        control._bandwidth.add(control._round_count, rate)
        control._check_full_pipe()
        return control._full

    assert not any(grow(rate) for rate in (1e6, 1.2e6, 1.2e6, 1.25e6))
    assert [grow(1.5e6) for _ in range(3)] == [False, False, True]
    assert grow(1e9)


def exchange(control: Bbr, start: float, *, limited: bool = False) -> None:
    """Send three packets, the last two of which are acknowledged in the round of the first."""
    packets = [Packet(DATAGRAM, start, number) for number in range(3)]
    for packet in packets:
        control.on_packet_sent(packet=packet)
        if limited:
            control.on_nothing_to_send()
    for packet in packets:
        control.on_packet_acked(now=start + 0.1, packet=packet)


def test_the_search_for_the_bandwidth_counts_rounds_and_not_packets() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_rtt_measurement(now=0.0, rtt=0.1)
    rounds, states = [], []
    for number in range(5):
        exchange(control, float(number))
        rounds.append(control._round_count)
        states.append(control.state.name)

    assert rounds == [1, 2, 3, 4, 5]
    assert states == ["STARTUP"] * 4 + ["PROBE_BANDWIDTH"]


def test_what_the_application_limits_does_not_end_the_search() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_rtt_measurement(now=0.0, rtt=0.1)
    exchange(control, 0.0)
    for number in range(1, 9):
        control.on_nothing_to_send()
        exchange(control, float(number), limited=True)

    assert control.state is BbrState.STARTUP


def test_a_cycle_probes_once_and_gives_the_queue_back() -> None:
    control = steady()
    control.bytes_in_flight = control.target_window(2.0)
    gains = [control.pacing_gain]
    for phase in range(1, 9):
        control._advance(phase * 0.11 - 0.02)
        assert control.pacing_gain == gains[-1]  # not before a round trip has passed
        control._advance(phase * 0.11)
        gains.append(control.pacing_gain)

    assert gains == [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.25, 0.75, 1.0]


def test_a_probe_lasts_until_more_is_in_flight_or_three_round_trips() -> None:
    def gain_after(seconds: float, in_flight: int) -> float:
        control = steady()
        control._cycle, control.pacing_gain = 0, 1.25
        control.bytes_in_flight = in_flight
        control._advance(seconds)
        return control.pacing_gain

    assert gain_after(0.09, 125_000) == 1.25
    assert gain_after(0.11, 125_000) == 0.75
    assert gain_after(0.11, 124_999) == 1.25
    assert gain_after(0.29, 0) == 1.25
    assert gain_after(0.31, 0) == 0.75


def test_a_queue_that_is_drained_ends_the_drain() -> None:
    def gain_after(seconds: float, in_flight: int) -> float:
        control = steady()
        control._cycle, control.pacing_gain = 1, 0.75
        control.bytes_in_flight = in_flight
        control._advance(seconds)
        return control.pacing_gain

    target = 100_000 + 3 * 2400
    assert gain_after(0.01, target) == 1.0
    assert gain_after(0.01, target + 1) == 0.75
    assert gain_after(0.11, target + 1) == 1.0


def test_an_old_round_trip_is_measured_anew_with_next_to_nothing_in_flight() -> None:
    control = steady()
    control.congestion_window = 100_000
    control.on_rtt_measurement(now=10.0, rtt=0.2)
    assert control.state.name == "PROBE_BANDWIDTH"
    control.on_rtt_measurement(now=10.1, rtt=0.2)
    assert (control.state.name, control.min_rtt) == ("PROBE_RTT", 0.1)

    control.bytes_in_flight = 4 * DATAGRAM + 1
    control._advance(10.2)
    control._advance(11.0)  # what is in flight is still too much: the time has not begun
    control.bytes_in_flight = 4 * DATAGRAM
    control._set_window(DATAGRAM)
    assert control.congestion_window == 4 * DATAGRAM
    control._advance(12.0)
    control.on_rtt_measurement(now=12.1, rtt=0.15)
    control._advance(12.19)
    assert control.state.name == "PROBE_RTT"
    control._advance(12.21)

    assert control.state.name == "PROBE_BANDWIDTH"
    assert (control.min_rtt, control.congestion_window) == (0.15, 100_000)
    control.on_rtt_measurement(now=22.2, rtt=0.2)
    assert control.state.name == "PROBE_BANDWIDTH"
    control.on_rtt_measurement(now=22.3, rtt=0.2)
    assert control.state.name == "PROBE_RTT"


def test_the_round_trip_of_a_long_path_is_measured_for_as_long_as_it_takes() -> None:
    control = steady()
    control.min_rtt = 0.5
    control._enter_probe_rtt()
    control._advance(1.0)
    control._advance(1.4)
    assert control.state.name == "PROBE_RTT"
    control._advance(1.5)
    assert control.state.name == "PROBE_BANDWIDTH"


def test_no_measurement_of_the_round_trip_takes_more_than_a_second() -> None:
    control = steady()
    control.min_rtt = 3.0
    control._enter_probe_rtt()
    control._advance(1.0)
    control._advance(1.9)
    assert control.state.name == "PROBE_RTT"
    control._advance(2.0)
    assert control.state.name == "PROBE_BANDWIDTH"


def test_the_window_grows_by_what_was_acknowledged_up_to_its_target() -> None:
    control = steady()
    target = control.target_window(control.window_gain)
    control.congestion_window = target - 1500
    windows = []
    for _ in range(3):
        control._set_window(1000)
        windows.append(control.congestion_window)

    assert windows == [target - 500, target, target]


def test_only_what_leaves_room_in_the_window_is_limited_by_the_application() -> None:
    def limited(in_flight: int) -> bool:
        control = steady()
        control.bytes_in_flight, control.congestion_window = in_flight, 12_000
        control.on_nothing_to_send()
        packet = Packet(DATAGRAM, 1.0, 0)
        control.on_packet_sent(packet=packet)
        return control._snapshots[id(packet)].app_limited

    assert limited(0)
    assert limited(11_999)
    assert not limited(12_000)
    assert not limited(12_001)


def test_the_limit_by_the_application_ends_with_what_was_in_flight() -> None:
    control = steady()
    first, second, *others = [Packet(DATAGRAM, 1.0, number) for number in range(7)]

    def limited(packet: Packet) -> bool:
        control.on_packet_sent(packet=packet)
        return control._snapshots[id(packet)].app_limited

    for packet in (first, second, *others[:2]):
        assert not limited(packet)
    control.on_packet_acked(now=1.1, packet=first)
    control.on_packet_acked(now=1.1, packet=second)
    control.on_nothing_to_send()
    assert limited(others[2])
    control.on_packet_acked(now=1.1, packet=others[0])
    assert limited(others[3])
    control.on_packet_acked(now=1.1, packet=others[1])
    assert not limited(others[4])


@pytest.mark.parametrize(
    ("round_trip", "snapshot", "rate"),
    [
        # Sending took longer, or the acknowledgements did; the longer time counts.
        (0.1, _Snapshot(10.0, 1000, 10.3, 9.0, False), 4000.0),
        (0.1, _Snapshot(9.5, 1000, 9.5, 9.25, False), 4000.0),
        (0.1, _Snapshot(10.0, 3000, 9.5, 9.9, False), 2000.0),
        # What is acknowledged in less than half a round trip came together.
        (0.1, _Snapshot(10.0, 1000, 10.44, 9.94, False), 4000 / 0.06),
        (0.1, _Snapshot(10.0, 1000, 10.46, 9.96, False), 0.0),
        # Nobody waits for longer than half a second to believe it.
        (4.0, _Snapshot(10.0, 1000, 9.9, 9.9, False), 4000 / 0.6),
        (4.0, _Snapshot(10.0, 1000, 10.1, 9.6, False), 0.0),
        # A clock that does not move gives no rate.
        (0.0, _Snapshot(10.0, 1000, 10.5, 10.0, False), 0.0),
        (0.1, _Snapshot(9.5, 1000, 9.5, 9.25, True), 4000.0),
    ],
)
def test_the_rate_is_what_was_delivered_in_the_longer_of_both_times(
    round_trip: float, snapshot: _Snapshot, rate: float
) -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_rtt_measurement(now=0.0, rtt=round_trip)
    control._delivered = 5000
    control._sample(10.5, snapshot)

    assert control.bandwidth == pytest.approx(rate)


def test_a_rate_that_the_application_limits_counts_if_it_is_no_less() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_rtt_measurement(now=0.0, rtt=0.1)
    control._delivered = 5000

    def sample(round_count: int, delivered: int, *, limited: bool) -> float:
        control._round_count = round_count
        control._sample(10.0, _Snapshot(9.0, delivered, 9.0, 9.0, limited))
        return control.bandwidth

    assert sample(1, 0, limited=False) == 5000
    assert sample(9, 0, limited=True) == 5000
    assert sample(18, 4000, limited=True) == 5000
    assert sample(18, 4000, limited=False) == 5000  # as the second one is nine rounds old
    assert sample(19, 4000, limited=False) == 1000


def test_the_first_window_stays_until_rate_and_round_trip_are_known() -> None:
    one, other = Bbr(max_datagram_size=DATAGRAM), Bbr(max_datagram_size=DATAGRAM)
    one.on_rtt_measurement(now=0.0, rtt=0.1)
    other._bandwidth.add(0, 1e6)

    assert one.target_window(2.0) == other.target_window(2.0) == 10 * DATAGRAM


def test_the_window_grows_without_a_target_in_the_first_three_rounds() -> None:
    def growth(rounds: int, above_target: int) -> int:
        control = steady()
        control._full = False
        control._round_count = rounds
        control.congestion_window = control.target_window(control.window_gain) + above_target
        before = control.congestion_window
        control._set_window(1000)
        return control.congestion_window - before

    assert [growth(rounds, 5000) for rounds in range(5)] == [1000, 1000, 1000, 0, 0]
    assert (growth(3, -1), growth(3, 0)) == (1000, 0)


def test_until_the_path_is_full_the_rate_only_rises() -> None:
    control = steady()
    control._full = False
    rates = []
    for rate in (5e5, 2e6, 1e6):
        control.pacing_rate = rate
        control._set_rate()
        rates.append(control.pacing_rate)
    control._full = True
    control._set_rate()

    assert (rates, control.pacing_rate) == ([1e6, 2e6, 1e6], 1e6)


def test_the_drain_ends_when_the_queue_is_empty() -> None:
    def state_with(in_flight: int) -> str:
        control = steady()
        control.state = BbrState.DRAIN
        control.bytes_in_flight = in_flight
        control._advance(1.0)
        return control.state.name

    target = steady().target_window(1.0)
    assert (state_with(target), state_with(target + 1)) == ("PROBE_BANDWIDTH", "DRAIN")


def test_an_application_that_sends_little_cruises_for_as_long() -> None:
    control = steady()
    control._advance(0.09)
    assert control._cycle == 2
    control._advance(0.11)
    assert control._cycle == 3


def test_the_same_least_round_trip_again_is_as_good_as_new() -> None:
    control = steady()
    control.on_rtt_measurement(now=9.0, rtt=0.1)
    control.on_rtt_measurement(now=18.9, rtt=0.2)
    assert control.state.name == "PROBE_BANDWIDTH"
    control.on_rtt_measurement(now=19.1, rtt=0.2)
    assert control.state.name == "PROBE_RTT"


def test_the_round_trip_is_not_measured_anew_before_the_path_is_full() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_rtt_measurement(now=0.0, rtt=0.1)
    control.on_rtt_measurement(now=11.0, rtt=0.2)

    assert (control.state, control.min_rtt) == (BbrState.STARTUP, 0.1)


def test_a_packet_that_was_sent_before_counts_as_delivered_and_is_no_sample() -> None:
    control = Bbr(max_datagram_size=DATAGRAM)
    control.on_packet_sent(packet=Packet(DATAGRAM, 0.0, 0))
    control.on_packet_acked(now=0.1, packet=Packet(DATAGRAM, 0.0, 1))

    assert (control.bytes_in_flight, control._delivered, control.bandwidth) == (0, DATAGRAM, 0.0)


def test_a_trace_has_the_rate_in_bits() -> None:
    control = steady()
    control.bytes_in_flight = 5
    assert control.get_log_data() == {
        "cwnd": 10 * DATAGRAM,
        "bytes_in_flight": 5,
        "pacing_rate": 8_000_000,
        "bbr_state": "probe_bandwidth",
    }
