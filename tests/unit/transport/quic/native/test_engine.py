"""The bounds of the native engine's adapter."""

import pytest

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import Acceptance, DatagramSizes
from smbquic.transport.quic.native.engine import CLOSED_FOR, NativeEngine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import client_engine, server_engine
from smbquic.transport.quic.tls import ClientTls, ServerTls
from smbquic.transport.quic.udp import single_datagrams
from tests.attacks.quic_packets import InitialPackets, crypto_frame
from tests.unit.transport.quic.harness import NoIds

PATH = (("192.0.2.1", 50000), b"")
MOST_ADDRESSES = 8
"""That the compiled part knows at once."""


@pytest.fixture
def server(pki: PkiDirectory) -> NativeEngine:
    identity = ServerTls(pki.server.certificate, pki.server.key)
    _, make = server_engine(identity, QuicOptions(engine="native"))
    engine = make(
        DatagramSizes(1200, 1200),
        NoIds(),
        Acceptance(original_id=bytes(8), first_datagram=1200, restricted=True),
    )
    assert isinstance(engine, NativeEngine)
    return engine


def test_only_so_many_addresses_of_a_peer_are_known(server: NativeEngine) -> None:
    numbers = {
        server._number_of((("192.0.2.1", port), b"")) for port in range(1, 10 * MOST_ADDRESSES)
    }
    assert numbers == set(range(MOST_ADDRESSES))
    assert len(server._paths) == MOST_ADDRESSES


def test_a_client_hello_that_is_said_to_be_large_is_refused(server: NativeEngine) -> None:
    """Nothing waits for the rest of it."""
    header = bytes([1]) + (32 << 10).to_bytes(3, "big")

    server.receive(InitialPackets().make(crypto_frame(0, header)), PATH, 1.0)

    assert server.close_reason is not None
    assert server.close_reason.code == 0x100 + 50
    assert server.close_reason.phrase == "the ClientHello is too large"


def test_a_handshake_that_failed_at_once_is_not_begun_again(server: NativeEngine) -> None:
    header = bytes([1]) + (32 << 10).to_bytes(3, "big")
    packets = InitialPackets()
    server.receive(packets.make(crypto_frame(0, header)), PATH, 1.0)
    assert server.datagrams(1.0)

    assert not server.terminated
    assert server.timer() == 1.0 + CLOSED_FOR
    server.tick(1.0 + CLOSED_FOR)
    assert server.terminated


@pytest.mark.parametrize(("private", "sizes"), [(True, [8972, 1200]), (False, [1200])])
def test_a_client_shows_that_its_network_may_carry_jumbo_frames(
    pki: PkiDirectory, private: bool, sizes: list[int]
) -> None:
    """Where it does not, what arrives is the same without the zeros."""
    _, make = client_engine(ClientTls(ca=pki.ca), "localhost", QuicOptions(engine="native"), None)
    client = make(DatagramSizes(1200, 8972, private=private), NoIds())
    client.connect(PATH, 1.0)
    batches = client.datagrams(1.0)
    sent = [each for batch, _ in batches for each in single_datagrams(batch)]

    assert {path for _, path in batches} == {PATH}
    assert [len(each) for each in sent] == sizes
    assert {each.rstrip(b"\0") for each in sent} == {sent[-1].rstrip(b"\0")}
