"""The aioquic engine, in simulated time on a simulated network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aioquic.quic.packet import QuicProtocolVersion
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import HandshakeError
from smbquic.pki import PkiDirectory, Purpose, Validity
from smbquic.pki.authority import now_utc, self_signed
from smbquic.transport.quic.aioquic import engine as aioquic
from smbquic.transport.quic.aioquic.engine import (
    AddressCheck,
    AioquicEngine,
    client_configuration,
    is_initial,
    server_configuration,
)
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import ClientTls, ServerTls

Simulate = Callable[..., Any]
PATH = (("192.0.2.1", 50000), b"")


def test_a_window_moved_before_there_is_a_stream_moves_once_there_is(simulate: Simulate) -> None:
    window = 1 << 18
    simulation = simulate(options=QuicOptions(window=window))
    simulation.establish()

    assert simulation.server.release(window)
    assert simulation.server._quic._local_max_data.value == 2 * window


def test_connection_ids_are_reported(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.advance(1)
    before = set(simulation.server_ids.known)
    used = simulation.client._quic._peer_cid.cid
    simulation.client._quic.change_connection_id()
    simulation.client.ping()
    simulation.advance(1)
    after = simulation.server_ids.known

    assert len(before) == 7
    assert used == simulation.server.connection_id
    assert len(after) == 8
    assert simulation.client._quic._peer_cid.cid in before
    simulation.client._quic.change_connection_id()
    simulation.client.ping()
    simulation.advance(1)
    assert len(before - after) == 1
    assert len(simulation.client_ids.known) >= 7


def test_connection_ids_are_reported_before_the_peer_can_have_them(simulate: Simulate) -> None:
    """A peer may use one in its next datagram, which has to find its way to the connection."""
    simulation = simulate()
    reported = {"client": 0, "server": 0}
    take = simulation.outgoing

    def outgoing(name: str) -> Any:
        before = len(simulation.server_ids.known)
        sent = take(name)
        reported[name] += len(simulation.server_ids.known) - before
        return sent

    simulation.outgoing = outgoing
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


# Certificates.


# Configurations.


def test_a_key_must_belong_to_its_certificate(pki: PkiDirectory) -> None:
    with pytest.raises(HandshakeError, match="does not belong") as caught:
        server_configuration(ServerTls(pki.server.certificate, pki.client.key), QuicOptions())

    assert caught.value.reason == "certificate-file"


def test_a_key_must_be_able_to_sign() -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    made = self_signed(Purpose.CLIENT, "large", key, Validity.starting(now_utc(), 1))
    with pytest.raises(HandshakeError, match="use ECDSA on P-256 or P-384, or RSA") as caught:
        server_configuration(ServerTls(made.certificate_pem, made.key_pem), QuicOptions())

    assert caught.value.reason == "unsupported-key"


@pytest.mark.parametrize(
    "key",
    [
        "nothing at all",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    ],
)
def test_a_file_without_a_key(pki: PkiDirectory, tmp_path: Path, key: str) -> None:
    path = tmp_path / "server.key"
    path.write_text(key)
    with pytest.raises(HandshakeError, match=r"do not hold a certificate and its key"):
        server_configuration(ServerTls(pki.server.certificate, path), QuicOptions())


def test_a_file_that_is_missing(pki: PkiDirectory, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        server_configuration(ServerTls(pki.server.certificate, tmp_path / "none"), QuicOptions())


def test_certificates_may_have_text_around_them_and_foreign_line_ends(
    pki: PkiDirectory, tmp_path: Path
) -> None:
    path = tmp_path / "server.pem"
    pem = pki.server.certificate.read_bytes()
    path.write_bytes(b"Certificate:\n  Data: ...\n" + pem.replace(b"\n", b"\r\n") + b"\n\nthe end")
    configuration = server_configuration(ServerTls(path, pki.server.key), QuicOptions())

    assert len(configuration.certificate_chain) == 1


def test_a_client_without_a_ca_trusts_what_the_system_trusts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aioquic, "system_trust", lambda: ("file.pem", "folder"))
    configuration = client_configuration(ClientTls(), "fs.example", QuicOptions())

    assert (configuration.cafile, configuration.capath) == ("file.pem", "folder")
    assert configuration.verify_mode is None


# Whatever arrives.


# Retry.


def first_datagram(pki: PkiDirectory) -> bytes:
    class NoIds:
        def issued(self, connection_id: bytes) -> None: ...

        def retired(self, connection_id: bytes) -> None: ...

    configuration = client_configuration(ClientTls(ca=pki.ca), "localhost", QuicOptions())
    engine = AioquicEngine(configuration, DatagramSizes(1200, 1200), NoIds())
    engine.connect(PATH, 0.0)
    return engine.datagrams(0.0)[0][0][0]


def test_only_the_client_that_was_challenged_passes(pki: PkiDirectory) -> None:
    check = AddressCheck()
    datagram = first_datagram(pki)
    challenge = check.challenge(datagram, PATH, 10.0)
    assert challenge is not None
    source_id, token = challenge[15:23], challenge[23:-16]
    again = (
        datagram[:6] + source_id + datagram[14:23] + bytes([0x40, len(token)]) + token
    ) + datagram[24:]

    assert check.original_id(datagram, PATH, 10.0) is None
    assert check.original_id(again, PATH, 11.0) == datagram[6:14]
    assert check.original_id(again, (("192.0.2.9", 50000), b""), 11.0) is None
    assert check.original_id(again, PATH, 100.0) is None
    assert AddressCheck().original_id(again, PATH, 11.0) is None


@given(st.binary(max_size=60))
def test_no_datagram_troubles_the_address_check(data: bytes) -> None:
    check = AddressCheck()
    check.challenge(data, PATH, 1.0)

    assert check.original_id(data, PATH, 1.0) is None


def test_initial_packets_are_recognized_in_both_versions() -> None:
    one, two = int(QuicProtocolVersion.VERSION_1), int(QuicProtocolVersion.VERSION_2)

    assert is_initial(b"\xc0", one)
    assert not is_initial(b"\xe0", one)
    assert is_initial(b"\xd0", two)
    assert not is_initial(b"\xc0", two)
