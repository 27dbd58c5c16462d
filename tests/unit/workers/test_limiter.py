"""The limits on handshakes in a worker."""

from functools import partial

from smbquic.options.limits import Limits
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import MAX_POSTPONED_OF_ADDRESS
from smbquic.transport.refusals import ListenerRefusal
from smbquic.workers.limiter import CollectedRefusals, HandshakeLimiter
from tests.polling import eventually
from tests.unit.workers.joined import Client


def test_refusals_are_collected_for_the_main_process() -> None:
    refusals = CollectedRefusals()
    for client in ("one", "two"):
        refusals.add(ListenerRefusal.HALF_OPEN, client)
    refusals.add(ServerRefusal.BUSY, "three", 5)
    assert refusals.take() == [("half-open", "two", 2), ("busy", "three", 5)]
    assert refusals.take() == []
    assert refusals.counts[ListenerRefusal.HALF_OPEN] == 2


async def test_connections_are_counted_elsewhere() -> None:
    limiter = HandshakeLimiter(Limits(connections_of_address=1, unauthenticated=1))
    for _ in range(3):
        assert limiter.admits("192.0.2.1")
        limiter.expect("192.0.2.1")
    await limiter.refuse(Client())


async def test_nobody_new_is_accepted_before_the_end() -> None:
    limiter = HandshakeLimiter(Limits())
    limiter.closed = True
    assert not limiter.admits("192.0.2.1")
    assert limiter.collected.take() == [("stopping", "192.0.2.1", 1)]


async def test_datagrams_of_strangers_are_bounded() -> None:
    limiter = HandshakeLimiter(Limits())
    received: list[int] = []
    for number in range(MAX_POSTPONED_OF_ADDRESS + 1):
        limiter.postpone("192.0.2.1", 1200, partial(received.append, number))
    assert limiter.collected.take() == [("busy", "192.0.2.1", 1)]
    await eventually(lambda: len(received) == MAX_POSTPONED_OF_ADDRESS)


async def test_work_for_users_counts() -> None:
    limiter = HandshakeLimiter(Limits())
    assert not limiter.busy
    limiter.charge(1.0)
    assert limiter.busy
    limiter.charge_user(2.0)
