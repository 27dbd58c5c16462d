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
