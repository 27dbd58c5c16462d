"""How large every engine's datagrams are on a path of any MTU."""

import random

import pytest

from smbquic.transport.quic.engine import (
    DatagramSizes,
)
from tests.unit.transport.quic.simulation import Simulate, Simulation

ETHERNET, JUMBO = DatagramSizes(1200, 1472), DatagramSizes(1200, 8972, private=True)


def quiet_while(simulation: Simulation, seconds: float = 3) -> None:
    """Let both ends look around, as they do beside a little traffic."""
    for _ in range(round(seconds * 20)):
        simulation.client.ping()
        simulation.server.ping()
        simulation.advance(0.05)


@pytest.mark.parametrize(("sizes", "mtu"), [(ETHERNET, 1472), (JUMBO, 8972)])
def test_both_ends_find_what_the_path_carries(
    simulate: Simulate, engines: str, sizes: DatagramSizes, mtu: int
) -> None:
    simulation = simulate(engines=engines, sizes=sizes)
    simulation.mtu = mtu
    simulation.establish()
    quiet_while(simulation)
    for name in ("client", "server"):
        simulation.sent[name].clear()
        simulation.engine(name).write(bytes(200_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 200_000)

    for name in ("client", "server"):
        assert simulation.datagram_size(name) == mtu
        # qh3 leaves a few bytes empty.
        assert mtu - 40 <= max(simulation.sent[name]) <= mtu


@pytest.mark.parametrize("mtu", [1200, 1300, 1472])
def test_an_interface_may_promise_too_much(simulate: Simulate, engines: str, mtu: int) -> None:
    simulation = simulate(engines=engines, sizes=JUMBO)
    simulation.mtu = mtu
    simulation.establish()
    quiet_while(simulation)
    simulation.client.write(bytes(200_000))
    simulation.server.write(bytes(200_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 200_000)

    assert simulation.datagram_size("client") <= mtu
    assert simulation.datagram_size("server") <= mtu
    assert simulation.client.close_reason is simulation.server.close_reason is None


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize(
    ("sizes", "before", "after"),
    [(ETHERNET, 1472, 1272), (JUMBO, 8972, 1472), (JUMBO, 8972, 1272)],
)
def test_a_path_may_shrink_under_a_transfer(
    simulate: Simulate, engines: str, sender: str, sizes: DatagramSizes, before: int, after: int
) -> None:
    simulation = simulate(engines=engines, sizes=sizes)
    simulation.mtu = before
    simulation.establish()
    simulation.client.write(b"open")
    quiet_while(simulation)
    engine = simulation.engine(sender)
    received = simulation.received["client" if sender == "server" else "server"]
    received.clear()
    data = random.Random(3).randbytes(2_000_000)
    engine.write(data)
    simulation.run(lambda: len(received) > 300_000)
    assert engine.statistics().datagram_size == before
    engine.resized = None
    simulation.mtu = after
    changes: list[tuple[int, int]] = []

    def has_arrived() -> bool:
        if engine.resized is not None:
            changes.append(engine.resized)
            engine.resized = None
        return len(received) == len(data)

    simulation.run(has_arrived)
    quiet_while(simulation)
    has_arrived()

    assert received == data
    # The path carries less, and then perhaps a little more than was thought first.
    assert changes[0][0] == before
    assert changes[0][1] < before
    assert changes[-1][1] == simulation.datagram_size(sender)
    assert 1200 <= changes[-1][1] <= after
    assert simulation.client.close_reason is simulation.server.close_reason is None


@pytest.mark.parametrize("engines", ["native"])
def test_large_datagrams_are_tried_again_soon(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, sizes=ETHERNET)
    simulation.mtu = 1472
    simulation.establish()
    simulation.client.write(b"open")
    quiet_while(simulation)
    assert simulation.datagram_size("client") == 1472
    # As losses do that look like a path which carries less.
    simulation.mtu = 1300
    simulation.client.write(bytes(1_000_000))
    simulation.run(lambda: simulation.datagram_size("client") == 1200)
    simulation.mtu = 1472
    simulation.run(lambda: simulation.client.unacknowledged == 0)
    assert simulation.datagram_size("client") == 1200
    simulation.advance(1.0)
    simulation.client.write(bytes(1_000_000))
    simulation.run(lambda: simulation.client.unacknowledged == 0)
    assert simulation.datagram_size("client") > 1440


def test_an_outage_is_no_narrow_path(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, sizes=ETHERNET)
    simulation.mtu = 1472
    simulation.establish()
    simulation.client.write(b"open")
    quiet_while(simulation)
    simulation.client.resized = simulation.server.resized = None
    simulation.client.write(bytes(500_000))
    simulation.server.write(bytes(500_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) > 100_000)
    simulation.loss = 1
    simulation.advance(4)
    simulation.loss = 0
    simulation.run(lambda: min(map(len, simulation.received.values())) >= 500_000)
    quiet_while(simulation)

    assert simulation.datagram_size("client") == simulation.datagram_size("server") == 1472
    assert simulation.client.resized is simulation.server.resized is None


def test_within_a_machine_losses_are_never_the_datagrams_size(
    simulate: Simulate, engines: str
) -> None:
    sizes = DatagramSizes(8972, 8972, certain=True)
    simulation = simulate(engines=engines, sizes=sizes)
    simulation.mtu = 8972
    simulation.establish()
    simulation.client.write(b"open")
    quiet_while(simulation)
    simulation.client.write(bytes(500_000))
    simulation.server.write(bytes(500_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) > 100_000)
    # As where a full buffer has room for small ones only.
    simulation.mtu = 1200
    simulation.advance(4)
    simulation.mtu = 8972
    simulation.run(lambda: min(map(len, simulation.received.values())) >= 500_000)

    assert simulation.datagram_size("client") == simulation.datagram_size("server") == 8972


@pytest.mark.parametrize("sender", ["client", "server"])
def test_a_transfer_goes_in_whole_datagrams(simulate: Simulate, engines: str, sender: str) -> None:
    simulation = simulate(engines=engines, sizes=ETHERNET)
    simulation.mtu = 1472
    simulation.establish()
    simulation.client.write(b"open")
    quiet_while(simulation)
    sent = simulation.sent[sender]
    sent.clear()
    received = simulation.received["client" if sender == "server" else "server"]
    received.clear()
    simulation.jitter = 0.002
    simulation.engine(sender).write(bytes(3_000_000))
    simulation.run(lambda: len(received) == 3_000_000)

    # Beside them there are acknowledgements of what the other end has to say, which is little.
    # quinn-proto takes datagrams that arrive late for a path that carries less.
    native = engines.partition("-")[2 * (sender == "server")] or engines
    assert sum(sent) / len(sent) > (1200 if native == "native" else 1400)


@pytest.mark.parametrize(
    ("most", "private", "jumbo"),
    [(1472, True, False), (1473, True, True), (8972, True, True), (8972, False, False)],
)
def test_jumbo_frames_are_for_networks_of_ones_own(most: int, private: bool, jumbo: bool) -> None:
    assert DatagramSizes(1200, most, private=private).jumbo is jumbo
