"""The aioquic engine, in simulated time on a simulated network."""

import pytest

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import Acceptance, DatagramSizes, Engine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from smbquic.transport.quic.udp import Path
from tests.unit.transport.quic.harness import NoIds
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


def restricted(pki: PkiDirectory, window: int) -> Engine:
    """Return the engine for a client that has not logged on."""
    identity = ServerTls(pki.server.certificate, pki.server.key)
    options = QuicOptions(engine="aioquic", window=window)
    return server_engine(identity, options)[1](
        DatagramSizes(1200, 1200),
        NoIds(),
        Acceptance(original_id=bytes(8), first_datagram=1200, restricted=True),
    )


def windows(engine: Engine) -> tuple[int, int, int]:
    """Return the windows of the connection and of a later stream, and the segments in it."""
    quic = library(engine)
    return (
        quic._local_max_data.value,
        quic._local_max_stream_data_bidi_remote,
        quic.max_segments,
    )


def test_a_client_may_send_little_before_its_logon(pki: PkiDirectory) -> None:
    engine = restricted(pki, 1 << 20)
    assert engine.capacity == 1 << 20
    assert windows(engine) == (128 << 10, 128 << 10, 256)
    # An eighth of the window is announced at once.
    assert not engine.release((16 << 10) - 1)
    assert engine.release(1)
    assert windows(engine) == (144 << 10, 128 << 10, 256)

    engine.authenticated()
    assert windows(engine) == ((1 << 20) + (16 << 10), 1 << 20, 4096)
    assert not engine.release((128 << 10) - 1)
    assert engine.release(1)
    # Once only.
    engine.authenticated()
    assert windows(engine) == ((1 << 20) + (144 << 10), 1 << 20, 4096)


def test_a_small_window_stays_small(pki: PkiDirectory) -> None:
    engine = restricted(pki, 64 << 10)
    assert windows(engine) == (64 << 10, 64 << 10, 256)
    engine.authenticated()
    assert windows(engine) == (64 << 10, 64 << 10, 4096)


def test_bbr_is_told_when_there_is_nothing_to_send(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = simulate(engines="aioquic", options=QuicOptions(congestion="bbr"))
    simulation.establish()
    simulation.advance(1)
    told: list[int] = []
    control = vars(simulation.client)["_control"]
    monkeypatch.setattr(control, "on_nothing_to_send", lambda: told.append(1))
    simulation.client.write(bytes(1_000_000))
    simulation.outgoing("client")
    assert simulation.client.unsent > 0
    assert told == []
    simulation.run(lambda: len(simulation.received["server"]) == 1_000_000)
    simulation.outgoing("client")
    assert told

    other = simulate(engines="aioquic", options=QuicOptions(congestion="cubic"))
    other.establish()
    assert vars(other.client)["_control"] is None


def test_keys_are_renewed_after_so_many_packets(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.transport.quic.aioquic.engine.KEY_LIFETIME", 50)
    simulation = simulate(engines="aioquic")
    simulation.establish()
    vars(simulation.server)["_next_key_update"] = 1_000_000
    changed: list[int] = []
    phase = 0
    for _ in range(110):
        simulation.client.ping()
        simulation.advance(0.05)
        if simulation.client.key_phase != phase:
            phase = simulation.client.key_phase
            changed.append(library(simulation.client)._packet_number)
    first, second = changed
    assert 50 <= first <= 52
    assert 50 <= second - first <= 52
