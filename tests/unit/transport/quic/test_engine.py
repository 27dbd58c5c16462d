"""What every engine promises, in simulated time on a simulated network, in all pairings."""

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import EngineError, HandshakeError
from smbquic.options.quic import CIPHERS, GROUPS
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Purpose, Trust, verify
from smbquic.transport.base import ClientHello, PathStatistics
from smbquic.transport.quic.engine import (
    CRYPTO_ERROR,
    Acceptance,
    CloseReason,
    DatagramSizes,
    Engine,
)
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import server_engine
from smbquic.transport.quic.tls import ClientTls, ServerTls
from tests.engines import INSTALLED, MISSING
from tests.unit.transport.quic.simulation import Simulate, Simulation, library

PATH = (("192.0.2.1", 50000), b"")
DELAY = 0.005
"""Seconds that a simulated datagram takes, see `Simulation`."""

PAIRINGS = ["aioquic", "qh3", "aioquic-qh3", "qh3-aioquic"]
CERTIFYING = ["aioquic", "qh3-aioquic"]
ENGINES = ["aioquic", "qh3"]
INSTALLED_PAIRINGS = [pair for pair in PAIRINGS if MISSING.isdisjoint(pair.split("-"))]


@pytest.fixture(params=PAIRINGS)
def engines(request: pytest.FixtureRequest) -> str:
    """The engines of client and server."""
    name: str = request.param
    return name


def test_both_ends_know_what_was_negotiated(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    assert not simulation.client.begun
    assert simulation.client.statistics().round_trip is None
    simulation.establish()
    assert simulation.client.statistics().round_trip == pytest.approx(2 * DELAY, rel=0.1)
    client, server = simulation.security("client"), simulation.security("server")

    assert client.alpn == server.alpn == "smb"
    assert client.cipher == server.cipher == "AES_128_GCM_SHA256"
    assert client.server_name == server.server_name == "localhost"
    assert len(client.certificates) == 2
    assert server.certificates == ()
    assert simulation.client.begun
    assert simulation.client.idle_timeout == simulation.server.idle_timeout == 30


def test_keys_are_exchanged_with_post_quantum_security_where_both_can(
    simulate: Simulate, engines: str
) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()

    expected = {
        "qh3": "X25519MLKEM768",  # both offer and take it
        "qh3-aioquic": "X25519",  # the only other share that is sent
    }.get(engines, "P-256")
    assert simulation.security("client").group == simulation.security("server").group == expected


@pytest.mark.parametrize("cipher", CIPHERS)
def test_cipher_suites_are_those_that_were_chosen(
    simulate: Simulate, engines: str, cipher: str
) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(tls_ciphers=(cipher,)))
    simulation.establish()

    name = simulation.security("server").cipher
    assert name == simulation.security("client").cipher
    assert name.replace("_", "-").startswith(cipher)


@pytest.mark.parametrize("group", GROUPS)
def test_groups_are_those_that_were_chosen(simulate: Simulate, engines: str, group: str) -> None:
    options = QuicOptions(tls_groups=(group,))
    if group == "X25519MLKEM768" and engines != "qh3":
        with pytest.raises(EngineError, match="aioquic has no X25519MLKEM768: "):
            simulate(engines=engines, options=options).establish()
        return
    simulation = simulate(engines=engines, options=options)
    simulation.establish()

    assert simulation.security("client").group == simulation.security("server").group == group


@pytest.mark.parametrize("client", ["aioquic", "qh3"])
@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
@pytest.mark.engine("aioquic")
def test_a_client_sends_a_share_of_every_group(simulate: Simulate, client: str, group: str) -> None:
    """So a server that takes one group only has no need to ask for another share."""
    simulation = simulate(engines=f"{client}-aioquic")
    simulation.server_options = QuicOptions(engine="aioquic", tls_groups=(group,))
    simulation.establish()

    assert simulation.security("client").group == simulation.security("server").group == group


@pytest.mark.parametrize(
    ("offered", "allowed"),
    [
        ({"tls_groups": ("X25519",)}, {"tls_groups": ("P-256", "P-384")}),
        ({"tls_groups": ("P-384",)}, {"tls_groups": ("P-256",)}),
        ({"tls_ciphers": ("AES-128-GCM",)}, {"tls_ciphers": ("AES-256-GCM",)}),
    ],
)
def test_a_server_insists_on_its_choice(
    simulate: Simulate, engines: str, offered: dict[str, Any], allowed: dict[str, Any]
) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(**offered))
    simulation.server_options = replace(
        QuicOptions(**allowed), engine=simulation.server_options.engine
    )
    simulation.run(lambda: simulation.client.close_reason)

    assert simulation.close_reason("client").code == CRYPTO_ERROR + 40
    assert simulation.client.security is None


def test_an_address_is_no_name_to_ask_for(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, name="127.0.0.1")
    simulation.establish()

    assert simulation.security("client").server_name == "127.0.0.1"
    assert simulation.security("server").server_name == ""


def test_the_shorter_idle_time_counts_for_both(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(idle_timeout=20))
    simulation.options = QuicOptions()
    simulation.server_options = QuicOptions(engine=simulation.server_options.engine)
    assert simulation.client.idle_timeout == 20
    simulation.establish()

    assert simulation.client.idle_timeout == simulation.server.idle_timeout == 20


@pytest.mark.parametrize(("loss", "jitter"), [(0, 0), (0, 0.02), (0.1, 0), (0.1, 0.02)])
def test_what_is_written_arrives(
    simulate: Simulate, engines: str, loss: float, jitter: float
) -> None:
    simulation = simulate(engines=engines)
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


def test_a_segment_batch_is_as_good_as_its_datagrams(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(1)
    simulation.client.write(b"begin")
    simulation.advance(1)
    simulation.client.write(bytes(range(256)) * 40)
    datagrams = [each for each, _ in simulation.outgoing("client")]
    size = max(map(len, datagrams))
    segments = [datagram for datagram in datagrams if len(datagram) == size]
    assert len(segments) > 2
    # What precedes them may have been lost.
    first = datagrams[: datagrams.index(segments[0])]
    for datagram in first:
        simulation.server.receive(datagram, PATH, simulation.now)
    simulation.server.receive_segments(b"".join(segments), size, PATH, simulation.now)
    received = b"".join(simulation.server.read())

    assert len(received) > 2 * 1100
    assert received == (bytes(range(256)) * 40)[: len(received)]


@pytest.mark.engine("qh3")
@pytest.mark.parametrize("batch", [False, True])
def test_what_qh3_has_received_counts_as_held_without_the_headers_of_each_datagram(
    simulate: Simulate, batch: bool
) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    # So that the offsets in all of the next datagrams have the same length.
    simulation.client.write(bytes(100))
    simulation.advance(1)
    simulation.client.write(bytes(3000))
    datagrams = [datagram for datagram, _ in simulation.outgoing("client")]
    size = len(datagrams[0])
    assert [len(each) for each in datagrams[:-1]] == [size, size]
    before = simulation.server.held
    if batch:
        simulation.server.receive_segments(b"".join(datagrams), size, PATH, simulation.now)
    else:
        for datagram in datagrams:
            simulation.server.receive(datagram, PATH, simulation.now)

    assert simulation.server.held == before + sum(map(len, datagrams)) - 3 * 64
    assert b"".join(simulation.server.read()) == bytes(3000)


def test_nothing_counts_as_acknowledged_that_was_lost(simulate: Simulate, engines: str) -> None:
    """An orderly close waits for it, so it may not be too small."""
    simulation = simulate(engines=engines)
    simulation.loss = 0.3
    simulation.establish()
    simulation.client.write(bytes(200_000))
    while len(simulation.received["server"]) < 200_000:
        assert simulation.client.unacknowledged > 0
        simulation.step()
    simulation.loss = 0
    simulation.run(lambda: simulation.client.unacknowledged == 0)


def test_packets_that_were_lost_are_counted(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)
    assert simulation.lost_packets("client") == 0
    simulation.loss = 0.2
    simulation.client.write(bytes(200_000))
    simulation.run(lambda: len(simulation.received["server"]) == 300_000)
    # About a fifth of some 170, and of those that were sent again.
    assert 10 < simulation.lost_packets("client") < 100


def test_unsent_and_unacknowledged_bytes_are_counted(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(1)
    assert simulation.client.unsent == simulation.client.unacknowledged == 0
    assert simulation.server.unsent == simulation.server.unacknowledged == 0
    simulation.server.write(b"waits for the stream")
    assert simulation.server.unsent == simulation.server.unacknowledged == 20
    simulation.client.write(bytes(1_000_000))
    assert simulation.client.unsent == simulation.client.unacknowledged == 1_000_000
    simulation.client.datagrams(simulation.now)

    assert 0 < simulation.client.unsent < 1_000_000
    assert simulation.client.unacknowledged >= 1_000_000


def test_the_window_moves_only_when_it_is_moved(simulate: Simulate, engines: str) -> None:
    window = 1 << 18
    simulation = simulate(engines=engines, options=QuicOptions(window=window))
    simulation.establish()
    simulation.client.write(bytes(5 * window))
    simulation.advance(2)
    taken = len(simulation.received["server"])
    assert simulation.server.capacity <= taken <= window
    simulation.advance(2)
    assert len(simulation.received["server"]) == taken
    assert not simulation.server.release(window // 16) or engines.endswith("qh3")
    simulation.server.release(window // 16)
    simulation.run(lambda: len(simulation.received["server"]) > taken)
    simulation.advance(2)
    assert len(simulation.received["server"]) <= taken + window // 4
    released = window // 8
    while len(simulation.received["server"]) < 5 * window:
        fresh = len(simulation.received["server"]) - released
        released += fresh
        simulation.server.release(fresh)
        simulation.step()

    assert simulation.received["server"] == bytes(5 * window)


def test_lost_window_updates_are_repeated(simulate: Simulate, engines: str) -> None:
    window = 1 << 18
    simulation = simulate(engines=engines, options=QuicOptions(window=window))
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


def test_the_peers_end_of_the_stream_is_noticed(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    library(simulation.client).send_stream_data(0, b"that is all", end_stream=True)
    simulation.run(lambda: simulation.server.finished)

    assert simulation.received["server"] == b"that is all"
    assert simulation.server.close_reason is None


@pytest.mark.parametrize("end", ["reset_stream", "stop_stream"])
def test_without_either_direction_of_the_stream_nothing_goes_on(
    simulate: Simulate, engines: str, end: str
) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(b"open")
    simulation.run(lambda: simulation.received["server"])
    simulation.server.write(b"answer")
    simulation.run(lambda: simulation.received["client"])
    getattr(library(simulation.client), end)(0, 5)
    simulation.run(lambda: simulation.server.close_reason and simulation.client.close_reason)

    expected = CloseReason(0, "the stream was reset", application=True, ours=True)
    assert simulation.close_reason("server") == expected
    assert simulation.close_reason("client") == replace(expected, ours=False)


@pytest.mark.parametrize("name", ENGINES)
def test_how_much_may_wait_for_the_application(simulate: Simulate, name: str) -> None:
    simulation = simulate(engines=name, options=QuicOptions(window=1 << 18))

    # All of a message has to be in the core of qh3 before any of it is fetched.
    assert simulation.client.capacity == {"aioquic": 1 << 18, "qh3": 3 << 16}[name]


@pytest.mark.engine("aioquic")
def test_aioquic_announces_an_eighth_of_the_window_at_once(simulate: Simulate) -> None:
    simulation = simulate(engines="aioquic", options=QuicOptions(window=1 << 18))
    simulation.establish()

    assert not simulation.server.release((1 << 15) - 1)
    assert simulation.server.release(1)
    assert not simulation.server.release(1)


@pytest.mark.parametrize("closer", ["client", "server"])
def test_a_close_is_told_with_its_reason(simulate: Simulate, engines: str, closer: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.advance(1)
    peer = "server" if closer == "client" else "client"
    one, other = simulation.engine(closer), simulation.engine(peer)
    one.close(7, "enough")
    one.close(8, "and once more")
    simulation.run(lambda: other.close_reason)
    ours, theirs = simulation.close_reason(closer), simulation.close_reason(peer)

    assert (ours.code, ours.phrase, ours.ours, ours.application) == (7, "enough", True, True)
    assert (theirs.code, theirs.phrase, theirs.ours) == (7, "enough", False)
    assert theirs.application
    assert not one.terminated
    simulation.run(lambda: one.terminated and other.terminated)
    assert one.timer() is None
    assert one.datagrams(simulation.now) == []


def test_nothing_troubles_an_engine_that_has_ended(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.close(0, "")
    simulation.client.write(b"too late")
    simulation.client.ping()
    simulation.run(lambda: simulation.server.close_reason)
    simulation.server.write(b"too late")
    simulation.server.ping()
    simulation.server.close(0, "")
    simulation.run(lambda: simulation.client.terminated and simulation.server.terminated)

    assert not simulation.received["client"]
    assert not simulation.received["server"]


def test_the_end_is_told_over_what_nobody_fetched(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(window=1 << 16))
    simulation.establish()
    simulation.client.write(bytes(1 << 18))
    simulation.advance(2)
    simulation.client.close(0, "enough")
    simulation.run(lambda: simulation.server.close_reason)

    assert simulation.close_reason("server").phrase == "enough"
    assert 1 << 15 < len(simulation.received["server"]) <= 1 << 17


def test_silence_is_the_end(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(idle_timeout=5))
    simulation.establish()
    simulation.loss = 1
    simulation.run(lambda: simulation.client.close_reason and simulation.server.close_reason)

    assert simulation.close_reason("client").idle
    assert simulation.close_reason("client").ours
    assert simulation.client.terminated
    assert simulation.close_reason("server").idle


def test_pings_keep_it_up(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, options=QuicOptions(idle_timeout=5))
    simulation.establish()
    for _ in range(30):
        simulation.client.ping()
        simulation.advance(2)

    assert simulation.client.close_reason is None
    assert simulation.server.close_reason is None


def test_a_ping_is_not_held_back_by_what_is_lost(simulate: Simulate, engines: str) -> None:
    """A full congestion window and doubled time-outs are no reason not to ask a silent peer."""
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(10_000_000))
    simulation.run(lambda: len(simulation.received["server"]) > 100_000)
    simulation.loss = 1.0
    simulation.advance(12)
    for _ in range(5):
        simulation.outgoing("client")
        simulation.client.ping()
        assert simulation.outgoing("client")


def test_keys_are_renewed_before_they_wear_out(
    simulate: Simulate, engines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in INSTALLED:
        module = import_module(f"smbquic.transport.quic.{name}.engine")
        monkeypatch.setattr(module, "KEY_LIFETIME", 50)
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(range(250)) * 2000)
    simulation.server.write(bytes(range(250)) * 2000)
    phases = set()
    while min(map(len, simulation.received.values())) < 500_000:
        simulation.step()
        phases.add((simulation.client.key_phase, simulation.server.key_phase))

    assert {phase for phase, _ in phases} == {phase for _, phase in phases} == {0, 1}
    assert simulation.received["client"] == bytes(range(250)) * 2000
    assert simulation.client.close_reason is simulation.server.close_reason is None


@pytest.mark.engine("qh3")
def test_keys_of_qh3_are_renewed_after_so_many_datagrams(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.transport.quic.qh3.engine.KEY_LIFETIME", 50)
    simulation = simulate(engines="qh3")
    simulation.establish()
    changed: list[int] = []
    phase = 0
    while len(changed) < 2:
        simulation.client.ping()
        simulation.advance(0.05)
        if simulation.client.key_phase != phase:
            phase = simulation.client.key_phase
            changed.append(len(simulation.sent["client"]))

    assert changed == [50, 100]


# Where the client is.


def test_a_client_may_change_its_address(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.server.write(bytes(100_000))
    for number in range(8):
        host = f"192.0.2.{number % 4 + 10}"
        before = len(simulation.received["client"])
        simulation.run(partial(simulation.has_received, "client", before + 1))
        simulation.client_path = ((host, 60000 + number), b"")
        simulation.client.ping()
    simulation.server.write(bytes(100_000))
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 200_000)

    assert simulation.destinations[-1] == simulation.client_path
    assert simulation.client.close_reason is simulation.server.close_reason is None


def test_an_address_that_is_not_validated_gets_little(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(b"x")
    simulation.server.write(bytes(1_000_000))
    simulation.run(lambda: len(simulation.received["client"]) > 200_000)
    # The client's packets seem to come from somebody who never asked for anything.
    victim = (("198.51.100.7", 7), b"")
    simulation.client.ping()
    sent = simulation.outgoing("client")
    sizes = [len(datagram) for datagram, _ in sent]
    for datagram, _ in sent:
        simulation.server.receive(datagram, victim, simulation.now)
    received = 0
    for _ in range(50):
        simulation.now += 0.05
        simulation.server.tick(simulation.now)
        for datagram, path in simulation.outgoing("server"):
            received += len(datagram) if path == victim else 0

    assert 0 < received <= 3 * sum(sizes)


# Certificates.


def test_a_refusal_reaches_the_other_side(
    simulate: Simulate, engines: str, bad_pki: FaultyPki
) -> None:
    files = bad_pki.server(Fault.EXPIRED)
    simulation = simulate(engines=engines, identity=ServerTls(files.certificate, files.key))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.client.security is None
    assert simulation.close_reason("client").ours
    assert simulation.close_reason("client").code == 0x100 + 45
    assert simulation.close_reason("server").code == 0x100 + 45
    assert not simulation.close_reason("server").ours
    assert simulation.server.security is None
    assert simulation.server.client_hello == ClientHello("localhost")


@pytest.mark.parametrize("engines", CERTIFYING)
def test_a_client_waits_until_its_certificate_is_accepted(
    simulate: Simulate, engines: str, pki: PkiDirectory
) -> None:
    trust = Trust.load(pki.ca)

    def check(chain: list[bytes]) -> None:
        verify(chain, Purpose.CLIENT, trust)

    identity = ServerTls(pki.server.certificate, pki.server.key, pki.ca, check)
    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=identity,
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: vars(simulation.client)["_handshake"])
    assert simulation.client.security is None
    simulation.establish()

    assert len(simulation.security("server").certificates) == 2


@pytest.mark.parametrize("engines", CERTIFYING)
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
    simulate: Simulate, engines: str, pki: PkiDirectory, reason: str, alert: int
) -> None:
    def refuse(chain: list[bytes]) -> None:
        raise HandshakeError("no", reason)

    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=ServerTls(pki.server.certificate, pki.server.key, verify=refuse),
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client.close_reason)

    assert simulation.close_reason("client").code == 0x100 + alert
    cause = simulation.close_reason("server").cause
    assert isinstance(cause, HandshakeError)
    assert cause.reason == reason
    client_hello = simulation.server.client_hello
    assert client_hello.server_name == "localhost"
    assert len(client_hello.certificates) == 2


@pytest.mark.parametrize(("reason", "alert"), [("revoked", 44), ("weak-key", 42)])
def test_a_client_refuses_for_its_own_reasons(
    simulate: Simulate, engines: str, reason: str, alert: int
) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        assert (len(chain), name) == (2, "localhost")
        raise HandshakeError("no", reason)

    simulation = simulate(engines=engines, trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.close_reason("server").code == 0x100 + alert
    cause = simulation.close_reason("client").cause
    assert isinstance(cause, HandshakeError)
    assert cause.reason == reason


@pytest.mark.engine("qh3")
def test_after_a_refusal_qh3_takes_nothing_more(simulate: Simulate) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        raise HandshakeError("no", "weak-key")

    simulation = simulate(engines="qh3", trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.client.close_reason)
    # The core hands on what else has arrived, a Finished message say; to read this one would fail.
    library(simulation.client).tls.handle_message(b"\x14\0\0\x20" + bytes(32), {})

    assert simulation.client.security is None


@pytest.mark.parametrize("length", [250, 700, 3000])
def test_a_refusal_arrives_however_long_it_is(
    simulate: Simulate, engines: str, length: int
) -> None:
    def refuse(chain: list[bytes], name: str) -> None:
        raise HandshakeError("x" * length, "weak-key")

    simulation = simulate(engines=engines, trust=ClientTls(verify=refuse))
    simulation.run(lambda: simulation.accepted and simulation.server.close_reason)

    assert simulation.close_reason("server").code == 0x12A
    assert simulation.close_reason("server").phrase == "x" * min(length, 300)


@pytest.mark.parametrize("engines", CERTIFYING)
@pytest.mark.parametrize("length", [250, 700, 3000])
def test_so_does_the_refusal_of_a_client(
    simulate: Simulate, engines: str, pki: PkiDirectory, length: int
) -> None:
    def refuse(chain: list[bytes]) -> None:
        raise HandshakeError("x" * length, "weak-key")

    files = pki.client
    simulation = simulate(
        engines=engines,
        identity=ServerTls(pki.server.certificate, pki.server.key, verify=refuse),
        trust=ClientTls(ca=pki.ca, certificate=files.certificate, key=files.key),
    )
    simulation.run(lambda: simulation.client.close_reason)

    assert simulation.close_reason("client").code == 0x12A
    assert simulation.close_reason("client").phrase == "x" * min(length, 300)


# Whatever arrives.


MakeServer = Callable[[str], Engine]


class NoIds:
    def issued(self, connection_id: bytes) -> None: ...

    def retired(self, connection_id: bytes) -> None: ...


@pytest.fixture(scope="module")
def fresh(pki: PkiDirectory) -> MakeServer:
    identity = ServerTls(pki.server.certificate, pki.server.key)
    makers = {name: server_engine(identity, QuicOptions(engine=name))[1] for name in INSTALLED}
    return lambda name: makers[name](
        DatagramSizes(1200, 1200), NoIds(), Acceptance(original_id=bytes(8), first_datagram=1200)
    )


@pytest.mark.parametrize("name", ENGINES)
def test_a_client_that_has_not_been_heard_has_said_nothing(fresh: MakeServer, name: str) -> None:
    engine = fresh(name)
    assert engine.client_hello == ClientHello()
    assert engine.statistics() == PathStatistics(None, 1200, 0)
    assert engine.unsent == engine.unacknowledged == engine.held == 0
    assert engine.idle_timeout == 30
    assert not any((engine.begun, engine.finished, engine.terminated))
    assert engine.read() == []
    assert engine.datagrams(1.0) == []


@given(data=st.binary(max_size=1500), name=st.sampled_from(INSTALLED))
def test_a_fresh_server_survives_any_datagram(fresh: MakeServer, data: bytes, name: str) -> None:
    engine = fresh(name)
    engine.receive(data, PATH, 1.0)
    engine.receive_segments(data, 700, PATH, 1.0)
    engine.datagrams(1.0)

    assert engine.security is None
    assert not engine.begun


@given(
    where=st.integers(0, 1199),
    change=st.integers(1, 255),
    name=st.sampled_from(INSTALLED_PAIRINGS),
    batch=...,
)
def test_a_connection_survives_any_change_of_a_datagram(
    simulate: Simulate, where: int, change: int, name: str, batch: bool
) -> None:
    simulation = simulate(engines=name)
    simulation.establish()
    simulation.client.write(bytes(3000))
    for datagram, _ in simulation.outgoing("client"):
        bad = bytearray(datagram)
        bad[where % len(bad)] ^= change
        if batch:
            simulation.server.receive_segments(bytes(bad), len(bad), PATH, simulation.now)
        else:
            simulation.server.receive(bytes(bad), PATH, simulation.now)

    assert simulation.server.close_reason is None
    simulation.run(lambda: len(simulation.received["server"]) == 3000)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_fails_ends_its_connection_only(
    simulate: Simulate,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulation = simulate(engines=name)
    simulation.establish()

    def fail(*_: object) -> None:
        raise KeyError("a bug in the library")

    monkeypatch.setattr(library(simulation.server), "receive_datagram", fail)
    with caplog.at_level(logging.ERROR):
        simulation.server.receive(b"\xff", PATH, simulation.now)

    assert simulation.close_reason("server").code == 1
    assert "a bug in the library" in caplog.text


class FailingCore:
    """qh3's core in Rust, whose next datagram cannot be built."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def poll_transmit(self, now: float) -> Any:
        if self.failures:
            return self._core.poll_transmit(now)
        self.failures += 1
        raise RuntimeError("no key for this packet")


@pytest.mark.engine("qh3")
def test_a_datagram_that_cannot_be_built_ends_the_connection_of_qh3(
    simulate: Simulate, caplog: pytest.LogCaptureFixture
) -> None:
    simulation = simulate(engines="qh3")
    simulation.establish()
    metered = library(simulation.server)._core
    metered.core = FailingCore(metered.core)
    with caplog.at_level(logging.INFO):
        simulation.run(lambda: simulation.client.close_reason)

    assert metered.core.failures == 1
    assert [record.getMessage() for record in caplog.records] == [
        "the QUIC engine cannot build a datagram: no key for this packet"
    ]
    for name in ("server", "client"):
        close_reason = simulation.close_reason(name)
        assert (close_reason.code, close_reason.application, close_reason.ours) == (
            1,
            False,
            name == "server",
        )


@pytest.mark.parametrize("name", ENGINES)
def test_abandoning_is_immediate(simulate: Simulate, name: str, fresh: MakeServer) -> None:
    simulation = simulate(engines=name)
    simulation.establish()
    simulation.client.abandon()
    simulation.client.abandon()
    assert simulation.client.terminated
    untouched = fresh(name)
    untouched.abandon()

    assert untouched.datagrams(1.0) == []
    for engine in (simulation.client, untouched):
        assert engine.close_reason in (None, CloseReason(1, "", application=False, ours=True))


def test_nothing_is_logged_about_a_connection_that_lives_and_ends(
    simulate: Simulate, engines: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The libraries have loggers of their own, and users see their warnings."""
    simulation = simulate(engines=engines)
    simulation.establish()
    simulation.client.write(bytes(100_000))
    simulation.run(lambda: len(simulation.received["server"]) == 100_000)
    simulation.server.close(5, "enough")
    simulation.run(lambda: simulation.client.terminated and simulation.server.terminated)

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# How large datagrams may be.


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
    simulation = simulate(engines=engines, sizes=sizes, mtu=mtu)
    simulation.establish()
    quiet_while(simulation)
    for name in ("client", "server"):
        simulation.sent[name].clear()
        simulation.engine(name).write(bytes(200_000))
    simulation.run(lambda: min(map(len, simulation.received.values())) == 200_000)

    assert simulation.datagram_size("client") == simulation.datagram_size("server") == mtu
    # qh3 leaves a few bytes empty.
    assert mtu - 40 <= max(simulation.sent["client"]) <= mtu
    assert mtu - 40 <= max(simulation.sent["server"]) <= mtu


@pytest.mark.parametrize("mtu", [1200, 1300, 1472])
def test_an_interface_may_promise_too_much(simulate: Simulate, engines: str, mtu: int) -> None:
    simulation = simulate(engines=engines, sizes=JUMBO, mtu=mtu)
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
    simulation = simulate(engines=engines, sizes=sizes, mtu=before)
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
    simulation.run(lambda: len(received) == len(data))
    quiet_while(simulation)

    assert received == data
    assert engine.resized is not None
    former, size = engine.resized
    assert (former, size) == (before, engine.statistics().datagram_size) or former == sizes.ethernet
    assert 1200 <= size <= after
    assert simulation.client.close_reason is simulation.server.close_reason is None


def test_an_outage_is_no_narrow_path(simulate: Simulate, engines: str) -> None:
    simulation = simulate(engines=engines, sizes=ETHERNET, mtu=1472)
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
    simulation = simulate(engines=engines, sizes=sizes, mtu=8972)
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
    simulation = simulate(engines=engines, sizes=ETHERNET, mtu=1472)
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
    assert sum(sent) / len(sent) > 1400
