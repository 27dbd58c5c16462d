"""An unauthenticated client sends its handshake in fragments of one byte, each of which is work."""

from typing import Protocol

import pytest
from aioquic.quic.packet import QuicErrorCode

from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.aioquic.reassembly import MAX_CRYPTO_SEGMENTS
from smbquic.transport.quic.engine import Acceptance, DatagramSizes, Engine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ServerTls
from tests.attacks.quic_packets import InitialPackets, crypto_frame, packed
from tests.unit.transport.quic.harness import NoIds

PATH = (("192.0.2.1", 50000), b"")
MOST_HELD = 64 << 10
ESTIMATING = ("qh3", "native")
"""Engines whose library does not say what it keeps."""


class Attack(Protocol):
    """Sends frames to an engine until it has enough: the engine, and how many datagrams it took."""

    def __call__(self, frames: list[bytes], name: EngineName = "aioquic") -> tuple[Engine, int]: ...


@pytest.fixture
def attack(pki: PkiDirectory) -> Attack:
    def run(frames: list[bytes], name: EngineName = "aioquic") -> tuple[Engine, int]:
        identity = ServerTls(pki.server.certificate, pki.server.key)
        _, make = server_engine(identity, QuicOptions(engine=name))
        initials, engine, count = InitialPackets(), None, 0
        for payload in packed(frames):
            count += 1
            datagram = initials.make(payload)
            if engine is None:
                original = datagram[6 : 6 + datagram[5]]
                sizes = DatagramSizes(1200, 1200)
                engine = make(
                    sizes,
                    NoIds(),
                    Acceptance(original_id=original, first_datagram=1200, restricted=True),
                )
            engine.receive(datagram, PATH, 1.0)
            assert engine.held < MOST_HELD or name in ESTIMATING
            if engine.close_reason is not None:
                break
        assert engine is not None
        return engine, count

    return run


def every_other(count: int) -> list[int]:
    return list(range(1, 2 * count, 2))


@pytest.mark.parametrize("offsets", [every_other(10_000), every_other(10_000)[::-1]])
def test_fragments_with_gaps_end_the_connection(attack: Attack, offsets: list[int]) -> None:
    engine, count = attack([crypto_frame(offset, b"x") for offset in offsets])

    assert count == 1
    assert engine.close_reason is not None
    assert engine.close_reason.code == QuicErrorCode.CRYPTO_BUFFER_EXCEEDED
    assert engine.held <= (MAX_CRYPTO_SEGMENTS + 1) * 129


@pytest.mark.parametrize("name", ["aioquic", "native"])
def test_a_handshake_that_begins_far_ahead_ends_the_connection(
    attack: Attack, name: EngineName
) -> None:
    engine, _ = attack([crypto_frame(100_000, b"x")], name)

    assert engine.close_reason is not None
    assert engine.close_reason.code == QuicErrorCode.CRYPTO_BUFFER_EXCEEDED
    assert engine.held == 0 or name in ESTIMATING


def test_the_same_fragments_again_are_not_kept_again(attack: Attack) -> None:
    frames = [crypto_frame(offset, b"x") for offset in every_other(MAX_CRYPTO_SEGMENTS)]
    engine, _ = attack(frames * 50)

    assert engine.close_reason is None
    assert engine.held == MAX_CRYPTO_SEGMENTS * 129


@pytest.mark.parametrize("name", ESTIMATING)
def test_fragments_count_for_as_much_as_they_cost(attack: Attack, name: EngineName) -> None:
    """The library keeps some, and does not say how much: the connection's limit is by bytes."""
    engine, count = attack([crypto_frame(offset, b"x") for offset in every_other(1000)], name)

    assert count > 1
    assert engine.held > 10 * 1000
