"""Limits of a client that has not logged on."""

from collections.abc import Callable

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import unauthenticated
from smbquic.transport.quic.unauthenticated import UnauthenticatedClient
from smbquic.transport.refusals import ListenerRefusal, Refusals
from tests.unit.transport.quic.harness import PATH, TransportHarness

# The numbers themselves, so that a change of one of them is noticed.
UNAUTHENTICATED_LIMIT = 256 << 10


class Limiter:
    """Counts what unauthenticated clients cost."""

    busy = False

    def __init__(self) -> None:
        self.refusals = Refusals(lambda *_: None)
        self.charges = 0
        self.postponed: list[Callable[[], object]] = []

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        self.postponed.append(receive)
        return True

    def go_on(self) -> None:
        while self.postponed:
            self.postponed.pop(0)()

    def admits(self, host: str) -> bool:
        return True

    def expect(self, host: str) -> None:
        """See `Limiter`."""

    def charge(self, seconds: float) -> None:
        self.charges += 1

    async def refuse(self, transport: MessageTransport) -> None:
        """See `Limiter`."""


async def test_all_that_an_unauthenticated_client_sends_is_charged_and_limited() -> None:
    harness, limiter = TransportHarness(is_client=False), Limiter()
    harness.establish()
    harness.restrict(limiter)
    before = limiter.charges
    for _ in range(3):
        harness.feed(bytes(1000))
    assert limiter.charges == before
    assert harness.transport.flow().messages == 0
    limiter.go_on()
    assert limiter.charges == before + 3
    assert harness.transport.flow().messages == 750
    harness.receiver.segments_received(bytes(UNAUTHENTICATED_LIMIT), 1200, PATH, 1.0)
    harness.receiver.segments_received(bytes(1200), 1200, PATH, 1.0)

    assert limiter.refusals.counts == {ListenerRefusal.TOO_MUCH: 1}
    assert harness.engine.close_reason is not None
    with pytest.raises(ConnectionClosed, match="more than a logon takes"):
        await harness.transport.send(b"too late")


async def test_a_client_is_charged_for_the_time_of_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([10.0, 12.5, 20.0, 20.25])
    monkeypatch.setattr(unauthenticated, "perf_counter", lambda: next(clock))
    done: list[object] = []
    charged: list[float] = []

    class Charging(Limiter):
        def charge(self, seconds: float) -> None:
            charged.append(seconds)

    limiter = Charging()
    client = UnauthenticatedClient(limiter, lambda now: done.append("processed"), lambda: False)
    client.charge(lambda: done.append("sent again"))
    assert client.schedule(100, PATH, lambda now: done.append("received"))
    limiter.go_on()

    assert done == ["sent again", "received", "processed"]
    assert charged == [2.5, 0.25]


async def test_how_much_a_client_may_send_to_the_byte() -> None:
    client = UnauthenticatedClient(Limiter(), lambda now: None, lambda: False)

    assert client.schedule(UNAUTHENTICATED_LIMIT, PATH, lambda now: None)
    assert not client.schedule(1, PATH, lambda now: None)


async def test_what_was_postponed_is_dropped_with_the_connection() -> None:
    harness, limiter = TransportHarness(is_client=False), Limiter()
    harness.establish()
    harness.restrict(limiter)
    harness.feed(bytes(1000))
    harness.engine.terminated = True
    harness.connection.abort(ConnectionClosed("enough"))
    taken = len(harness.engine.pieces)
    limiter.go_on()

    assert harness.engine.freed == 1
    assert len(harness.engine.pieces) == taken


async def test_who_has_logged_on_is_not_restricted_any_more() -> None:
    harness, limiter = TransportHarness(is_client=False), Limiter()
    harness.establish()
    harness.restrict(limiter)
    harness.transport.authenticated()
    charges = limiter.charges
    harness.receiver.segments_received(bytes(UNAUTHENTICATED_LIMIT + 1), 1200, PATH, 1.0)

    assert harness.engine.known
    assert harness.engine.close_reason is None
    assert limiter.charges == charges
    assert not limiter.refusals.counts
