"""The aioquic engine, in simulated time on a simulated network."""

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aioquic.quic.packet import QuicProtocolVersion, pull_quic_transport_parameters
from aioquic.tls import Epoch
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import HandshakeError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, verify
from smbquic.transport.quic import aioquic
from smbquic.transport.quic.aioquic import (
    AddressCheck,
    AioquicEngine,
    client_configuration,
    is_initial,
    server_configuration,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tls import ClientTls, ServerTls

Simulate = Callable[..., Any]
PATH = (("192.0.2.1", 50000), b"")


def test_both_ends_learn_what_was_settled(simulate: Simulate, pki: PkiDirectory) -> None:
    simulation = simulate()
    assert not simulation.client.begun
    simulation.establish()
    client, server = simulation.client.security, simulation.server.security

    assert client.alpn == server.alpn == "smb"
    assert client.cipher == server.cipher == "AES_128_GCM_SHA256"
    assert client.server_name == server.server_name == "localhost"
    assert len(client.certificates) == 2
    assert server.certificates == ()
    assert simulation.client.begun
    assert simulation.client.idle_timeout == simulation.server.idle_timeout == 30


@pytest.mark.parametrize(("loss", "jitter"), [(0, 0), (0, 0.02), (0.1, 0), (0.1, 0.02)])
def test_what_is_written_arrives(simulate: Simulate, loss: float, jitter: float) -> None:
    simulation = simulate()
    simulation.loss, simulation.jitter = loss, jitter
    simulation.establish()
    rng = random.Random(5)
    up = [rng.randbytes(rng.choice([1, 100, 9000, 60_000])) for _ in range(12)]
    down = [rng.randbytes(rng.choice([1, 100, 9000, 60_000])) for _ in range(12)]
    for one, other in zip(up, down, strict=True):
        simulation.client.write(one)
        simulation.server.write(b"", other[:1], memoryview(other)[1:])
    simulation.run(
        lambda: (
            len(simulation.received["server"]) >= sum(map(len, up))
            and len(simulation.received["client"]) >= sum(map(len, down))
        )
    )

    assert simulation.received["server"] == b"".join(up)
    assert simulation.received["client"] == b"".join(down)
    simulation.run(lambda: not simulation.client.unacknowledged)
    assert simulation.client.unsent == 0


def test_unsent_and_unacknowledged_bytes_are_counted(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    assert simulation.client.unsent == simulation.client.unacknowledged == 0
    assert simulation.server.unsent == simulation.server.unacknowledged == 0
    simulation.server.write(b"waits for the stream")
    assert simulation.server.unsent == simulation.server.unacknowledged == 20
    simulation.client.write(bytes(1_000_000))
    assert simulation.client.unsent == simulation.client.unacknowledged == 1_000_000
    simulation.client.datagrams(simulation.now)

    assert 0 < simulation.client.unsent < 1_000_000
    assert simulation.client.unacknowledged == 1_000_000


def test_the_window_moves_only_when_it_is_moved(simulate: Simulate) -> None:
    window = 1 << 18
    simulation = simulate(options=QuicOptions(window=window))
    simulation.establish()
    simulation.client.write(bytes(3 * window))
    simulation.advance(1)
    assert len(simulation.received["server"]) == window
    assert not simulation.server.release(window // 16)
    assert simulation.server.release(window // 16)
    simulation.run(lambda: len(simulation.received["server"]) == window + window // 8)
    simulation.advance(1)
    assert len(simulation.received["server"]) == window + window // 8
    while len(simulation.received["server"]) < 3 * window:
        simulation.server.release(window // 8)
        simulation.step()

    assert simulation.received["server"] == bytes(3 * window)


def test_a_window_moved_before_there_is_a_stream_moves_once_there_is(simulate: Simulate) -> None:
    window = 1 << 18
    simulation = simulate(options=QuicOptions(window=window))
    simulation.establish()

    assert simulation.server.release(window)
    assert simulation.server._quic._local_max_data.value == 2 * window


def test_lost_window_updates_are_repeated(simulate: Simulate) -> None:
    window = 1 << 18
    simulation = simulate(options=QuicOptions(window=window))
    simulation.loss = 0.2
    simulation.establish()
    simulation.client.write(bytes(4 * window))
    released = 0
    while len(simulation.received["server"]) < 4 * window:
        fresh = len(simulation.received["server"]) - released
        released += fresh
        simulation.server.release(fresh)
        simulation.step()

    assert simulation.received["server"] == bytes(4 * window)


def test_the_peers_end_of_the_stream_is_noticed(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.client._quic.send_stream_data(0, b"that is all", end_stream=True)
    simulation.run(lambda: simulation.server.finished)

    assert simulation.received["server"] == b"that is all"
    assert simulation.server.ending is None


def test_a_close_is_told_with_its_reason(simulate: Simulate) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.client.close(7, "enough")
    simulation.run(lambda: simulation.server.ending)
    ours, theirs = simulation.client.ending, simulation.server.ending

    assert (ours.code, ours.reason, ours.ours, ours.application) == (7, "enough", True, True)
    assert (theirs.code, theirs.reason, theirs.ours) == (7, "enough", False)
    assert not simulation.client.terminated
    simulation.run(lambda: simulation.client.terminated and simulation.server.terminated)
    assert simulation.client.timer() is None
    assert simulation.client.datagrams(simulation.now) == []


def test_silence_is_the_end(simulate: Simulate) -> None:
    simulation = simulate(options=QuicOptions(idle_timeout=5))
    simulation.establish()
    simulation.loss = 1
    simulation.run(lambda: simulation.client.ending and simulation.server.ending)

    assert simulation.client.ending.idle
    assert simulation.client.terminated
    assert simulation.server.ending.idle


def test_pings_keep_it_up(simulate: Simulate) -> None:
    simulation = simulate(options=QuicOptions(idle_timeout=5))
    simulation.establish()
    for _ in range(30):
        simulation.client.ping()
        simulation.advance(2)

    assert simulation.client.ending is None
    assert simulation.server.ending is None


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


def test_keys_are_renewed_before_they_wear_out(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioquic, "KEY_LIFETIME", 50)
    simulation = simulate()
    simulation.establish()
    simulation.client.write(bytes(500_000))
    phases = set()
    while len(simulation.received["server"]) < 500_000:
        simulation.step()
        phases.add(simulation.server._quic._cryptos[Epoch.ONE_RTT].key_phase)

    assert phases == {0, 1}
    assert simulation.client.ending is simulation.server.ending is None


def test_large_datagrams_wait_for_the_peers_consent(simulate: Simulate) -> None:
    simulation = simulate(datagram_size=8900)
    simulation.step()
    assert max(simulation.sizes) == 1200
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)

    assert max(simulation.sizes) == 8900


def test_a_peer_that_wants_small_datagrams_gets_them(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = simulate(datagram_size=8900)
    monkeypatch.setattr(
        "smbquic.transport.quic.aioquic_internals.pull_quic_transport_parameters",
        lambda buffer: changed(pull_quic_transport_parameters(buffer)),
    )
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)

    assert max(simulation.sizes) == 1350


def changed(parameters: Any) -> Any:
    parameters.max_udp_payload_size = 1350
    return parameters


# Certificates.


def test_a_verdict_reaches_the_other_side(simulate: Simulate, bad_pki: FaultyPki) -> None:
    files = bad_pki.server(Fault.EXPIRED)
    simulation = simulate(identity=ServerTls(files.certificate, files.key))
    simulation.run(lambda: simulation.server and simulation.server.ending)

    assert simulation.client.security is None
    assert simulation.client.ending.ours
    assert simulation.client.ending.code == 0x100 + 45
    assert "no longer valid" in simulation.client.ending.reason
    assert simulation.server.ending.code == 0x100 + 45
    assert simulation.server.security is None


def test_a_client_waits_for_the_servers_verdict(simulate: Simulate, pki: PkiDirectory) -> None:
    trust = Trust.load(pki.ca)

    def judge(chain: list[bytes]) -> None:
        verify(chain, Purpose.CLIENT, trust)

    identity = ServerTls(pki.server.certificate, pki.server.key, pki.ca, judge)
    files = pki.client
    simulation = simulate(
        identity=identity,
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client._handshake)
    assert simulation.client.security is None
    simulation.establish()

    assert len(simulation.server.security.certificates) == 2


@pytest.mark.parametrize(
    ("reason", "alert"),
    [
        ("access-denied", 49),
        ("expired", 45),
        ("no-certificate", 116),
        ("revoked", 44),
        ("unknown-ca", 48),
        ("weak-key", 42),
    ],
)
def test_reasons_have_alerts(
    simulate: Simulate, pki: PkiDirectory, reason: str, alert: int
) -> None:
    def judge(chain: list[bytes]) -> None:
        raise HandshakeError("no", reason)

    files = pki.client
    simulation = simulate(
        identity=ServerTls(pki.server.certificate, pki.server.key, verify=judge),
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client.ending)

    assert simulation.client.ending.code == 0x100 + alert
    assert isinstance(simulation.server.ending.cause, HandshakeError)
    assert simulation.server.ending.cause.reason == reason


# Configurations.


def test_a_key_must_belong_to_its_certificate(pki: PkiDirectory) -> None:
    with pytest.raises(HandshakeError, match="does not belong") as caught:
        server_configuration(ServerTls(pki.server.certificate, pki.client.key), QuicOptions())

    assert caught.value.reason == "certificate-file"


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


@given(st.binary(max_size=1500))
def test_a_fresh_server_survives_any_datagram(fresh: Callable[[], Any], data: bytes) -> None:
    engine = fresh()
    engine.receive(data, PATH, 1.0)
    engine.datagrams(1.0)

    assert engine.security is None
    assert not engine.begun


@pytest.fixture(scope="module")
def fresh(pki: PkiDirectory) -> Callable[[], AioquicEngine]:
    configuration = server_configuration(
        ServerTls(pki.server.certificate, pki.server.key), QuicOptions()
    )

    class NoIds:
        def issued(self, connection_id: bytes) -> None: ...

        def retired(self, connection_id: bytes) -> None: ...

    return lambda: AioquicEngine(configuration, 1200, NoIds(), original_id=bytes(8))


def test_an_engine_that_fails_ends_its_connection_only(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    simulation = simulate()
    simulation.establish()

    def fail(*_: Any) -> None:
        raise KeyError("a bug in the library")

    monkeypatch.setattr(simulation.server._quic, "receive_datagram", fail)
    with caplog.at_level(logging.ERROR):
        simulation.server.receive(b"x", PATH, simulation.now)

    assert simulation.server.ending.code == 1
    assert "a bug in the library" in caplog.text


def test_abandoning_is_immediate(simulate: Simulate, fresh: Callable[[], AioquicEngine]) -> None:
    simulation = simulate()
    simulation.establish()
    simulation.client.abandon()
    simulation.client.abandon()
    assert simulation.client.terminated
    untouched = fresh()
    untouched.abandon()

    assert untouched.datagrams(1.0) == []


# Retry.


def first_datagram(pki: PkiDirectory) -> bytes:
    class NoIds:
        def issued(self, connection_id: bytes) -> None: ...

        def retired(self, connection_id: bytes) -> None: ...

    configuration = client_configuration(ClientTls(ca=pki.ca), "localhost", QuicOptions())
    engine = AioquicEngine(configuration, 1200, NoIds())
    engine.connect(PATH, 0.0)
    return engine.datagrams(0.0)[0][0]


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
