"""The receiver of a connection: datagrams, and errors of the network."""

import errno

from smbquic.errors import ConnectError, ConnectionClosed
from tests.unit.transport.quic.harness import PATH, TransportHarness
from tests.unit.transport.quic.test_unauthenticated import Limiter


async def test_an_error_about_the_size_of_a_datagram_is_a_loss(harness: TransportHarness) -> None:
    harness.receiver.error_received(OSError(errno.EMSGSIZE, "too large"))

    assert harness.endpoint.rebound == 0
    assert harness.engine.close_reason is None
    harness.receiver.error_received(OSError(errno.ENETUNREACH, "unreachable"))
    assert (harness.endpoint.rebound, harness.engine.pings) == (1, 1)


async def test_the_engine_learns_the_codepoint_of_each_datagram() -> None:
    harness, limiter = TransportHarness(is_client=False), Limiter()
    harness.establish()
    harness.receiver.datagram_received(b"one", PATH, 1.0, 1)
    harness.receiver.segments_received(b"twothree", 3, PATH, 1.0, 2)
    harness.restrict(limiter)
    harness.receiver.datagram_received(b"four", PATH, 1.0, 3)
    harness.receiver.segments_received(b"fivesix", 4, PATH, 1.0, 1)
    assert harness.engine.codepoints == [1, 2]
    limiter.go_on()

    assert harness.engine.codepoints == [1, 2, 3, 1]


async def test_an_error_during_the_handshake_ends_it() -> None:
    harness = TransportHarness()
    harness.receiver.error_received(OSError(errno.ECONNREFUSED, "Connection refused"))

    assert harness.events.reported == ["handshake_failed", "closed"]
    assert isinstance(harness.events.error, ConnectError)


async def test_an_error_after_the_end_changes_nothing(harness: TransportHarness) -> None:
    harness.connection.abort(ConnectionClosed("enough"))
    harness.receiver.error_received(OSError(errno.ENETUNREACH, "unreachable"))

    assert (harness.endpoint.rebound, harness.engine.pings) == (0, 0)


async def test_what_the_peer_sends_postpones_pings_and_proves_that_its_port_is_open(
    harness: TransportHarness,
) -> None:
    harness.connection.network_errors.refused_since = 1.0
    harness.receiver.batch_received(7.0)

    assert harness.connection.network_errors.refused_since is None
    assert harness.keep_alive.received_at == 7.0


async def test_only_work_for_a_client_that_has_not_logged_on_is_charged() -> None:
    harness, limiter, done = TransportHarness(is_client=False), Limiter(), list[str]()
    harness.establish()
    harness.receiver.charge(lambda: done.append("before"))
    harness.restrict(limiter)
    charges = limiter.charges
    harness.receiver.charge(lambda: done.append("restricted"))
    assert limiter.charges == charges + 1
    assert harness.receiver.authenticated() is True
    harness.receiver.charge(lambda: done.append("after"))
    assert harness.receiver.authenticated() is False

    assert limiter.charges == charges + 1
    assert done == ["before", "restricted", "after"]
