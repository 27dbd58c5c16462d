"""What a server takes from a client that has not logged on."""

from collections.abc import Callable

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic import unauthenticated
from smbquic.transport.refusals import ListenerRefusal, Refusals
from tests.unit.transport.quic.bench import PATH, Bench


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
    bench, limiter = Bench(is_client=False), Limiter()
    bench.establish()
    bench.transport.restrict(limiter)
    before = limiter.charges
    for _ in range(3):
        bench.feed(bytes(1000))
    assert limiter.charges == before
    assert bench.transport.flow().messages == 0
    limiter.go_on()
    assert limiter.charges == before + 3
    assert bench.transport.flow().messages == 750
    bench.transport.segments_received(bytes(unauthenticated.UNAUTHENTICATED_LIMIT), 1200, PATH, 1.0)
    bench.transport.segments_received(bytes(1200), 1200, PATH, 1.0)

    assert limiter.refusals.counts == {ListenerRefusal.TOO_MUCH: 1}
    assert bench.engine.ending is not None
    with pytest.raises(ConnectionClosed, match="more than a logon takes"):
        await bench.transport.send(b"too late")


async def test_what_was_postponed_is_dropped_with_the_connection() -> None:
    bench, limiter = Bench(is_client=False), Limiter()
    bench.establish()
    bench.transport.restrict(limiter)
    bench.feed(bytes(1000))
    bench.engine.terminated = True
    bench.transport.abort(ConnectionClosed("enough"))
    taken = len(bench.engine.pieces)
    limiter.go_on()

    assert bench.engine.freed == 1
    assert len(bench.engine.pieces) == taken


async def test_who_has_logged_on_is_not_restricted_any_more() -> None:
    bench, limiter = Bench(is_client=False), Limiter()
    bench.establish()
    bench.transport.restrict(limiter)
    bench.transport.authenticated()
    charges = limiter.charges
    bench.transport.segments_received(
        bytes(unauthenticated.UNAUTHENTICATED_LIMIT + 1), 1200, PATH, 1.0
    )

    assert bench.engine.known
    assert bench.engine.ending is None
    assert limiter.charges == charges
    assert not limiter.refusals.counts
