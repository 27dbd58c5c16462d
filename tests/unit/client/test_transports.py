import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.client import transports
from smbquic.client.transports import (
    client_tls,
    connect_transport,
    optional_path,
    transport_connector,
    urls_to_try,
)
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError, EngineError, HandshakeError, PkiError
from smbquic.observe.key_log import SECRETS, TRACES
from smbquic.options.client import TransportOptions, TrustOptions
from smbquic.pki import FaultyPki, PkiDirectory
from smbquic.pki.faults import Fault
from smbquic.pki.files import load_certificates
from smbquic.pki.verification import Trust
from smbquic.transport import quic, tcp
from smbquic.transport.quic import ClientTls, QuicOptions
from smbquic.transport.resolver import Resolver


def chain_of(path: Path) -> list[bytes]:
    return [certificate.public_bytes(Encoding.DER) for certificate in load_certificates(path)]


def test_without_a_ca_the_system_is_asked_when_there_is_something_to_judge(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def system() -> Trust:
        asked.append(True)
        return Trust(())

    monkeypatch.setattr(Trust, "system", system)
    tls = client_tls(TrustOptions())
    assert tls.ca is None
    assert not tls.insecure
    assert asked == []
    assert tls.verify is not None
    with pytest.raises(HandshakeError) as caught:
        tls.verify(chain_of(pki.server.certificate), "localhost")
    assert caught.value.reason == "unknown-ca"
    assert asked == [True]


def test_a_ca_judges_strictly(pki: PkiDirectory, bad_pki: FaultyPki) -> None:
    tls = client_tls(TrustOptions(ca=str(pki.ca)))
    assert tls.ca == pki.ca
    assert tls.verify is not None
    chain = chain_of(pki.server.certificate)
    tls.verify(chain, "localhost")
    with pytest.raises(HandshakeError) as caught:
        tls.verify(chain, "elsewhere.example")
    assert caught.value.reason == "wrong-name"
    with pytest.raises(HandshakeError):
        tls.verify(chain_of(bad_pki.server(Fault.EXPIRED).certificate), "localhost")


def test_insecure_trusts_anybody_whatever_else_is_said(pki: PkiDirectory) -> None:
    tls = client_tls(TrustOptions(ca=pki.ca, insecure=True))
    assert tls.insecure
    assert tls.verify is None


def test_a_client_certificate(pki: PkiDirectory) -> None:
    files = pki.client
    tls = client_tls(
        TrustOptions(ca=pki.ca, client_certificate=str(files.certificate), client_key=files.key)
    )
    assert (tls.certificate, tls.key) == (files.certificate, files.key)
    with pytest.raises(ValueError, match="come together"):
        client_tls(TrustOptions(client_certificate=files.certificate))


def test_a_ca_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(PkiError, match=r"ca\.pem"):
        client_tls(TrustOptions(ca=tmp_path / "ca.pem"))
    with pytest.raises(PkiError, match="revocation list"):
        client_tls(TrustOptions(crl=tmp_path / "ca.pem"))


def test_what_is_revoked_is_refused(pki: PkiDirectory, bad_pki: FaultyPki) -> None:
    revoked = chain_of(bad_pki.server(Fault.REVOKED).certificate)
    careless, careful = (
        client_tls(TrustOptions(ca=pki.ca)),
        client_tls(TrustOptions(ca=pki.ca, crl=str(bad_pki.crl))),
    )
    assert careless.verify is not None
    assert careful.verify is not None
    careless.verify(revoked, "localhost")
    with pytest.raises(HandshakeError) as caught:
        careful.verify(revoked, "localhost")
    assert caught.value.reason == "revoked"


def test_the_systems_authorities_may_have_revocation_lists(
    pki: PkiDirectory, bad_pki: FaultyPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
    tls = client_tls(TrustOptions(crl=bad_pki.crl))
    assert tls.verify is not None
    with pytest.raises(HandshakeError) as caught:
        tls.verify(chain_of(bad_pki.server(Fault.REVOKED).certificate), "localhost")
    assert caught.value.reason == "revoked"


def test_optional_paths() -> None:
    assert optional_path(None) is None
    assert optional_path("a/b") == Path("a/b")


async def test_the_url_says_which_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, int, dict[str, object]]] = []

    async def connect(host: str, port: int, **options: object) -> None:
        called.append((host, port, options))

    monkeypatch.setattr(tcp, "connect", connect)
    monkeypatch.setattr(quic, "connect", connect)
    tls, options = client_tls(TrustOptions(insecure=True)), QuicOptions(engine="qh3")
    more: dict[str, Any] = {"options": options, "resolver": Resolver()}
    await connect_transport(SmbUrl.parse("smb://h/s"), timeout=3, **more)
    await connect_transport(SmbUrl.parse("smb+quic://h:9/s"), tls=tls, timeout=4, **more)
    assert called == [
        ("h", 445, {"timeout": 3, "resolver": more["resolver"]}),
        ("h", 9, {"trust": tls, "timeout": 4, **more}),
    ]


async def test_a_dialer_passes_on_what_it_was_told(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[dict[str, Any]] = []

    async def connect(host: str, port: int, **options: Any) -> None:
        called.append(options)

    monkeypatch.setattr(quic, "connect", connect)
    url, files = SmbUrl.parse("smb+quic://h"), pki.client
    await transport_connector(url, TransportOptions())()
    options = TransportOptions(
        insecure=True,
        client_certificate=files.certificate,
        client_key=str(files.key),
        engine="aioquic",
        congestion="bbr",
        tls_ciphers=["AES-256-GCM"],
        tls_groups=["P-384", "P-256"],
        datagram_size=1300,
        timeout=3,
    )
    await transport_connector(url, options)()
    plain, told = called
    assert (plain["options"], plain["timeout"]) == (QuicOptions(), 10)
    assert not plain["trust"].insecure
    assert told["options"] == QuicOptions(
        engine="aioquic",
        congestion="bbr",
        datagram_size=1300,
        handshake_timeout=3,
        tls_ciphers=["AES-256-GCM"],
        tls_groups=["P-384", "P-256"],
    )
    assert told["trust"] == client_tls(options)
    assert told["timeout"] == 3


async def test_authorities_may_be_read_while_the_server_is_asked(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []

    async def connect(host: str, port: int, *, trust: ClientTls, **_: Any) -> None:
        happened.append("asked")
        await asyncio.sleep(0.01)
        assert trust.verify is not None
        trust.verify(chain_of(pki.server.certificate), "localhost")
        happened.append("verified")

    def load(*paths: Path | None) -> Trust:
        happened.append("read")
        return Trust.load(pki.ca)

    monkeypatch.setattr(quic, "connect", connect)
    monkeypatch.setattr(transports, "trust_from_files", load)
    monkeypatch.setattr(Trust, "prepare", lambda _: happened.append("prepared"))
    url, options = SmbUrl.parse("smb+quic://h"), TransportOptions(ca=pki.ca)
    await transport_connector(url, options, load_late=True)()
    assert happened == ["asked", "read", "prepared", "verified"]
    happened.clear()
    await transport_connector(url, options)()
    assert happened == ["read", "asked", "verified"]


async def test_nothing_is_prepared_for_a_server_that_has_answered(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: object, **__: object) -> str:
        return "connected"

    prepared: list[Trust] = []
    monkeypatch.setattr(tcp, "connect", connect)
    monkeypatch.setattr(Trust, "prepare", prepared.append)
    url, options = SmbUrl.parse("smb://h"), TransportOptions(ca=pki.ca)
    await transport_connector(url, options, load_late=True)()
    assert prepared == []


@pytest.mark.parametrize(
    ("transports_to_try", "ca", "reads"),
    [((), None, 0), (("tcp",), "ca.pem", 1), (("tcp", "quic"), None, 1)],
)
@pytest.mark.parametrize("load_late", [False, True])
async def test_over_tcp_only_authorities_that_are_named_are_read(
    monkeypatch: pytest.MonkeyPatch,
    transports_to_try: tuple[str, ...],
    ca: str | None,
    reads: int,
    *,
    load_late: bool,
) -> None:
    read: list[tuple[Path | None, ...]] = []

    async def connect(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(peer=SimpleNamespace(kind="tcp"))

    monkeypatch.setattr(tcp, "connect", connect)
    monkeypatch.setattr(transports, "trust_from_files", lambda *paths: read.append(paths))
    options = TransportOptions(transport=transports_to_try, ca=ca)
    await transport_connector(SmbUrl.parse("smb://h"), options, load_late=load_late)()
    assert len(read) == reads


@pytest.mark.parametrize("connected", [False, True])
async def test_a_ca_that_is_none_is_said_although_the_server_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, connected: bool
) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    ends: list[str] = []

    async def connect(*_: object, **__: object) -> SimpleNamespace:
        if not connected:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
        return SimpleNamespace(close=ends.append)

    monkeypatch.setattr(quic, "connect", connect)
    url, options = SmbUrl.parse("smb+quic://h"), TransportOptions(ca=tmp_path / "ca.pem")
    async with asyncio.timeout(20):
        with pytest.raises(PkiError, match=r"ca\.pem"):
            await transport_connector(url, options, load_late=True)()
    [end] = ends
    assert ("ca.pem" in end) == connected


async def test_a_ca_that_is_none_is_said_although_the_server_has_answered(
    tmp_path: Path, pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[HandshakeError] = []

    async def connect(*_: object, trust: ClientTls, **__: object) -> None:
        assert trust.verify is not None
        try:
            trust.verify(chain_of(pki.server.certificate), "localhost")
        except HandshakeError as error:
            refusals.append(error)
            raise

    monkeypatch.setattr(quic, "connect", connect)
    url, options = SmbUrl.parse("smb+quic://h"), TransportOptions(ca=tmp_path / "none.pem")
    with pytest.raises(PkiError, match=r"none\.pem"):
        await transport_connector(url, options, load_late=True)()
    # The server is told no more than this.
    assert [(str(each), each.reason) for each in refusals] == [
        ("the client cannot read its authorities", "unknown-ca")
    ]


async def test_what_no_engine_can_do_is_said_before_anything_is_sent() -> None:
    connect = transport_connector(
        SmbUrl.parse("smb+quic://nowhere.invalid"), TransportOptions(engine="qh3", congestion="bbr")
    )
    with pytest.raises(EngineError, match="no congestion control bbr: use the engine"):
        await connect()


@pytest.mark.parametrize(
    ("url", "given", "tried"),
    [
        ("smb+quic://h:8443", (), ["smb+quic://h:8443"]),
        ("smb+quic://h:8443", ("quic", "tcp"), ["smb+quic://h:8443", "smb://h"]),
        ("smb://h:4450/s", ("quic", "tcp", "quic"), ["smb+quic://h/s", "smb://h:4450/s"]),
        ("smb://h", ("quic",), ["smb+quic://h"]),
    ],
)
def test_the_port_of_a_url_is_that_of_its_transport(
    url: str, given: tuple[str, ...], tried: list[str]
) -> None:
    assert list(map(str, urls_to_try(SmbUrl.parse(url), given))) == tried


class Connected:
    """A transport of which only the kind matters."""

    def __init__(self, kind: str) -> None:
        self.peer = SimpleNamespace(kind=kind)


async def connected(
    monkeypatch: pytest.MonkeyPatch, failures: dict[str, Exception | None], head_start: float
) -> str:
    """Connect where a transport fails with an error, or with None not at all."""
    monkeypatch.setattr(transports, "HEAD_START", head_start)

    async def connect(url: SmbUrl, **_: Any) -> Connected:
        if url.transport in failures:
            error = failures[url.transport]
            if error is None:
                await asyncio.Event().wait()
            assert error is not None
            raise error
        return Connected(url.transport)

    monkeypatch.setattr(transports, "connect_transport", connect)
    options = TransportOptions(transport=("quic", "tcp"))
    async with asyncio.timeout(20):
        transport = await transport_connector(SmbUrl.parse("smb+quic://h"), options)()
    return transport.peer.kind


async def test_the_first_transport_is_preferred(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert await connected(monkeypatch, {}, 1000) == "quic"
    assert [record.getMessage() for record in caplog.records] == ["h: connected over QUIC"]


@pytest.mark.parametrize(
    ("failure", "head_start", "reason"),
    [(ConnectError("no route"), 1000, "no route"), (None, 0, "no connection within 0 s")],
)
async def test_the_next_one_is_used_and_that_is_said(
    failure: Exception | None,
    head_start: float,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await connected(monkeypatch, {"quic": failure}, head_start) == "tcp"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == f"h: connected over TCP, not QUIC: {reason}"


async def test_a_wrong_certificate_is_no_reason_for_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HandshakeError, match="expired"):
        await connected(monkeypatch, {"quic": HandshakeError("expired")}, 1000)


async def test_both_failures_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = {"quic": ConnectError("no answer"), "tcp": ConnectError("refused")}
    with pytest.raises(ConnectError) as caught:
        await connected(monkeypatch, dict(failures), 1000)
    assert str(caught.value) == "over QUIC: no answer; over TCP: refused"


def test_what_the_environment_asks_to_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {SECRETS, TRACES} == transports.WRITES_LOGS
    for name in transports.WRITES_LOGS:
        monkeypatch.delenv(name, raising=False)
    plain = transports.quic_options(TransportOptions())
    assert (plain.secrets_log, plain.qlog) == (None, None)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("QLOGDIR", str(tmp_path / "traces"))
    logged = transports.quic_options(TransportOptions())
    assert logged.secrets_log is not None
    assert logged.qlog == tmp_path / "traces"
    monkeypatch.delenv("SSLKEYLOGFILE")
    traced = transports.quic_options(TransportOptions())
    assert (traced.secrets_log, traced.qlog) == (None, tmp_path / "traces")
