"""The aioquic engine, in simulated time on a simulated network."""

import pytest

from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.udp import Path
from tests.unit.transport.quic.simulation import Simulate, library


def test_a_window_moved_before_there_is_a_stream_moves_once_there_is(simulate: Simulate) -> None:
    window = 1 << 18
    simulation = simulate(options=QuicOptions(window=window))
    simulation.establish()

    assert simulation.server.release(window)
    assert library(simulation.server)._local_max_data.value == 2 * window


def test_connection_ids_are_reported(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.advance(1)
    before = set(simulation.server_ids.known)
    used = library(simulation.client)._peer_cid.cid
    library(simulation.client).change_connection_id()
    simulation.client.ping()
    simulation.advance(1)
    after = simulation.server_ids.known

    assert len(before) == 7
    assert used == simulation.server.connection_id
    assert len(after) == 8
    assert library(simulation.client)._peer_cid.cid in before
    library(simulation.client).change_connection_id()
    simulation.client.ping()
    simulation.advance(1)
    assert len(before - after) == 1
    assert len(simulation.client_ids.known) >= 7


def test_connection_ids_are_reported_before_the_peer_can_have_them(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer may use one in its next datagram, which has to find its way to the connection."""
    simulation = simulate()
    reported = {"client": 0, "server": 0}
    take = simulation.outgoing

    def outgoing(name: str) -> list[tuple[bytes, Path]]:
        before = len(simulation.server_ids.known)
        sent = take(name)
        reported[name] += len(simulation.server_ids.known) - before
        return sent

    monkeypatch.setattr(simulation, "outgoing", outgoing)
    simulation.establish()
    simulation.advance(1)

    assert reported == {"client": 0, "server": 7}
    assert len(simulation.server_ids.known) == 7


def test_large_datagrams_wait_for_the_peers_consent(simulate: Simulate) -> None:
    simulation = simulate(sizes=DatagramSizes(8900, 8900))
    simulation.step()
    assert max(simulation.sent["client"]) == 1200
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)

    assert max(simulation.sent["client"]) == 8900


def test_a_peer_that_wants_small_datagrams_gets_them(simulate: Simulate) -> None:
    simulation = simulate(sizes=DatagramSizes(8900, 8900))
    simulation.sizes = DatagramSizes(1350, 1350)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)

    assert max(simulation.sent["client"]) == 1350
