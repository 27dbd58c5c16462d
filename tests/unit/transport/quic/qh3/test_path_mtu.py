"""The search for the path MTU beside qh3's core, whose state the test plays."""

from typing import Any, cast

import pytest

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.qh3.connection import Qh3Connection
from smbquic.transport.quic.qh3.path_mtu import PathMtuMonitor, first_size, probe_timeout

pytestmark = pytest.mark.engine("qh3")

ETHERNET = DatagramSizes(1200, 1472)
JUMBO = DatagramSizes(1200, 8972, private=True)
LOOPBACK = DatagramSizes(8972, 8972, certain=True)
PROBE_TIMEOUT = 2 * 0.1 + 0.025


class MtuCore:
    """The state of a core that the monitor reads, with outstanding packets by their numbers."""

    def __init__(self) -> None:
        self.smoothed_rtt: float | None = 0.1
        self.pto_count = 0
        self.loss_total = 0
        self.outstanding: dict[int, int] = {}
        self.size = 1200

    @property
    def active_path(self) -> tuple[object, ...]:
        return None, None, None, None, None, self.size

    @property
    def outstanding_application_packets(self) -> list[tuple[int, int, float]]:
        return [(number, size, 0.0) for number, size in self.outstanding.items()]


class Quic:
    """A connection whose core takes the size that it is told."""

    def __init__(self) -> None:
        self._core = MtuCore()
        self._transport_parameters_applied = True
        self.shrunk: list[int] = []

    def shrink(self, size: int) -> None:
        self.shrunk.append(size)
        self._core.size = size


class MonitoredPath:
    """A monitor and what it reports."""

    def __init__(self, sizes: DatagramSizes = ETHERNET, size: int = 1472) -> None:
        self.quic = Quic()
        self.core = self.quic._core
        self.core.size = size
        self.reported: list[tuple[int, int]] = []
        self.monitor = PathMtuMonitor(
            cast(Qh3Connection, self.quic),
            sizes,
            size,
            lambda before, now: self.reported.append((before, now)),
        )

    def wants_trial(self, now: float = 10.0, *, established: bool = True) -> bool:
        return self.monitor.wants_trial(cast(Any, self.core), now, established=established)

    def trial(self, timeouts: int, now: float) -> None:
        """Try the path once more, while two large packets are outstanding."""
        first = 10 * timeouts
        self.core.pto_count = timeouts
        self.core.outstanding = {first: 1472, first + 1: 1300, first + 2: 1200}
        assert self.wants_trial(now)


@pytest.mark.parametrize(
    ("sizes", "is_client", "first", "size"),
    [
        (ETHERNET, True, 0, 1200),
        (JUMBO, True, 0, 8972),
        (DatagramSizes(1200, 8972), True, 0, 1200),
        (LOOPBACK, False, 1200, 8972),
        (ETHERNET, False, 1200, 1472),
        (DatagramSizes(1200, 1300), False, 1200, 1300),
        (JUMBO, False, 1472, 1472),
        (JUMBO, False, 1473, 8972),
    ],
)
def test_the_size_to_begin_with(
    sizes: DatagramSizes, is_client: bool, first: int, size: int
) -> None:
    assert first_size(sizes, is_client=is_client, first_datagram=first) == size


def test_how_long_an_acknowledgement_may_take() -> None:
    core = MtuCore()
    core.smoothed_rtt = 0.05
    assert probe_timeout(core) == pytest.approx(0.125)
    core.smoothed_rtt = None
    assert probe_timeout(core) == pytest.approx(0.225)


def test_the_size_of_the_handshake_is_not_reported() -> None:
    path = MonitoredPath(size=1200)
    path.core.size = 1300
    path.monitor.established()
    path.monitor.check_growth(5.0)

    assert path.monitor.size == 1300
    assert path.reported == []


def test_a_larger_size_is_reported_a_second_after_the_last_one() -> None:
    path = MonitoredPath(size=1200)
    for size, now in ((1300, 5.0), (1472, 5.9), (1472, 6.9)):
        path.core.size = size
        path.monitor.check_growth(now)
        assert (path.monitor.size, path.reported) == (size, [])
    path.monitor.check_growth(7.0)
    path.monitor.check_growth(9.0)

    assert path.reported == [(1200, 1472)]


@pytest.mark.parametrize(
    ("sizes", "size", "timeouts", "wanted"),
    [
        (ETHERNET, 1472, 0, False),
        (ETHERNET, 1472, 1, False),
        (ETHERNET, 1472, 2, True),
        (ETHERNET, 1201, 2, True),
        (ETHERNET, 1200, 2, False),
        (LOOPBACK, 8972, 2, False),
    ],
)
def test_a_trial_takes_two_timeouts_and_large_datagrams(
    sizes: DatagramSizes, size: int, timeouts: int, wanted: bool
) -> None:
    path = MonitoredPath(sizes, size)
    path.core.pto_count = timeouts
    path.core.outstanding = {1: 1201}

    assert path.wants_trial() is wanted


def test_there_is_one_trial_for_each_timeout_with_a_number_of_its_own() -> None:
    path = MonitoredPath()
    path.core.outstanding = {1: 1472}
    numbers = []
    for timeouts in (2, 2, 3, 4):
        path.core.pto_count = timeouts
        if path.wants_trial():
            numbers.append(path.monitor.trial)

    assert numbers == [3, 4, 5]


def test_without_large_packets_there_is_nothing_to_compare_with() -> None:
    path = MonitoredPath()
    path.core.pto_count = 2
    path.core.outstanding = {1: 1200}

    assert not path.wants_trial()
    assert path.monitor.trial == 2


@pytest.mark.parametrize(
    ("sizes", "before", "after"), [(ETHERNET, 1472, 1200), (JUMBO, 8972, 1472)]
)
def test_in_the_handshake_the_next_smaller_size_is_used_at_once(
    sizes: DatagramSizes, before: int, after: int
) -> None:
    path = MonitoredPath(sizes, before)
    path.core.pto_count = 2
    path.quic._transport_parameters_applied = False
    assert not path.wants_trial(established=False)
    assert path.quic.shrunk == []
    path.quic._transport_parameters_applied = True
    assert not path.wants_trial(established=False)

    assert path.quic.shrunk == [after]
    assert path.reported == [(before, after)]
    assert path.monitor.size == after


def test_two_trials_after_which_large_datagrams_are_missing_show_a_narrow_path() -> None:
    path = MonitoredPath()
    path.trial(2, 10.0)
    path.monitor.acknowledged(path.monitor.trial, 10.5)
    assert path.quic.shrunk == []
    # A single timeout is enough for the second one, and all that is lost counts, too.
    path.trial(1, 10.5 + 4 * PROBE_TIMEOUT)
    path.core.outstanding, path.core.loss_total = {10: 1472}, 1
    path.monitor.acknowledged(path.monitor.trial, 10.5 + 4 * PROBE_TIMEOUT)

    assert path.quic.shrunk == [1200]
    assert path.reported == [(1472, 1200)]


def test_a_second_trial_that_is_late_is_a_first_one() -> None:
    path = MonitoredPath()
    path.trial(2, 10.0)
    path.monitor.acknowledged(path.monitor.trial, 10.5)
    path.core.pto_count = 1
    path.core.outstanding = {20: 1472}
    assert not path.wants_trial(10.6 + 4 * PROBE_TIMEOUT)
    path.trial(3, 12.0)
    path.monitor.acknowledged(path.monitor.trial, 12.5)

    assert path.quic.shrunk == []


def test_a_large_datagram_that_has_arrived_proves_the_path() -> None:
    path = MonitoredPath()
    for timeouts in (2, 3):
        path.trial(timeouts, 10.0)
        del path.core.outstanding[10 * timeouts]
        path.monitor.acknowledged(path.monitor.trial, 10.1)

    assert path.quic.shrunk == []
    # What was lost before the trial has nothing to do with it.
    path.core.loss_total = 5
    path.trial(4, 10.0)
    del path.core.outstanding[40]
    path.monitor.acknowledged(path.monitor.trial, 10.1)
    path.core.pto_count = 1
    assert not path.wants_trial(10.2)


def test_acknowledgements_of_other_pings_are_no_results() -> None:
    path = MonitoredPath()
    path.monitor.acknowledged(0, 10.0)
    path.trial(2, 10.0)
    path.monitor.acknowledged(path.monitor.trial - 1, 10.5)
    path.core.pto_count = 1

    assert not path.wants_trial(10.6)
