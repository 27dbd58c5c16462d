"""The client binds a session to a further connection, and uses both. [MS-SMB2] 3.2.5.3.3"""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from smbquic.errors import AuthenticationError, SecurityError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.server import ServerProtocol
from smbquic.protocol.session_state import SessionState
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.header import HeaderFlags
from smbquic.wire.logoff import LogoffRequest, LogoffResponse
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.session_setup import SessionFlags, SessionSetupFlags
from tests.protocol.conftest import ProtocolPair, TwoStepInitiator

KEY = b"B" * 16
"""The key of the logon that binds the second connection."""
Two = tuple[ProtocolPair, ProtocolPair, ClientSession]


def acceptor(pair: ProtocolPair) -> object:
    made = pair.authenticator.new_acceptor()
    made.session_key = KEY
    return made


@pytest.fixture
def make_two(make_session: Callable, make_pair: Callable) -> Callable[..., Two]:
    """Two connections to one server, and a session of the first."""

    def make(**settings: object) -> Two:
        offered = {
            "server_capabilities": GlobalCapabilities.MULTI_CHANNEL,
            "client_multi_channel": True,
            **settings,
        }
        first, session = make_session(**offered)
        second = make_pair(**offered)
        second.server = ServerProtocol(
            second.server.settings,
            first.table,
            SimpleNamespace(  # type: ignore[arg-type]
                hint=lambda: b"", new_acceptor=lambda: acceptor(first)
            ),
            quic=False,
            random=first.random,
        )
        second.negotiate()
        return first, second, session

    return make


def bind(second: ProtocolPair, session: ClientSession, password: bytes = b"secret") -> None:
    initiator = TwoStepInitiator(password, KEY)
    second.go_on(*second.client.bind(initiator, session))  # type: ignore[arg-type]


def exchange(pair: ProtocolPair, session: ClientSession) -> NtStatus:
    request = pair.ask(EchoRequest(), session)
    assert request.failure is None
    return pair.answer(request, EchoResponse()).status


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1])
@pytest.mark.parametrize("encryption", [EncryptionPolicy.ALLOWED, EncryptionPolicy.REQUIRED])
def test_requests_go_by_both(
    make_two: Callable[..., Two], dialect: Dialect, encryption: EncryptionPolicy
) -> None:
    first, second, session = make_two(client_dialects=(dialect,), client_encryption=encryption)
    assert second.client.multi_channel
    bind(second, session)
    assert exchange(first, session) == exchange(second, session) == NtStatus.SUCCESS
    assert session.state is SessionState.VALID
    assert list(second.server.sessions) == [session.id]


def test_each_has_a_signing_key_of_its_own(make_two: Callable[..., Two]) -> None:
    first, second, session = make_two()
    bind(second, session)
    sent = first.client.request(EchoRequest(), session=session)
    [request] = second.server.receive(memoryview(bytearray(b"".join(sent.buffers))))
    assert request.failure == NtStatus.ACCESS_DENIED


def test_a_response_with_the_key_of_the_first_is_false(make_two: Callable[..., Two]) -> None:
    _, second, session = make_two()
    bind(second, session)
    request = second.ask(EchoRequest(), session)
    request.protection = session.protection
    with pytest.raises(SecurityError, match="the signature of a ECHO response is wrong"):
        second.answer(request, EchoResponse())


def test_binding_says_so_and_is_signed(make_two: Callable[..., Two]) -> None:
    _, second, session = make_two()
    _, sent = second.client.bind(TwoStepInitiator(), session)  # type: ignore[arg-type]
    [request] = second.deliver(sent.buffers)
    assert request.body.flags == SessionSetupFlags.BINDING
    assert request.body.previous_session_id == 0
    assert request.header.session_id == session.id
    assert request.header.is_signed


def test_the_end_of_the_binding_has_to_be_signed_with_the_new_key(
    make_two: Callable[..., Two],
) -> None:
    _, second, session = make_two()
    initiator = TwoStepInitiator(session_key=b"another key 1234")
    with pytest.raises(SecurityError, match="signature"):
        second.go_on(*second.client.bind(initiator, session))  # type: ignore[arg-type]
    assert second.client._protection_of(session) is session.protection


def test_a_wrong_password_binds_nothing(make_two: Callable[..., Two]) -> None:
    first, second, session = make_two()
    binding, sent = second.client.bind(
        TwoStepInitiator(b"wrong", KEY),  # type: ignore[arg-type]
        session,
    )
    for _ in range(2):
        [request] = second.deliver(sent.buffers)
        try:
            outcome = second.server.session_setup(request, now=1.0)
        except StatusError as error:
            [response] = second.take(second.server.fail(request, error.status))
        else:
            [response] = second.take(
                second.server.respond(request, outcome.response, outcome.status)
            )
            following = second.client.receive_session_setup_response(binding, response)
            assert following is not None
            sent = following
    with pytest.raises(AuthenticationError):
        second.client.receive_session_setup_response(binding, response)
    assert exchange(first, session) == NtStatus.SUCCESS


def test_nobody_becomes_a_guest_by_binding(make_two: Callable[..., Two]) -> None:
    _, second, session = make_two()
    binding, sent = second.client.bind(
        TwoStepInitiator(session_key=KEY),  # type: ignore[arg-type]
        session,
    )
    for _ in range(2):
        [request] = second.deliver(sent.buffers)
        outcome = second.server.session_setup(request, now=1.0)
        if outcome.bound:
            outcome.response.session_flags = SessionFlags.IS_GUEST
        [response] = second.take(second.server.respond(request, outcome.response, outcome.status))
        if not outcome.bound:
            following = second.client.receive_session_setup_response(binding, response)
            assert following is not None
            sent = following
    with pytest.raises(SecurityError, match="guest"):
        second.client.receive_session_setup_response(binding, response)


def test_the_loss_of_a_connection_is_in_the_header(make_two: Callable[..., Two]) -> None:
    _, second, session = make_two()
    bind(second, session)
    request = second.ask(EchoRequest(), session)
    assert request.header.channel_sequence == 0
    assert not request.header.flags & HeaderFlags.REPLAY_OPERATION
    session.count_lost_channel()
    sent = second.client.compound([EchoRequest()] * 2, session=session, replay=True)
    for request in second.deliver(sent.buffers):
        assert request.header.channel_sequence == 1
        assert request.header.flags & HeaderFlags.REPLAY_OPERATION
    session.channel_sequence = 0xFFFF
    session.count_lost_channel()
    assert session.channel_sequence == 0


def test_both_forget_a_session(make_two: Callable[..., Two]) -> None:
    first, second, session = make_two()
    bind(second, session)
    first.answer(first.ask(LogoffRequest(), session), LogoffResponse())
    for pair in (first, second, second):
        pair.client.forget(session)
    assert session.state is SessionState.CLOSED
    with pytest.raises(SecurityError, match="unknown session"):
        second.client._find_protection(session.id)


@pytest.mark.parametrize(
    "settings",
    [
        {"client_multi_channel": False},
        {"server_capabilities": GlobalCapabilities(0)},
        {"client_dialects": (Dialect.SMB_2_1,)},
    ],
)
def test_where_there_is_no_multichannel(
    make_pair: Callable[..., ProtocolPair], settings: dict[str, object]
) -> None:
    offered = {
        "server_capabilities": GlobalCapabilities.MULTI_CHANNEL,
        "client_multi_channel": True,
    }
    pair = make_pair(**{**offered, **settings})
    assert not pair.client.multi_channel
    pair.negotiate()
    assert not pair.client.multi_channel


def test_nothing_comes_of_an_answer_that_was_refused(make_pair: Callable) -> None:
    offered = {
        "server_capabilities": GlobalCapabilities.MULTI_CHANNEL,
        "client_multi_channel": True,
    }
    pair, willing = make_pair(**offered), make_pair(**offered)
    assert not pair.client.multi_channel
    willing.negotiate()
    assert willing.client.multi_channel
    pair.client.server = willing.client.server
    assert not pair.client.multi_channel
