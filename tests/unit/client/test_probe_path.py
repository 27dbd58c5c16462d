"""The steps of a probe over one family of addresses, with peers that the test plays."""

import asyncio
import errno
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.client import quic_versions
from smbquic.client.probe_path import ProbePath, _version_result, unreachable_reason
from smbquic.client.probe_results import (
    ProbeFailed,
    ProbeOptions,
    ProbeOutcome,
    ProbeResult,
    ProbeStep,
)
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError, ConnectionClosed, HandshakeError, TransportError
from smbquic.pki import Fault, FaultyPki, PkiDirectory, Trust
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session import SessionTable
from smbquic.protocol.settings import DIALECTS, ServerSettings
from smbquic.server.server import CAPABILITIES
from smbquic.transport import quic, tcp
from smbquic.transport.addresses import Address
from smbquic.transport.base import MessageTransport, Peer
from smbquic.transport.quic import ClientTls
from smbquic.transport.resolver import Resolution
from smbquic.wire.cursor import Buffer
from tests.protocol.conftest import TwoStepAuthenticator
from tests.random_bytes import RandomBytes
from tests.unit.client.fakes import FakeTransport

QUIC = SmbUrl.parse("smb+quic://fs.example/data")
TCP = SmbUrl.parse("smb://fs.example/data")
FIRST, SECOND = "192.0.2.1", "192.0.2.2"
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
OWN = ClientTls(certificate=Path("client.pem"), key=Path("client.key"))


def addresses(port: int) -> list[Address]:
    return [Address(socket.AF_INET, (host, port)) for host in (FIRST, SECOND)]


class ServerTransport(FakeTransport):
    """A transport to a server that answers NEGOTIATE, or nothing if it is `silent`."""

    def __init__(self, kind: Literal["quic", "tcp"]) -> None:
        super().__init__()
        self.peer = Peer(
            kind,
            ("192.0.2.9", 50000),
            (FIRST, 443),
            alpn="smb",
            cipher="AES_128_GCM_SHA256",
            encrypted=kind == "quic",
            handshake_seconds=0.012,
            engine="qh3",
            engine_reason="the fastest",
        )
        self.silent = False
        self._protocol = ServerProtocol(
            ServerSettings(guid=bytes(16), dialects=DIALECTS, capabilities=CAPABILITIES),
            SessionTable(RandomBytes()),
            TwoStepAuthenticator(),  # type: ignore[arg-type]
            quic=kind == "quic",
            random=RandomBytes(),
        )

    def _take(self, *buffers: Buffer) -> None:
        if self.silent:
            return
        for request in self._protocol.receive(memoryview(bytearray(b"".join(buffers)))):
            answer = self._protocol.respond(request, self._protocol.negotiate(request, 0))
            assert answer is not None
            self.deliver(b"".join(answer))


class Network:
    """Takes the place of the network.

    `versions` is what each address answers to a query of versions, `chain` the certificates that
    the server shows, `refusal` what connecting fails with. `tcp` is what becomes of a plain TCP
    connection to each address.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, chain: list[bytes]) -> None:
        self.versions: dict[str, list[int] | OSError | None] = {FIRST: [1]}
        self.chain = chain
        self.refusal: TransportError | None = None
        self.tcp: dict[str, OSError | None] = {}
        self.transports = {"quic": ServerTransport("quic"), "tcp": ServerTransport("tcp")}
        self.queried: list[str] = []
        monkeypatch.setattr(quic_versions, "query", self._query)
        monkeypatch.setattr(quic, "connect", self._connect_quic)
        monkeypatch.setattr(tcp, "connect", self._connect_tcp)
        monkeypatch.setattr(asyncio, "open_connection", self._open_connection)

    async def _query(self, address: Address, wait: float) -> list[int] | None:
        host = address.endpoint[0]
        self.queried.append(host)
        found = self.versions[host]
        if isinstance(found, OSError):
            raise found
        return found

    async def _connect_quic(
        self, host: str, port: int, *, trust: ClientTls, **_: Any
    ) -> MessageTransport:
        if self.refusal is not None:
            raise self.refusal
        assert trust.verify is not None
        trust.verify(self.chain, host)
        return self.transports["quic"]

    async def _connect_tcp(self, host: str, port: int, **_: Any) -> MessageTransport:
        if self.refusal is not None:
            raise self.refusal
        return self.transports["tcp"]

    async def _open_connection(self, host: str, port: int) -> tuple[None, Any]:
        error = self.tcp[host]
        if error is not None:
            raise error

        async def wait_closed() -> None:
            raise ConnectionResetError

        return None, SimpleNamespace(close=lambda: None, wait_closed=wait_closed)


def der(certificates: Path) -> list[bytes]:
    loaded = x509.load_pem_x509_certificates(certificates.read_bytes())
    return [each.public_bytes(Encoding.DER) for each in loaded]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, pki: PkiDirectory) -> Network:
    return Network(monkeypatch, der(pki.server.certificate))


class Probing:
    """A probe of one family, with what its steps have found."""

    def __init__(self, url: SmbUrl = QUIC, **options: Any) -> None:
        self.path = ProbePath(url, ProbeOptions(**options), Resolution(addresses(url.port)))
        self.results: list[ProbeResult] = []

    async def run(self) -> None:
        async for each in self.path.run():
            self.results.append(each)

    async def fail(self) -> ProbeResult:
        with pytest.raises(ProbeFailed) as raised:
            await self.run()
        await self.path.close()
        assert raised.value.result.outcome is ProbeOutcome.FAILED
        assert raised.value.result.advice
        return raised.value.result

    @property
    def steps(self) -> list[tuple[ProbeStep, ProbeOutcome]]:
        return [(each.step, each.outcome) for each in self.results]


async def test_all_steps_over_quic(network: Network, pki: PkiDirectory) -> None:
    probing = Probing(trust=Trust.load(pki.ca), client=OWN)
    await probing.run()

    assert probing.steps == [
        (step, ProbeOutcome.OK)
        for step in (
            ProbeStep.REACHABILITY,
            ProbeStep.VERSION,
            ProbeStep.TLS,
            ProbeStep.ALPN,
            ProbeStep.CERTIFICATE,
            ProbeStep.CLIENT_CERTIFICATE,
            ProbeStep.NEGOTIATE,
        )
    ]
    texts = [each.text for each in probing.results]
    assert texts[0] == "UDP port 443 answers, with QUIC"
    assert texts[2] == (
        "TLS 1.3 with AES_128_GCM_SHA256, in 12 ms, on the engine qh3 (the fastest)"
    )
    assert probing.results[2].details == {"engine": "qh3", "engine_reason": "the fastest"}
    assert texts[3] == "the server speaks smb"
    assert texts[4].startswith("accepted, from ")
    assert texts[6].startswith("SMB_3_1_1, signing ")
    assert texts[6].endswith("encryption left to QUIC")

    connection = probing.path.connection
    assert connection is not None
    await probing.path.close()
    assert connection.closed
    assert network.transports["quic"].closed_with is not None


async def test_all_steps_over_tcp(network: Network) -> None:
    probing = Probing(TCP)
    await probing.run()

    assert probing.steps == [
        (ProbeStep.REACHABILITY, ProbeOutcome.OK),
        (ProbeStep.NEGOTIATE, ProbeOutcome.OK),
    ]
    assert probing.results[0].text == "TCP port 445 is open"
    assert probing.results[1].text.endswith(", AES_128_GCM")
    await probing.path.close()


async def test_a_tcp_port_that_is_closed(network: Network) -> None:
    network.refusal = ConnectError("fs.example:445: Connection refused")
    failed = await Probing(TCP).fail()

    assert (failed.step, failed.error) == (ProbeStep.REACHABILITY, network.refusal)
    assert "is the port open" in failed.advice


async def test_without_a_client_certificate_nothing_is_said_of_one(network: Network) -> None:
    probing = Probing(insecure=True)
    await probing.run()
    await probing.path.close()

    assert ProbeStep.CLIENT_CERTIFICATE not in [step for step, _ in probing.steps]


async def test_the_first_address_that_answers_counts(network: Network) -> None:
    network.versions = {FIRST: REFUSED, SECOND: [1]}
    probing = Probing(insecure=True)
    await probing.run()
    await probing.path.close()

    assert network.queried == [FIRST, SECOND]
    assert probing.steps[0] == (ProbeStep.REACHABILITY, ProbeOutcome.OK)


async def test_who_does_not_answer_an_unknown_version_may_still_be_there(network: Network) -> None:
    network.versions = {FIRST: REFUSED, SECOND: None}
    probing = Probing(insecure=True)
    await probing.run()
    await probing.path.close()

    assert probing.steps[:2] == [
        (ProbeStep.REACHABILITY, ProbeOutcome.WARNING),
        (ProbeStep.TLS, ProbeOutcome.OK),
    ]


async def test_nobody_listens(network: Network) -> None:
    network.versions = {FIRST: None, SECOND: REFUSED}
    failed = await Probing().fail()

    assert (failed.step, failed.error) == (ProbeStep.REACHABILITY, REFUSED)
    assert failed.text == "nobody listens on UDP port 443: Connection refused"


async def test_a_server_with_which_no_handshake_succeeds(network: Network) -> None:
    network.refusal = ConnectError("no answer")
    failed = await Probing().fail()

    assert (failed.step, failed.error) == (ProbeStep.TLS, network.refusal)
    assert failed.text.endswith(": no answer")
    assert "MTU" in failed.advice


@pytest.mark.parametrize(
    ("reachable", "words"),
    [
        ({FIRST: TimeoutError(), SECOND: None}, "the host is up, since TCP on that port is open"),
        ({FIRST: REFUSED}, "the host is up, since it refuses TCP on that port"),
        ({FIRST: OSError(), SECOND: TimeoutError()}, "the host may as well be down"),
    ],
)
async def test_a_silent_port(
    network: Network, reachable: dict[str, OSError | None], words: str
) -> None:
    network.versions = {FIRST: None, SECOND: None}
    network.refusal, network.tcp = ConnectError("no answer"), reachable
    failed = await Probing().fail()

    assert (failed.step, failed.error) == (ProbeStep.REACHABILITY, network.refusal)
    assert failed.text == f"UDP port 443 is silent, which is what a filter does; {words}"


@pytest.mark.parametrize(
    ("reason", "client", "step", "advice"),
    [
        ("alpn", ClientTls(), ProbeStep.ALPN, "something else than SMB has this port"),
        ("unrecognized-name", ClientTls(), ProbeStep.TLS, "give it one for fs.example"),
        ("nothing-in-common", ClientTls(), ProbeStep.TLS, "--tls-groups"),
        ("no-certificate", ClientTls(), ProbeStep.CLIENT_CERTIFICATE, "--client-cert"),
        ("revoked", OWN, ProbeStep.CLIENT_CERTIFICATE, "get a new certificate"),
        ("revoked", ClientTls(), ProbeStep.TLS, "read the server's log"),
        ("handshake", OWN, ProbeStep.TLS, "read the server's log"),
    ],
)
async def test_a_handshake_that_fails(
    network: Network, reason: str, client: ClientTls, step: ProbeStep, advice: str
) -> None:
    network.refusal = HandshakeError("it is refused", reason)
    failed = await Probing(client=client).fail()

    assert (failed.step, failed.text, failed.error) == (step, "it is refused", network.refusal)
    assert advice in failed.advice


async def test_a_certificate_that_is_refused(
    network: Network, pki: PkiDirectory, bad_pki: FaultyPki
) -> None:
    network.chain = der(bad_pki.server(Fault.EXPIRED).certificate)
    probing = Probing(trust=Trust.load(pki.ca))
    failed = await probing.fail()

    assert failed.step is ProbeStep.CERTIFICATE
    assert "expired" in failed.text
    assert failed.advice == "renew it, and check this machine's clock"
    assert failed.details["certificate"]["sha256"]
    assert {"check", "status", "text"} == set(failed.details["checks"][0])
    # The connection is closed, although it has got no further.
    assert probing.path.connection is None
    assert network.transports["quic"].closed_with is not None


async def test_a_certificate_that_is_not_checked(network: Network, bad_pki: FaultyPki) -> None:
    network.chain = der(bad_pki.server(Fault.EXPIRED).certificate)
    probing = Probing(insecure=True)
    await probing.run()
    await probing.path.close()

    [found] = [each for each in probing.results if each.step is ProbeStep.CERTIFICATE]
    assert found.outcome is ProbeOutcome.WARNING
    assert found.text.startswith("not checked (--insecure); ")
    assert "expired" in found.text


async def test_a_server_that_does_not_answer_negotiate(network: Network) -> None:
    network.transports["tcp"].silent = True
    failed = await Probing(TCP, timeout=0).fail()

    assert failed.step is ProbeStep.NEGOTIATE
    assert failed.text.endswith(": there is no answer")


async def test_a_server_that_hangs_up_instead_of_negotiating(network: Network) -> None:
    transport = network.transports["tcp"]
    transport.silent = True
    transport.fail(ConnectionClosed("it has closed the connection"))
    failed = await Probing(TCP).fail()

    assert failed.step is ProbeStep.NEGOTIATE
    assert failed.text.endswith(": it has closed the connection")


async def test_a_probe_that_has_reached_nobody_has_nothing_to_close() -> None:
    await Probing().path.close()


@pytest.mark.parametrize(("routes", "reachable"), [([], False), ([SECOND], True), ([FIRST], True)])
def test_one_route_is_enough(
    monkeypatch: pytest.MonkeyPatch, routes: list[str], reachable: bool
) -> None:
    class Socket:
        def __init__(self, *_: object) -> None:
            """See `socket.socket`."""

        def __enter__(self) -> "Socket":
            return self

        def __exit__(self, *_: object) -> None:
            """See `socket.socket`."""

        def connect(self, address: tuple[str, int]) -> None:
            if address[0] not in routes:
                raise OSError(errno.ENETUNREACH, f"no route to {address[0]}")

    monkeypatch.setattr(socket, "socket", Socket)
    reason = unreachable_reason(addresses(443))

    assert (reason is None) == reachable
    assert reachable or SECOND in str(reason)


@pytest.mark.parametrize(
    ("versions", "words"),
    [([1], "1"), ([0x6B3343CF, 0x1A2A3A4A, 1], "1 and 2"), ([0x6B3343CF], "2")],
)
def test_versions_that_are_spoken_here(versions: list[int], words: str) -> None:
    result = _version_result(versions)

    assert (result.outcome, result.text) == (ProbeOutcome.OK, f"QUIC version {words}")


def test_versions_that_are_not() -> None:
    with pytest.raises(ProbeFailed) as raised:
        _version_result(list(range(0x10, 0x20)))

    text = raised.value.result.text
    assert "0x00000010, 0x00000011" in text
    assert "0x00000017" in text
    assert "0x00000018" not in text
