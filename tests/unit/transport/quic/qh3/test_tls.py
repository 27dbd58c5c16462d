"""The refusals of qh3's TLS, with their alerts, and the transport parameters of both ends."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from qh3 import tls
from qh3._hazmat import SelfSignedCertificateError
from qh3.quic.tls_bridge import QuicTlsBridgeError

from smbquic.errors import HandshakeError
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.qh3.tls import Qh3Alert, Qh3Context, Qh3TlsBridge
from tests.unit.transport.quic.simulation import Simulate, library

pytestmark = pytest.mark.engine("qh3")

# TLS alerts, [RFC8446] 6. The numbers themselves, so that a change of one of them is noticed.
HANDSHAKE_FAILURE = 40
BAD_CERTIFICATE = 42
CERTIFICATE_EXPIRED = 45
UNKNOWN_CA = 48
DECODE_ERROR = 50
DECRYPT_ERROR = 51
NO_APPLICATION_PROTOCOL = 120

NOW = 1_000_000_000


def context(**attributes: Any) -> Any:
    """Return a context that has not begun."""
    made: Any = object.__new__(Qh3Context)
    made.begin(None, None)
    made._failed = False
    made._cadata = made._cafile = made._capath = None
    made._peer_certificate = SimpleNamespace(not_valid_before=NOW - 10, not_valid_after=NOW + 10)
    made._peer_certificate_chain = []
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def bad_certificate(context_: Exception | None = None) -> tls.AlertBadCertificate:
    """Return the library's error for nearly every fault of a certificate."""
    error = tls.AlertBadCertificate("no")
    error.__context__ = context_
    return error


def test_a_peer_without_a_certificate_is_refused() -> None:
    with pytest.raises(Qh3Alert, match="Certificate message is empty") as caught:
        context()._process_certificate(tls.Certificate())

    assert caught.value.description == DECODE_ERROR


def test_what_is_no_certificate_is_refused() -> None:
    made = context()
    with pytest.raises(Qh3Alert, match="cannot be read") as caught:
        made._process_certificate(tls.Certificate(certificates=[(b"nonsense", b"")]))

    assert caught.value.description == BAD_CERTIFICATE
    assert made.refusal.reason == "malformed"


@pytest.mark.parametrize(
    ("valid_before", "valid_after", "cause", "alert", "words"),
    [
        (NOW - 10, NOW - 1, None, CERTIFICATE_EXPIRED, "the certificate has expired: no"),
        (NOW - 10, NOW, None, BAD_CERTIFICATE, "the name doesn't match: no"),
        (NOW, NOW + 10, None, BAD_CERTIFICATE, "the name doesn't match: no"),
        (NOW + 1, NOW + 10, None, BAD_CERTIFICATE, "the certificate is not valid yet: no"),
        (NOW - 10, NOW + 10, SelfSignedCertificateError(), UNKNOWN_CA, "no"),
    ],
)
def test_the_reason_is_found_for_a_certificate_that_the_library_refuses(
    monkeypatch: pytest.MonkeyPatch,
    valid_before: int,
    valid_after: int,
    cause: Exception | None,
    alert: int,
    words: str,
) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    monkeypatch.setattr(tls, "verify_certificate", lambda *_, **__: None)
    leaf = SimpleNamespace(not_valid_before=valid_before, not_valid_after=valid_after)
    found = context(_peer_certificate=leaf)._explained(bad_certificate(cause))

    assert (found.description, str(found)) == (alert, words)


def test_a_certificate_that_is_no_better_without_a_name_keeps_the_librarys_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verified: list[dict[str, object]] = []

    def verify(*_: object, **options: object) -> None:
        verified.append(options)
        raise tls.AlertBadCertificate("again")

    monkeypatch.setattr(time, "time", lambda: float(NOW))
    monkeypatch.setattr(tls, "verify_certificate", verify)
    found = context()._explained(bad_certificate())

    assert (found.description, str(found)) == (BAD_CERTIFICATE, "no")
    assert verified == [{"assert_server_name": False}]


@pytest.mark.parametrize(
    ("error", "alert", "words"),
    [
        (tls.AlertBadCertificate("bad"), BAD_CERTIFICATE, "the name doesn't match: bad"),
        (tls.AlertDecryptError("bad"), DECRYPT_ERROR, "does not have the key of its certificate"),
    ],
)
def test_a_refusal_of_the_librarys_verification_has_its_reason(
    monkeypatch: pytest.MonkeyPatch, error: tls.Alert, alert: int, words: str
) -> None:
    def verify(context: tls.Context, input_buf: object) -> None:
        raise error

    monkeypatch.setattr(time, "time", lambda: float(NOW))
    monkeypatch.setattr(tls, "verify_certificate", lambda *_, **__: None)
    monkeypatch.setattr(tls.Context, "_client_handle_certificate_verify", verify)
    with pytest.raises(Qh3Alert, match=words) as caught:
        context()._client_handle_certificate_verify(None)

    assert caught.value.description == alert


def test_our_own_verification_comes_after_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(chain: list[bytes]) -> None:
        assert chain == [b"leaf", b"root"]
        raise HandshakeError("no", "revoked")

    monkeypatch.setattr(
        tls.Context, "_client_handle_certificate_verify", lambda context, input_buf: None
    )
    leaf, root = (SimpleNamespace(public_bytes=lambda der=der: der) for der in (b"leaf", b"root"))
    made = context(
        verify=refuse,
        _peer_certificate=leaf,
        _peer_certificate_chain=[root],
        _session_resumed=False,
    )
    with pytest.raises(Qh3Alert) as caught:
        made._client_handle_certificate_verify(None)

    assert caught.value.description == 44


@pytest.mark.parametrize("name", ["h3", None])
def test_a_client_insists_on_the_protocol(name: str | None) -> None:
    bridge = object.__new__(Qh3TlsBridge)
    with pytest.raises(QuicTlsBridgeError, match="no ALPN protocol") as caught:
        bridge._on_alpn(name)

    assert caught.value.error_code == 0x100 + NO_APPLICATION_PROTOCOL


@pytest.mark.engine("aioquic")
def test_a_server_refuses_a_client_without_the_protocol(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.transport.quic.aioquic.configuration.ALPN", "h3")
    simulation = simulate(engines="aioquic-qh3")
    simulation.run(lambda: simulation.client.close_reason, steps=1000)

    assert simulation.close_reason("client").code == 0x100 + NO_APPLICATION_PROTOCOL
    assert simulation.close_reason("server").code == 0x100 + NO_APPLICATION_PROTOCOL


@pytest.mark.parametrize(
    ("shares", "groups", "alert"),
    [
        ([tls.Group.SECP256R1], [tls.Group.X25519], HANDSHAKE_FAILURE),
        ([], [tls.Group.X25519], HANDSHAKE_FAILURE),
        # The first one that the library knows counts, whatever follows.
        ([tls.Group.SECP256R1, tls.Group.X25519], [tls.Group.X25519], HANDSHAKE_FAILURE),
        ([0x1234, tls.Group.X25519], [tls.Group.X25519], None),
    ],
)
def test_a_server_takes_the_first_share_that_it_knows_if_it_may(
    monkeypatch: pytest.MonkeyPatch, shares: list[int], groups: list[int], alert: int | None
) -> None:
    answered: list[object] = []
    hello = SimpleNamespace(
        server_name="fs.example",
        early_data=False,
        alpn_protocols=["smb"],
        key_share=[(group, b"") for group in shares],
        psk_key_exchange_modes=None,
    )
    monkeypatch.setattr(tls, "pull_client_hello", lambda buffer: hello)
    monkeypatch.setattr(
        tls.Context, "_server_handle_hello", lambda context, *buffers: answered.append(buffers)
    )
    made = context(_supported_groups=groups)
    buffer = SimpleNamespace(tell=lambda: 4, seek=answered.append)
    if alert is None:
        made._server_handle_hello(buffer, "initial", "handshake")
        assert answered == [4, (buffer, "initial", "handshake")]
        assert made.group == tls.Group.X25519
    else:
        with pytest.raises(Qh3Alert) as caught:
            made._server_handle_hello(buffer, "initial", "handshake")
        assert caught.value.description == alert
        assert answered == [4]
    assert made.client_hello_name == "fs.example"


@pytest.mark.parametrize(
    ("groups", "group", "resumable"),
    [
        ([tls.Group.X25519], tls.Group.SECP256R1, True),
        ([tls.Group.X25519ML768, tls.Group.X25519], tls.Group.X25519ML768, True),
        ([tls.Group.X25519ML768, tls.Group.X25519], tls.Group.X25519, True),
        ([tls.Group.X25519ML768, tls.Group.SECP256R1], tls.Group.SECP256R1, False),
    ],
)
@pytest.mark.parametrize("ticket", [None, "ticket"])
def test_a_ticket_needs_room_beside_the_shares(
    monkeypatch: pytest.MonkeyPatch,
    groups: list[int],
    group: int,
    resumable: bool,
    ticket: str | None,
) -> None:
    sent: list[tuple[object, object]] = []
    monkeypatch.setattr(
        tls.Context,
        "_client_send_hello",
        lambda context, buffer: sent.append((context._server_name, context._offer_ec_key_shares)),
    )
    made = context(
        _supported_groups=groups,
        group=group,
        session_ticket=ticket,
        _server_name="fs.example",
        _offer_ec_key_shares=True,
    )
    made._client_send_hello(None)

    assert made.resumable is resumable
    has_room = tls.Group.X25519ML768 not in groups
    assert sent == [("fs.example", ticket is None or has_room)]


def test_a_server_learns_a_name_and_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setattr(
        tls.Context,
        "_client_send_hello",
        lambda context, buffer: sent.append(context._server_name),
    )
    made = context(session_ticket=None, _server_name="192.0.2.1")
    made._client_send_hello(None)

    assert (sent, made._server_name) == ([None], "192.0.2.1")


def test_each_end_announces_one_stream_at_most_and_no_extension(simulate: Simulate) -> None:
    simulation = simulate(engines="qh3", sizes=DatagramSizes(1200, 1400))
    simulation.establish()
    client, server = (
        library(engine)._tls.remote_transport_parameters
        for engine in (simulation.server, simulation.client)
    )

    assert (client.initial_max_streams_bidi, server.initial_max_streams_bidi) == (0, 1)
    for parameters in (client, server):
        assert parameters.initial_max_streams_uni == 0
        assert parameters.max_udp_payload_size == 1400
        assert parameters.max_datagram_frame_size is None
        assert parameters.google_connection_options is None
