"""Connection IDs that the core makes up are not announced to a client."""

import pytest

from smbquic.options.quic import CIPHERS
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.qh3 import announcements
from tests.unit.transport.quic.simulation import Simulate, Simulation, library

pytestmark = pytest.mark.engine("qh3", "aioquic")

WORKER = ConnectionIdFormat(server_id=b"server", worker=1, workers=3)


def known_to_client(simulation: Simulation) -> list[bytes]:
    """Return the IDs of the server that a client may use."""
    quic = library(simulation.client)
    return [quic._peer_cid.cid, *(each.cid for each in quic._peer_cid_available)]


def exchange(simulation: Simulation, size: int) -> None:
    """Send bytes in both directions."""
    data = bytes(range(256)) * (size // 256)
    for received in simulation.received.values():
        received.clear()
    simulation.client.write(data)
    simulation.server.write(data)
    simulation.run(
        lambda: all(len(simulation.received[name]) == size for name in ("client", "server"))
    )
    assert simulation.received["client"] == simulation.received["server"] == data


def test_without_a_format_the_core_announces_its_ids(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic-qh3")
    simulation.establish()
    simulation.advance(1)

    assert len(known_to_client(simulation)) == 8
    assert set(known_to_client(simulation)[1:]) == simulation.server_ids.known


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_client_has_the_id_of_the_handshake_only(simulate: Simulate, cipher: str) -> None:
    options = QuicOptions(connection_ids=WORKER, tls_ciphers=(cipher,))
    simulation = simulate(engines="aioquic-qh3", options=options)
    simulation.establish()
    simulation.advance(1)
    exchange(simulation, 1 << 18)

    assert known_to_client(simulation) == [simulation.server.connection_id]
    assert simulation.server.connection_id[1:7] == b"server"
    assert simulation.server_ids.known == set()
    assert simulation.lost_packets("server") == 0


@pytest.mark.parametrize("seed", range(4))
def test_announcements_that_are_sent_again_are_taken_out_too(simulate: Simulate, seed: int) -> None:
    simulation = simulate(engines="aioquic-qh3", options=QuicOptions(connection_ids=WORKER))
    simulation.random.seed(seed)
    simulation.loss, simulation.jitter = 0.3, 0.02
    simulation.establish()
    exchange(simulation, 1 << 17)

    assert known_to_client(simulation) == [simulation.server.connection_id]


def test_packets_are_looked_at_for_a_while_only(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[bytes] = []
    original = announcements.Announcements.taken_out

    def look(self: announcements.Announcements, datagram: bytes) -> bytes:
        looked.append(datagram)
        return original(self, datagram)

    monkeypatch.setattr(announcements.Announcements, "taken_out", look)
    simulation = simulate(engines="aioquic-qh3", options=QuicOptions(connection_ids=WORKER))
    simulation.establish()
    exchange(simulation, 1 << 20)

    assert len(simulation.sent["server"]) > 800
    assert announcements.LOOKS_AT < len(looked) < 2 * announcements.LOOKS_AT


def test_packets_with_later_keys_are_left_as_they_are(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic-qh3", options=QuicOptions(connection_ids=WORKER))
    simulation.establish()
    simulation.advance(1)
    library(simulation.client).request_key_update()
    exchange(simulation, 1 << 17)

    assert simulation.server.key_phase == 1


def test_a_peer_that_retires_what_it_was_not_given_makes_nothing_grow(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic-qh3", options=QuicOptions(connection_ids=WORKER))
    simulation.establish()
    simulation.advance(1)
    hidden: announcements.Announcements = vars(simulation.server)["_announcements"]
    before = set(vars(hidden)["_ids"])
    for number in range(1, 40):
        library(simulation.client)._retire_connection_ids.append(number)
        exchange(simulation, 256)

    # The core has made new IDs for them, which are not announced either.
    assert set(vars(hidden)["_ids"]).isdisjoint(before)
    assert len(vars(hidden)["_ids"]) == 7
    assert known_to_client(simulation) == [simulation.server.connection_id]
