"""The search for a path's MTU, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.mtu import PathMtuSearch

# The numbers themselves, so that a change of one of them is noticed.
MAX_PROBES = 3
RAISE_INTERVAL = 600.0

JUMBO = DatagramSizes(1200, 8972)


class SearchedPath:
    """A path that carries datagrams of `limit` bytes, and a search that is run on it."""

    def __init__(self, limit: int, sizes: DatagramSizes = JUMBO) -> None:
        self.limit = limit
        self.now = 100.0
        self.tried: list[int] = []
        self.settled: list[tuple[int, int]] = []
        self.mtu = PathMtuSearch(sizes, lambda before, now: self.settled.append((before, now)))

    def search(self) -> list[int]:
        """Run a search to its end; the sizes that were tried."""
        tried = []
        while (probe := self.mtu.probe(self.now)) is not None:
            tried.append(probe.size)
            self.now += 0.1
            if probe.size <= self.limit:
                self.mtu.acknowledged(probe)
            else:
                self.mtu.lost(probe)
        return tried


def test_the_interfaces_size_is_tried_first() -> None:
    path = SearchedPath(8972)
    assert path.mtu.size == 1200
    assert path.search() == [8972]

    assert path.mtu.size == 8972
    assert path.settled == [(1200, 8972)]


def test_each_size_has_three_chances() -> None:
    path = SearchedPath(1472)

    assert path.search() == [8972] * 3 + [7972] * 3 + [3972] * 3 + [1972] * 3 + [1472]
    assert path.mtu.size == 1472


def test_ipv6_takes_more_for_its_header() -> None:
    path = SearchedPath(1452, DatagramSizes(1200, 1452, ethernet=1452))

    assert path.search() == [1452]


@pytest.mark.parametrize(("mtu", "size"), [(1499, 1464), (1300, 1252), (1279, 1200)])
def test_a_tunnel_is_found(mtu: int, size: int) -> None:
    path = SearchedPath(mtu - 28, DatagramSizes(1200, 1472))
    path.search()

    assert path.mtu.size == size


def test_losses_that_chance_brought_do_no_harm() -> None:
    path = SearchedPath(1472, DatagramSizes(1200, 1472))
    for _ in range(MAX_PROBES - 1):
        probe = path.mtu.probe(path.now)
        assert probe is not None
        path.mtu.lost(probe)
        path.mtu.lost(probe)
    path.search()

    assert path.mtu.size == 1472


def test_one_probe_at_a_time() -> None:
    path = SearchedPath(1472)
    assert path.mtu.probe(1.0) is not None
    assert path.mtu.probe(2.0) is None


def test_nothing_is_searched_where_the_size_is_given() -> None:
    path = SearchedPath(1472, DatagramSizes(1472, 1472))

    assert path.search() == []
    assert path.settled == []


def test_larger_ones_are_tried_again_later() -> None:
    path = SearchedPath(1472)
    path.search()
    path.limit = 8972
    path.now += RAISE_INTERVAL / 2
    assert path.search() == []
    path.now += RAISE_INTERVAL / 2
    assert path.search() == [8972]
    path.now += 2 * RAISE_INTERVAL

    assert path.search() == []
    assert path.settled == [(1200, 1472), (1472, 8972)]


def test_a_path_that_shrank_is_searched_from_below() -> None:
    path = SearchedPath(1472)
    path.search()
    path.limit = 1300
    path.mtu.restart()
    assert path.mtu.size == 1200
    assert path.settled == [(1200, 1472)]
    path.search()

    assert path.mtu.size == 1292
    assert path.settled == [(1200, 1472), (1472, 1292)]


def test_a_suspicion_that_was_wrong_is_not_worth_a_word() -> None:
    path = SearchedPath(1472)
    path.search()
    path.mtu.restart()
    path.search()

    assert path.mtu.size == 1472
    assert path.settled == [(1200, 1472)]


def test_what_was_sent_before_a_restart_proves_nothing() -> None:
    path = SearchedPath(1472)
    probe = path.mtu.probe(1.0)
    assert probe is not None
    path.mtu.restart()
    path.mtu.acknowledged(probe)

    assert path.mtu.size == 1200


@pytest.mark.parametrize("most", [1200, 1350, 1472])
def test_a_peer_may_want_smaller_ones(most: int) -> None:
    path = SearchedPath(8972)
    path.mtu.cap(most)
    path.search()

    assert path.mtu.size == most
    path.mtu.cap(9000)
    assert path.mtu.size == most


def test_a_peer_may_want_smaller_ones_than_those_given() -> None:
    path = SearchedPath(8972, DatagramSizes(8972, 8972))
    path.mtu.cap(1350)

    assert path.mtu.size == 1350
    assert path.search() == []


@given(st.integers(1200, 16000), st.integers(1200, 16000), st.integers(1200, 16000))
def test_whatever_the_path_does_the_size_fits(most: int, before: int, after: int) -> None:
    path = SearchedPath(before, DatagramSizes(1200, most))
    path.search()
    assert path.mtu.size <= min(most, before)
    assert path.mtu.size >= min(most, before) * 0.49
    path.limit = after
    path.mtu.restart()
    path.search()

    assert path.mtu.size <= min(most, after)
