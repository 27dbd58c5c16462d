"""Datagrams and data that are taken out of the core in Rust, and those left in it."""

import pytest
from qh3 import tls

from smbquic.transport.quic.engine import CloseReason
from smbquic.transport.quic.qh3.core import MeteredCore

pytestmark = pytest.mark.engine("qh3")


class EventCore:
    """Has events, and reports datagrams as packets: how many, how large, how many were genuine."""

    def __init__(self, *events: tuple[object, ...], state: str = "connected") -> None:
        self.state = state
        self._events = list(events)

    def next_event(self) -> tuple[object, ...] | None:
        return self._events.pop(0) if self._events else None

    def receive_datagram(self, *_: object) -> tuple[int, int, int]:
        return 1, 1200, 1

    receive_many_datagrams = receive_gro_buffer = receive_datagram


def test_data_goes_past_the_library() -> None:
    core = MeteredCore(
        EventCore(("stream_data", 0, b"ab", False), ("stream_data", 0, b"c", True)), 100
    )

    assert core.next_event() is None
    assert (core.take(), core.take()) == ([b"ab", b"c"], [])
    assert (core.unread, core.finished) == (3, True)


def test_other_events_are_for_the_library() -> None:
    core = MeteredCore(EventCore(("stream_data", 0, b"ab", False), ("path_changed",)), 100)

    assert not core.take_data()
    assert core.next_event() == ("path_changed",)
    assert core.next_event() is None
    assert core.take_data()


def test_no_more_is_taken_than_there_is_room_for() -> None:
    more = ("stream_data", 0, b"more", False)
    core = MeteredCore(EventCore(("stream_data", 0, b"12345", False), more), 5)

    core.next_event()
    assert (core.full, core.take()) == (True, [b"12345"])
    core.unread = 4
    core.next_event()
    assert (core.full, core.take()) == (True, [b"more"])


@pytest.mark.parametrize("state", ["closing", "draining", "terminated"])
def test_once_it_is_over_all_is_taken(state: str) -> None:
    core = MeteredCore(EventCore(*[("stream_data", 0, b"12345", False)] * 3, state=state), 5)

    core.next_event()

    assert len(core.take()) == 3


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (("peer_closed", True, 7, 0, b"\xffbye"), CloseReason(7, "\ufffdbye", True)),
        (("peer_closed", False, 7, 0, b""), CloseReason(7, "", False)),
        (("protocol_error", 10, 0, "no"), CloseReason(10, "no", ours=True)),
    ],
)
def test_the_first_end_counts(event: tuple[object, ...], reason: CloseReason) -> None:
    core = MeteredCore(EventCore(event, ("protocol_error", 1, 0, "later")), 100)

    assert not core.take_data()

    assert core.close_reason == reason


def test_keys_are_for_the_core_and_the_one_that_data_is_sent_with_is_kept() -> None:
    installed: list[tuple[object, ...]] = []
    inner = EventCore()
    inner.install_packet_key = lambda *key: installed.append(key)  # type: ignore[attr-defined]
    core = MeteredCore(inner, 100)
    given = [
        ("receive", tls.Epoch.ONE_RTT, b"theirs", 1),
        ("send", tls.Epoch.HANDSHAKE, b"early", 2),
        ("send", tls.Epoch.ONE_RTT, b"ours", 3),
        ("receive", tls.Epoch.HANDSHAKE, b"late", 4),
    ]
    for key in given:
        core.install_packet_key(*key)

    assert installed == given
    assert core.send_key == (b"ours", 3)


def test_packets_that_were_genuine_count() -> None:
    core = MeteredCore(EventCore(), 100)

    for receive in (core.receive_datagram, core.receive_many_datagrams, core.receive_gro_buffer):
        assert receive(b"")[2] == 1

    assert core.authenticated == 3
