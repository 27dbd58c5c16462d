"""Additions of both engines to the handshake of their libraries."""

from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import HandshakeError
from smbquic.transport.quic.tickets import TicketStore
from smbquic.transport.quic.tls_context import ContextPolicy


class Alert(Exception):
    """Ends a handshake."""


class FakeTlsContext(ContextPolicy):
    """Has the policy, and nothing of a library's context but its callbacks."""

    alert = Alert
    get_session_ticket_cb: Any = None
    new_session_ticket_cb: Any = None


class ResumedSession:
    ticket = b"1"


def hello(**more: Any) -> Any:
    """A ClientHello."""
    fields = {"server_name": None, "early_data": False, "psk_key_exchange_modes": [1]}
    return SimpleNamespace(**{**fields, **more})


def test_nothing_is_known_before_the_client_says_it() -> None:
    context = FakeTlsContext()
    context.begin(None, None)

    assert (context.client_hello_name, context.group, context.refusal) == ("", None, None)
    assert context._max_early_data is None
    context.read_client_hello(hello())
    assert context.client_hello_name == ""
    context.read_client_hello(hello(server_name="fs.example"))
    assert context.client_hello_name == "fs.example"


def test_a_client_keeps_its_own_callback() -> None:
    context = FakeTlsContext()
    context.new_session_ticket_cb = print
    context.begin(None, None)

    assert context.new_session_ticket_cb is print


def test_a_server_resumes_each_session_once_and_not_with_early_data() -> None:
    context = FakeTlsContext()
    context.begin(None, TicketStore())
    context.read_client_hello(hello())
    session = ResumedSession()
    for early_data, expected in ((False, session), (True, None)):
        context.new_session_ticket_cb(session)
        context.read_client_hello(hello(early_data=early_data))
        assert context.get_session_ticket_cb(b"1") is expected
    context.keep_sessions_in(None)

    assert context.get_session_ticket_cb is context.new_session_ticket_cb is None


@pytest.mark.parametrize(("modes", "offered"), [([1], True), ([0, 1], False), (None, False)])
def test_a_client_that_may_not_expect_a_ticket_gets_none(
    modes: list[int] | None, offered: bool
) -> None:
    context = FakeTlsContext()
    context.begin(None, TicketStore())
    context.offer_ticket(hello(psk_key_exchange_modes=modes))

    assert (context.new_session_ticket_cb is not None) is offered


def test_a_server_without_tickets_offers_none() -> None:
    context = FakeTlsContext()
    context.begin(None, None)
    context.offer_ticket(hello(psk_key_exchange_modes=None))

    assert context.new_session_ticket_cb is None


def test_a_refusal_ends_the_handshake_with_its_alert() -> None:
    refusal = HandshakeError("it is revoked", "revoked")
    seen: list[list[bytes]] = []

    def refuse(chain: list[bytes]) -> None:
        seen.append(chain)
        raise refusal

    context = FakeTlsContext()
    context.begin(refuse, None)
    with pytest.raises(Alert) as caught:
        context.verify_peer((b"leaf", b"root"))

    assert caught.value.args == (44, "it is revoked")
    assert context.refusal is refusal
    assert seen == [[b"leaf", b"root"]]


def test_what_the_library_verifies_is_not_verified_here() -> None:
    context = FakeTlsContext()
    context.begin(None, None)
    context.verify_peer((b"leaf",))

    assert context.refusal is None
