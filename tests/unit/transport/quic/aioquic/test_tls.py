"""The refusals of aioquic's TLS with their alerts, and the certificate that a server chooses."""

from types import SimpleNamespace
from typing import Any

import pytest
from aioquic import tls

from smbquic.errors import HandshakeError
from smbquic.transport.quic.aioquic.tls import AioquicAlert, AioquicContext, ServerIdentity
from smbquic.transport.quic.engine import Verify
from smbquic.transport.quic.tickets import TicketIssuer

pytestmark = pytest.mark.engine("aioquic")

# TLS alerts, [RFC8446] 6. The numbers themselves, so that a change of one of them is noticed.
BAD_CERTIFICATE = 42
CERTIFICATE_REVOKED = 44
DECRYPT_ERROR = 51
UNRECOGNIZED_NAME = 112
CERTIFICATE_REQUIRED = 116

Groups = tuple[tls.Group, ...]
GROUPS: Groups = (tls.Group.SECP256R1, tls.Group.X25519)


def accept(chain: list[bytes]) -> None:
    """Verify nothing."""


def refuse(chain: list[bytes]) -> None:
    raise HandshakeError("no", "revoked")


def context(verify: Verify | None = None, *, is_client: bool = False, **more: Any) -> Any:
    """Return a context that has not begun."""
    made = tls.Context(is_client=is_client)
    AioquicContext.adopt(made, verify, is_client=is_client, groups=GROUPS, **more)
    return made


def identity(verify: Verify | None, tickets: TicketIssuer | None = None) -> ServerIdentity:
    configuration: Any = SimpleNamespace(
        certificate="leaf", certificate_chain=["intermediate"], private_key="key"
    )
    return ServerIdentity(configuration, verify, tickets)


@pytest.mark.parametrize(
    ("verify", "is_client", "asks"),
    [(None, False, False), (accept, False, True), (accept, True, False), (None, True, False)],
)
def test_a_server_that_verifies_asks_for_a_certificate(
    verify: Verify | None, is_client: bool, asks: bool
) -> None:
    made = context(verify, is_client=is_client, chain=(b"former",))

    assert made._request_client_certificate is asks
    assert made._supported_groups == list(GROUPS)
    assert made.peer_chain == (b"former",)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fs.example", "there is no certificate for the name 'fs.example'"),
        ("", "the client asks for no name, and there is no default certificate"),
    ],
)
def test_a_name_without_a_certificate_is_refused(name: str, words: str) -> None:
    made = context()
    made.client_hello_name = name
    with pytest.raises(AioquicAlert, match=words) as caught:
        made._use(None)

    assert caught.value.description == UNRECOGNIZED_NAME


@pytest.mark.parametrize("verify", [None, accept])
@pytest.mark.parametrize("tickets", [None, TicketIssuer(bytes(32))])
def test_a_server_uses_the_certificate_for_the_name(
    verify: Verify | None, tickets: TicketIssuer | None
) -> None:
    made = context()
    made._use(identity(verify, tickets))

    assert made.certificate == "leaf"
    assert made.certificate_chain == ["intermediate"]
    assert made.certificate_private_key == "key"
    assert made.verify is verify
    assert made._request_client_certificate is (verify is not None)
    assert (made.get_session_ticket_cb is not None) is (tickets is not None)


def hello(**more: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {
        "server_name": "fs.example",
        "early_data": False,
        "key_share": [(0x1234, b""), (tls.Group.X25519, b""), (tls.Group.SECP256R1, b"")],
        "psk_key_exchange_modes": None,
    }
    return SimpleNamespace(**{**fields, **more})


@pytest.mark.parametrize(
    ("shares", "group"),
    [
        ([0x1234, tls.Group.X25519, tls.Group.SECP256R1], tls.Group.X25519),
        ([tls.Group.SECP384R1], None),
        (None, None),
    ],
)
def test_a_server_reads_the_hello_and_leaves_it_to_the_library(
    monkeypatch: pytest.MonkeyPatch, shares: list[int] | None, group: int | None
) -> None:
    answered: list[object] = []
    asked: list[str] = []

    def choose(name: str) -> ServerIdentity:
        asked.append(name)
        return identity(None, TicketIssuer(bytes(32)))

    key_share = None if shares is None else [(each, b"") for each in shares]
    monkeypatch.setattr(tls, "pull_client_hello", lambda buffer: hello(key_share=key_share))
    monkeypatch.setattr(
        tls.Context, "_server_handle_hello", lambda context, *buffers: answered.append(buffers)
    )
    made = context(choose_certificate=choose)
    buffer = SimpleNamespace(tell=lambda: 4, seek=answered.append)
    made._server_handle_hello(buffer, "initial", "handshake")

    assert answered == [4, (buffer, "initial", "handshake")]
    assert asked == ["fs.example"]
    assert made.group == group
    assert made.certificate == "leaf"
    # The library would send tickets that only this process could recognize.
    assert made.new_session_ticket_cb is None


@pytest.mark.parametrize(
    ("share", "group"), [((tls.Group.X25519, b""), tls.Group.X25519), (None, None)]
)
def test_a_client_reads_the_group_and_leaves_the_hello_to_the_library(
    monkeypatch: pytest.MonkeyPatch, share: tuple[int, bytes] | None, group: int | None
) -> None:
    answered: list[object] = []
    monkeypatch.setattr(tls, "pull_server_hello", lambda buffer: SimpleNamespace(key_share=share))
    monkeypatch.setattr(
        tls.Context, "_client_handle_hello", lambda context, *buffers: answered.append(buffers)
    )
    made = context(is_client=True)
    buffer = SimpleNamespace(tell=lambda: 4, seek=answered.append)
    made._client_handle_hello(buffer, "output")

    assert answered == [4, (buffer, "output")]
    assert made.group == group


def test_what_is_no_certificate_is_refused() -> None:
    made = context(is_client=True)
    with pytest.raises(AioquicAlert, match="cannot be read") as caught:
        made._set_peer_certificate(tls.Certificate(certificates=[(b"nonsense", b"")]))

    assert caught.value.description == BAD_CERTIFICATE
    assert made.refusal.reason == "malformed"
    assert made.peer_chain == (b"nonsense",)


def test_a_client_without_a_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(
        tls.Context, "_server_handle_certificate", lambda context, buffer: read.append(buffer)
    )
    made = context(accept)
    with pytest.raises(AioquicAlert, match="the client showed no certificate") as caught:
        made._server_handle_certificate("buffer")

    assert caught.value.description == CERTIFICATE_REQUIRED
    assert made.refusal.reason == "no-certificate"
    made.peer_chain = (b"leaf",)
    made._server_handle_certificate("buffer")
    assert read == ["buffer", "buffer"]


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_chain_is_verified_once_the_peer_has_proved_that_it_has_the_key(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    method = f"_{end}_handle_certificate_verify"
    made = context(refuse, is_client=end == "client")
    made.peer_chain = (b"leaf",)

    def wrong(context: tls.Context, buffer: object) -> None:
        raise tls.AlertDecryptError

    with monkeypatch.context() as patch:
        patch.setattr(tls.Context, method, wrong)
        with pytest.raises(AioquicAlert, match="does not have the key") as caught:
            getattr(made, method)(None)
        assert caught.value.description == DECRYPT_ERROR
        assert made.refusal.reason == "wrong-key"

        patch.setattr(tls.Context, method, lambda context, buffer: None)
        with pytest.raises(AioquicAlert) as caught:
            getattr(made, method)(None)
        assert caught.value.description == CERTIFICATE_REVOKED
        made.verify = accept
        getattr(made, method)(None)
