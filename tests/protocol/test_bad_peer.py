"""Messages that break the rules of the protocol, and what both ends do with them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import RemoteProtocolError, SecurityError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.flush import FlushResponse
from smbquic.wire.header import Command, Header, HeaderFlags
from tests.protocol.conftest import MakePair, ProtocolPair


class TestBadPeer:
    def test_nothing_before_negotiate(self, make_pair: Callable) -> None:
        pair = make_pair()
        with pytest.raises(RemoteProtocolError, match="before NEGOTIATE"):
            pair.deliver([Header(Command.ECHO).encode(), EchoRequest().encode()])

    def test_a_second_negotiate(self, make_session: Callable) -> None:
        pair, _ = make_session()
        [request] = pair.deliver(pair.client.negotiate().buffers)
        with pytest.raises(RemoteProtocolError, match="second"):
            pair.server.negotiate(request, system_time=0)

    def test_a_signed_negotiate(self, make_pair: Callable) -> None:
        pair = make_pair()
        message = bytearray(b"".join(pair.client.negotiate().buffers))
        message[16] |= HeaderFlags.SIGNED
        [request] = pair.server.receive(memoryview(message))
        assert request.failure == NtStatus.INVALID_PARAMETER

    def test_an_unknown_command_is_refused_as_samba_does(self, make_session: Callable) -> None:
        pair, _ = make_session()
        [request] = pair.deliver([Header(0x77, message_id=5).encode(), bytes(4)])
        assert request.failure == NtStatus.USER_SESSION_DELETED
        [session_id] = pair.server.sessions
        pair.server.sessions[session_id].signing_required = False
        header = Header(0x77, message_id=6, session_id=session_id)
        [request] = pair.deliver([header.encode(), bytes(4)])
        assert request.failure == NtStatus.INVALID_PARAMETER

    def test_a_malformed_body(self, make_session: Callable) -> None:
        pair, _ = make_session()
        message = bytearray(b"".join(pair.client.request(EchoRequest()).buffers))
        message[64] = 99
        [request] = pair.server.receive(memoryview(message))
        assert request.failure == NtStatus.INVALID_PARAMETER
        assert pair.refuse(request, request.failure).status == NtStatus.INVALID_PARAMETER

    def test_an_unsigned_request_where_signing_is_required(self, make_session: Callable) -> None:
        pair, session = make_session()
        session.signing_required = False
        request = pair.ask(EchoRequest(), session)
        assert request.failure == NtStatus.ACCESS_DENIED
        session.signing_required = True
        assert pair.refuse(request, request.failure).header.is_signed

    def test_a_signature_for_a_session_without_key(self, make_pair: Callable) -> None:
        pair = make_pair()
        pair.negotiate()
        _, sent = pair.client.session_setup(_Initiator())
        [request] = pair.deliver(sent.buffers)
        outcome = pair.server.session_setup(request, now=0)
        header = Header(
            Command.LOGOFF,
            message_id=pair.client.request(EchoRequest()).message_id,
            flags=HeaderFlags.SIGNED,
            session_id=outcome.session.id,
        )
        [request] = pair.deliver([header.encode(), EchoRequest().encode()])
        assert request.failure == NtStatus.NOT_SUPPORTED

    def test_a_signature_for_an_unknown_session(self, make_session: Callable) -> None:
        pair, _ = make_session()
        header = Header(Command.ECHO, message_id=4, flags=HeaderFlags.SIGNED, session_id=77)
        [request] = pair.deliver([header.encode(), EchoRequest().encode()])
        assert request.failure == NtStatus.USER_SESSION_DELETED

    def test_encrypted_for_an_unknown_session(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        pair.server.close()
        with pytest.raises(RemoteProtocolError, match="unknown session"):
            pair.ask(EchoRequest(), session)

    def test_encrypted_for_one_session_and_sent_to_another(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        other, _ = pair.log_on()
        own_id, session.id = session.id, other.id
        with pytest.raises(RemoteProtocolError, match="another session"):
            pair.ask(EchoRequest(), session)
        session.id = own_id

    def test_a_changed_encrypted_message(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)

        def flip(message: memoryview) -> None:
            message[-1] ^= 1

        pair.tamper = flip
        with pytest.raises(SecurityError):
            pair.ask(EchoRequest(), session)

    def test_a_request_from_the_server_or_a_response_from_the_client(
        self, make_session: Callable
    ) -> None:
        pair, session = make_session()
        with pytest.raises(RemoteProtocolError, match="from the server"):
            pair.take(pair.client.request(EchoRequest(), session=session).buffers)
        request = pair.ask(EchoRequest(), session)
        with pytest.raises(RemoteProtocolError, match="from a client"):
            pair.deliver(pair.server.respond(request, EchoResponse()))

    def test_an_answer_to_nothing_is_dropped(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(EchoRequest(), session)
        buffers = pair.server.respond(request, EchoResponse())
        assert len(pair.take(buffers)) == 1
        assert pair.take(buffers) == []

    def test_an_answer_to_another_command(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(EchoRequest(), session)
        request.header.command = Command.FLUSH
        with pytest.raises(RemoteProtocolError, match="FLUSH in answer to ECHO"):
            pair.answer(request, FlushResponse())

    def test_an_unencrypted_answer_in_an_encrypted_session(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        request = pair.ask(EchoRequest(), session)
        request.encrypted = False
        with pytest.raises(SecurityError, match="unencrypted"):
            pair.answer(request, EchoResponse())

    def test_a_response_encrypted_for_another_session(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        other, _ = pair.log_on()
        request = pair.ask(EchoRequest(), session)
        request.protection = pair.server.sessions[other.id].protection
        with pytest.raises(SecurityError, match="another session"):
            pair.answer(request, EchoResponse())

    def test_a_response_encrypted_for_an_unknown_session(self, make_session: Callable) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        request = pair.ask(EchoRequest(), session)
        pair.client.forget(session)
        with pytest.raises(SecurityError, match="unknown session"):
            pair.answer(request, EchoResponse())

    def test_messages_have_a_size(self, make_session: Callable) -> None:
        pair, _ = make_session()
        with pytest.raises(RemoteProtocolError, match="a message of"):
            pair.server.receive(memoryview(bytes(9 << 20)))
        with pytest.raises(RemoteProtocolError, match="a message of"):
            pair.client.receive(memoryview(bytes(9 << 20)))

    @pytest.mark.parametrize(("more", "reason"), [(0, "starts with"), (1, "a message of")])
    def test_the_largest_message(self, make_session: Callable, more: int, reason: str) -> None:
        pair, _ = make_session(client_max_size=1 << 20, server_max_size=1 << 20)
        message = memoryview(bytes((1 << 20) + (64 << 10) + more))
        for end in (pair.server, pair.client):
            with pytest.raises(RemoteProtocolError, match=reason):
                end.receive(message)

    @pytest.mark.parametrize(("more", "reason"), [(0, "starts with"), (1, "a message of")])
    def test_the_largest_message_before_a_negotiation(
        self, make_pair: Callable, more: int, reason: str
    ) -> None:
        with pytest.raises(RemoteProtocolError, match=reason):
            make_pair().server.receive(memoryview(bytes((128 << 10) + more)))

    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused_in_an_orderly_way(self, data: bytes) -> None:
        pair = _fresh_pair()
        for end in (pair.server, pair.client):
            with pytest.raises(RemoteProtocolError):
                end.receive(memoryview(data))

    @given(st.integers(0, 63), st.binary(max_size=120))
    def test_any_message_after_negotiation(self, command: int, body: bytes) -> None:
        pair = _fresh_pair()
        pair.negotiate()
        message = Header(command, message_id=1).encode() + body
        try:
            requests = pair.server.receive(memoryview(message))
        except RemoteProtocolError:
            return
        assert len(requests) == 1


class _Initiator:
    complete = False

    def step(self, token: bytes | None) -> bytes:
        return b"hello"


_make: MakePair


@pytest.fixture(autouse=True)
def _remember(make_pair: Callable) -> None:
    global _make
    _make = make_pair


def _fresh_pair() -> ProtocolPair:
    """A pair for each hypothesis example; fixtures are made once for all of them."""
    return _make()
