"""Additions of both engines to the handshake of their libraries."""

from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import HandshakeError
from smbquic.transport.quic.tickets import ResumableSession, TicketIssuer
from smbquic.transport.quic.tls_context import ContextPolicy

KEY = bytes(range(32))


class Alert(Exception):
    """Ends a handshake."""


class FakeTlsContext(ContextPolicy):
    """Has the policy, and nothing of a library's context but what it needs."""

    alert = Alert
    library = SimpleNamespace(
        NewSessionTicket=SimpleNamespace,
        push_new_session_ticket=lambda output, message: output.append(message),
    )
    get_session_ticket_cb: Any = None
    new_session_ticket_cb: Any = None

    def _build_session_ticket(self, message: Any, extensions: list[object]) -> Any:
        return SimpleNamespace(cipher_suite=0x1301, resumption_secret=b"secret")


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


def given_tickets(context: FakeTlsContext) -> list[Any]:
    output: list[Any] = []
    context.give_ticket(output)
    return output


def test_a_server_resumes_the_session_of_its_ticket_and_not_with_early_data() -> None:
    context = FakeTlsContext()
    context.begin(None, TicketIssuer(KEY))
    context.read_client_hello(hello())
    (one,), (two,) = given_tickets(context), given_tickets(context)
    assert one.ticket_lifetime == 86400
    # [RFC8446] 4.6.1: a fresh number for each ticket.
    assert one.ticket_age_add != two.ticket_age_add
    assert 0 <= one.ticket_age_add < 1 << 32

    assert context.get_session_ticket_cb(one.ticket) == ResumableSession(0x1301, b"secret")
    assert context.get_session_ticket_cb(b"another") is None
    context.read_client_hello(hello(early_data=True))
    assert context.get_session_ticket_cb(one.ticket) is None
    context.use_tickets(None)
    assert context.get_session_ticket_cb is None
    assert given_tickets(context) == []


@pytest.mark.parametrize(("modes", "count"), [([1], 1), ([0, 1], 0), (None, 0)])
def test_a_client_that_may_not_expect_a_ticket_gets_none(
    modes: list[int] | None, count: int
) -> None:
    context = FakeTlsContext()
    context.begin(None, TicketIssuer(KEY))
    assert given_tickets(context) == []
    context.read_client_hello(hello(psk_key_exchange_modes=modes))

    assert len(given_tickets(context)) == count


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
