"""Explicit Congestion Notification by the engines that have it ([RFC9000] 13.4)."""

import pytest

from tests.engines import pairings
from tests.unit.transport.quic.simulation import Simulate

ECT_0 = 0b10
MARKING = ["native"]
"""Pairings of two engines that count marks."""
OTHERS = [each for each in pairings() if "native" in each and each not in MARKING]
"""Pairings of one that does, and one that does not."""


@pytest.mark.parametrize("engines", MARKING)
def test_all_datagrams_may_be_marked(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    for name in ("client", "server"):
        simulation.engine(name).write(bytes(100_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 100_000)

    assert {*simulation.codepoints["client"], *simulation.codepoints["server"]} == {ECT_0}


@pytest.mark.parametrize("engines", MARKING)
def test_marks_are_counted_and_reported(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    before = len(simulation.codepoints["client"])
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: simulation.has_received("server", 100_000))
    simulation.congested = True
    simulation.client.write(bytes(10_000))
    simulation.run(lambda: simulation.client.unacknowledged == 0)
    # Nothing is under way after this, not even acknowledgements of acknowledgements.
    simulation.congested = False
    simulation.advance(0.2)

    sent = len(simulation.codepoints["client"])
    received = simulation.server.statistics().ecn_received
    reported = simulation.client.statistics().ecn_reported
    assert received is not None
    assert reported is not None
    assert received.ect0 + received.ce == sent
    assert received.ce > 0
    # Reported is what came after the handshake, as far as it is acknowledged.
    assert 0 < reported.ce <= received.ce
    assert 80 < reported.ect0 + reported.ce <= sent - before + 1
    assert received.ect1 == reported.ect1 == 0


@pytest.mark.parametrize("engines", [each for each in pairings() if each not in MARKING])
def test_who_does_not_see_marks_counts_none(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(0.1)

    client, _, server = engines.partition("-")
    for name, engine in (("client", client), ("server", server or client)):
        path = simulation.engine(name).statistics()
        assert (path.ecn_received is not None) is (engine in MARKING)
        assert path.ecn_reported is None


@pytest.mark.parametrize("engines", MARKING)
@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_sender_slows_down_where_the_path_is_congested(
    simulate: Simulate, engines: str, sender: str
) -> None:
    """Nothing is lost for that."""
    simulation = simulate(engines=engines)
    simulation.establish()
    engine = simulation.engine(sender)
    received = simulation.received["server" if sender == "client" else "client"]
    simulation.client.write(b"open")
    engine.write(bytes(1_000_000))
    simulation.run(lambda: len(received) > 300_000)
    before = engine.statistics().congestion_window or 0
    simulation.congested = True
    simulation.advance(0.1)
    congested = engine.statistics().congestion_window or 0
    assert 0 < congested < before // 2
    simulation.congested = False
    simulation.run(lambda: len(received) >= 1_000_000)

    assert engine.statistics().lost_packets == 0


@pytest.mark.parametrize("engines", OTHERS)
def test_a_peer_that_reports_no_marks_gets_no_more(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(0.1)
    for codepoints in simulation.codepoints.values():
        codepoints.clear()
    for name in ("client", "server"):
        simulation.engine(name).write(bytes(100_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 100_000)

    assert {*simulation.codepoints["client"], *simulation.codepoints["server"]} == {0}


@pytest.mark.parametrize("engines", MARKING)
def test_a_path_that_removes_marks_carries_the_connection(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.removes_marks = True
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: simulation.has_received("server", 100_000))

    assert simulation.codepoints["client"][-1] == 0
