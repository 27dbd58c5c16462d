"""The parts of aioquic's connection that are other than they were."""

from tests.unit.transport.quic.simulation import Simulate, library


def test_what_the_handshake_was_written_to_is_let_go_of(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.advance(1)

    for engine in (simulation.client, simulation.server):
        buffers = library(engine)._crypto_buffers
        assert len(buffers) == 3
        assert {buffer.capacity for buffer in buffers.values()} == {0}
