"""Requests and responses between both ends once somebody is logged on."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from smbquic.errors import LocalProtocolError, RemoteProtocolError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.protocol import transform
from smbquic.protocol.client_session import ClientSession
from smbquic.protocol.message import MAX_COMPOUND, UNSOLICITED
from smbquic.protocol.request import Request
from smbquic.protocol.settings import EncryptionPolicy
from smbquic.protocol.transform import OutgoingElement
from smbquic.wire.cancel import CancelRequest
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.cursor import Buffer
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.negotiate_contexts import SigningAlgorithm
from smbquic.wire.oplock_break import OplockBreakNotification
from smbquic.wire.read import ReadFlags, ReadRequest, ReadResponse
from smbquic.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)
from smbquic.wire.write import WriteRequest, WriteResponse
from tests.protocol.conftest import GUID, ProtocolPair

FILE = FileId(1, 2)


def read(length: int) -> ReadRequest:
    return ReadRequest(length=length, offset=0, file_id=FILE)


class TestOneRequest:
    def test_carries_session_and_tree(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(FlushRequest(FILE), session, tree_id=7)
        assert request.session.id == session.id
        assert pair.server.client_guid == GUID
        assert (request.session_id, request.tree_id) == (session.id, 7)
        assert request.body == FlushRequest(FILE)
        response = pair.answer(request, FlushResponse())
        assert response.header.tree_id == 7
        assert response.body == FlushResponse()

    def test_an_error_has_a_status_and_no_body(self, make_session: Callable) -> None:
        pair, session = make_session()
        response = pair.refuse(pair.ask(FlushRequest(FILE), session), NtStatus.FILE_CLOSED)
        assert response.status == NtStatus.FILE_CLOSED
        assert response.body == ErrorResponse()
        assert response.header.is_signed

    @pytest.mark.parametrize(("dialect", "contexts"), [(0x0302, 0), (0x0311, 1)])
    def test_an_error_may_carry_data(
        self, make_session: Callable, dialect: int, contexts: int
    ) -> None:
        pair, session = make_session(client_dialects=(Dialect(dialect),))
        request = pair.ask(FlushRequest(FILE), session)
        [response] = pair.take(pair.server.fail(request, NtStatus.BUFFER_TOO_SMALL, b"1234"))
        assert response.body.error_data.endswith(b"1234")
        assert response.body.error_context_count == contexts

    def test_the_server_chooses_the_tree_id(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(TreeConnectRequest(path=r"\\fs.example\data"), session)
        request.tree_id = 5
        response = pair.answer(
            request,
            TreeConnectResponse(
                share_type=1,
                share_flags=ShareFlags(0),
                capabilities=ShareCapabilities(0),
                maximal_access=0,
            ),
        )
        assert response.header.tree_id == 5

    def test_a_tree_connect_is_signed_in_3_1_1_even_where_nothing_else_is(
        self, make_session: Callable
    ) -> None:
        pair, session = make_session(client_signing_required=False, server_signing_required=False)
        assert not pair.ask(EchoRequest(), session).signed
        assert pair.ask(TreeConnectRequest(path=r"\\fs.example\data"), session).signed

    def test_a_request_is_answered_once(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(EchoRequest(), session)
        pair.answer(request, EchoResponse())
        with pytest.raises(ValueError, match="answered before"):
            pair.server.respond(request, EchoResponse())

    def test_answers_may_come_in_any_order(self, make_session: Callable) -> None:
        pair, session = make_session()
        requests = [pair.ask(EchoRequest(), session) for _ in range(5)]
        assert pair.client.in_flight == 5
        for request in reversed(requests):
            response = pair.answer(request, EchoResponse())
            assert response.message_id == request.header.message_id
        assert pair.client.in_flight == 0

    def test_payload_is_not_copied_on_its_way(self, make_session: Callable) -> None:
        pair, session = make_session()
        payload = bytearray(b"x" * 70000)
        sent = pair.client.request(
            WriteRequest(offset=0, file_id=FILE, data=payload), session=session
        )
        assert any(buffer is payload for buffer in sent.buffers)
        [request] = pair.deliver(sent.buffers)
        assert bytes(request.body.data) == payload
        pair.answer(request, WriteResponse(count=70000))


class TestCredits:
    def test_the_client_gets_what_it_asks_for(self, make_session: Callable) -> None:
        pair, session = make_session(client_credits_wanted=100)
        pair.answer(pair.ask(EchoRequest(), session), EchoResponse())
        assert pair.client.credits >= 100

    @pytest.mark.parametrize(("wanted", "most"), [(100, 100), (100_000, 65_535)])
    def test_what_is_spent_and_what_is_missing_is_asked_for(
        self, make_session: Callable, wanted: int, most: int
    ) -> None:
        pair, session = make_session(client_credits_wanted=wanted)
        pair.answer(pair.ask(EchoRequest(), session), EchoResponse())
        request = pair.ask(read(3 << 16), session)
        asked = 3 + max(wanted - pair.client.credits, 0)
        assert request.header.credits == min(asked, most)

    def test_who_has_more_than_enough_asks_for_what_he_spends(self, make_session: Callable) -> None:
        pair, session = make_session()
        pair.client.settings = replace(pair.client.settings, credits_wanted=2)
        assert pair.client.credits > 5
        for blocks in (1, 3):
            assert pair.ask(read(blocks << 16), session).header.credits == blocks

    def test_an_8_mib_read_costs_128(self, make_session: Callable) -> None:
        pair, session = make_session()
        before = pair.client.credits
        request = pair.ask(read(8 << 20), session)
        assert request.header.credit_charge == 128
        assert pair.client.credits == before - 128
        pair.answer(request, ReadResponse(data=bytes(8 << 20)))
        assert pair.client.credits >= before

    def test_the_client_never_assumes_credits(self, make_session: Callable) -> None:
        pair, session = make_session(client_credits_wanted=1, server_max_credits=64)
        with pytest.raises(LocalProtocolError, match="128 credits wanted"):
            pair.client.request(read(8 << 20), session=session)

    def test_a_charge_too_small_is_refused(self, make_session: Callable) -> None:
        pair, session = make_session()
        sent = pair.client.request(read(65536), session=session)
        message = bytearray(b"".join(sent.buffers))
        message[64 + 4 : 64 + 8] = (65537).to_bytes(4, "little")
        session.signing_required = False
        message[16] &= ~8
        pair.server.sessions[session.id].signing_required = False
        [request] = pair.server.receive(memoryview(message))
        assert request.failure == NtStatus.INVALID_PARAMETER

    @pytest.mark.parametrize(
        ("size", "failure"), [(65536, None), (65537, NtStatus.INVALID_PARAMETER)]
    )
    def test_a_charge_of_0_is_one(
        self, make_session: Callable, size: int, failure: NtStatus | None
    ) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        pair.client.negotiated = replace(pair.client.negotiated, multi_credit=False)
        sent = pair.client.request(read(size), session=session)
        [request] = pair.deliver(sent.buffers)
        assert (request.header.credit_charge, request.failure) == (0, failure)
        with pytest.raises(RemoteProtocolError, match="message id"):
            pair.deliver(sent.buffers)
        assert pair.ask(EchoRequest(), session).failure is None

    def test_a_message_id_used_twice_ends_the_connection(self, make_session: Callable) -> None:
        pair, session = make_session()
        sent = pair.client.request(EchoRequest(), session=session)
        pair.deliver(sent.buffers)
        with pytest.raises(RemoteProtocolError, match="message id"):
            pair.deliver(sent.buffers)

    def test_2_0_2_knows_no_charge(self, make_session: Callable) -> None:
        pair, session = make_session(client_dialects=(Dialect.SMB_2_0_2,))
        request = pair.ask(read(65536), session)
        assert request.header.credit_charge == 0
        assert request.failure is None


class TestInterim:
    @pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
    @pytest.mark.parametrize("required", [True, False])
    def test_it_is_signed_where_that_is_safe(
        self, make_session: Callable, algorithm: SigningAlgorithm, required: bool
    ) -> None:
        """AES-GMAC would use its nonce, the message id, a second time for the final response."""
        pair, session = make_session(client_signing_algorithms=(algorithm,))
        pair.server.sessions[session.id].signing_required = required
        request = pair.ask(FlushRequest(FILE), session)
        [interim] = pair.take(pair.server.interim(request))
        safe = algorithm != SigningAlgorithm.AES_GMAC
        assert interim.header.is_signed is (required and safe)
        assert pair.answer(request, FlushResponse()).header.is_signed

    def test_a_pending_request_is_answered_later(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(FlushRequest(FILE), session)
        [interim] = pair.take(pair.server.interim(request))
        assert interim.pending
        assert interim.status == NtStatus.PENDING
        assert not interim.header.is_signed
        assert interim.header.async_id == request.async_id != 0
        assert pair.client.in_flight == 1
        credits = pair.client.credits
        final = pair.answer(request, FlushResponse())
        assert final.header.is_async
        assert final.header.credits == 0
        assert final.status == NtStatus.SUCCESS
        assert pair.client.credits == credits

    @pytest.mark.parametrize("pending", [True, False])
    @pytest.mark.parametrize("encrypted", [True, False])
    def test_cancel(self, make_session: Callable, pending: bool, encrypted: bool) -> None:
        policy = EncryptionPolicy.REQUIRED if encrypted else EncryptionPolicy.ALLOWED
        pair, session = make_session(client_encryption=policy)
        request = pair.ask(FlushRequest(FILE), session)
        if pending:
            pair.take(pair.server.interim(request))
        [cancel] = pair.deliver(pair.client.cancel(request.header.message_id))
        assert cancel.failure is None
        assert cancel.signed is not encrypted
        assert cancel.header.command == Command.CANCEL
        assert pair.server.find_pending(cancel) is request
        response = pair.refuse(request, NtStatus.CANCELLED)
        assert response.status == NtStatus.CANCELLED
        assert pair.server.find_pending(cancel) is None

    def test_each_has_an_id_of_its_own(self, make_session: Callable) -> None:
        pair, session = make_session()
        requests = [pair.ask(FlushRequest(FILE), session) for _ in range(3)]
        for request in requests:
            pair.take(pair.server.interim(request))
        assert len({request.async_id for request in requests} - {0}) == 3
        [cancel] = pair.deliver(pair.client.cancel(requests[1].header.message_id))
        assert pair.server.find_pending(cancel) is requests[1]

    def test_another_session_cancels_nothing(self, make_session: Callable) -> None:
        pair, session = make_session()
        other, _ = pair.log_on()
        request = pair.ask(FlushRequest(FILE), session)
        header = Header(Command.CANCEL, message_id=request.header.message_id, session_id=other.id)
        element = OutgoingElement(header, CancelRequest().buffers(), other.protection)
        [cancel] = pair.deliver(transform.send([element], None))
        assert cancel.failure is None
        assert pair.server.find_pending(cancel) is None

    def test_what_was_answered_cannot_be_cancelled(self, make_session: Callable) -> None:
        pair, session = make_session()
        request = pair.ask(EchoRequest(), session)
        pair.answer(request, EchoResponse())
        with pytest.raises(LocalProtocolError, match="no request"):
            pair.client.cancel(request.header.message_id)


class Marked:
    """Compression that only marks what it has seen."""

    def compress(self, message: Sequence[Buffer]) -> list[Buffer]:
        return [b"\xfcSMB", *message]

    def decompress(self, message: memoryview) -> memoryview:
        return message[4:]


class TestCompression:
    @pytest.mark.parametrize(
        ("body", "compressed"),
        [
            (replace(read(100), flags=ReadFlags.REQUEST_COMPRESSED), True),
            (replace(read(100), flags=ReadFlags.READ_UNBUFFERED), False),
            (EchoRequest(), False),
        ],
    )
    def test_a_response_is_compressed_where_that_is_asked_for(
        self, make_session: Callable, body: Message, compressed: bool
    ) -> None:
        pair, session = make_session()
        for end in (pair.server._state, pair.client):
            end.negotiated = replace(end.negotiated, compression=Marked())
        sent = pair.client.request(body, session=session)
        [request] = pair.deliver(sent.buffers)
        response = EchoResponse() if isinstance(body, EchoRequest) else ReadResponse(data=b"x")
        assert pair.answer(request, response).status == NtStatus.SUCCESS
        assert pair.to_client[-1].startswith(b"\xfcSMB") is compressed


class TestCompound:
    BODIES = (FlushRequest(FILE), read(100), CloseRequest(flags=0, file_id=FileId.RELATED))

    def send(
        self, pair: ProtocolPair, session: ClientSession, *, related: bool = True
    ) -> list[Request]:
        sent = pair.client.compound(self.BODIES, session=session, tree_id=3, related=related)
        return pair.deliver(sent.buffers)

    @pytest.mark.parametrize("policy", [EncryptionPolicy.ALLOWED, EncryptionPolicy.REQUIRED])
    def test_is_answered_by_a_compound(
        self, make_session: Callable, policy: EncryptionPolicy
    ) -> None:
        pair, session = make_session(client_encryption=policy)
        flush, read_, close = self.send(pair, session)
        assert [request.failure for request in (flush, read_, close)] == [None] * 3
        assert (flush.related, read_.related, close.related) == (False, True, True)
        assert read_.previous is flush
        assert pair.server.respond(flush, FlushResponse()) is None
        assert pair.server.respond(read_, ReadResponse(data=b"12345")) is None
        responses = pair.take(pair.server.respond(close, CloseResponse()))
        assert [response.status for response in responses] == [NtStatus.SUCCESS] * 3
        assert bytes(responses[1].body.data) == b"12345"
        related = [response.header.is_related for response in responses]
        assert related == [False, True, True]

    def test_elements_start_at_multiples_of_8(self, make_session: Callable) -> None:
        pair, session = make_session()
        flush, read_, close = self.send(pair, session)
        pair.server.respond(flush, FlushResponse())
        pair.server.respond(read_, ReadResponse(data=b"12345"))
        responses = pair.take(pair.server.respond(close, CloseResponse()))
        assert [response.header.next_command % 8 for response in responses] == [0, 0, 0]
        assert responses[-1].header.next_command == 0

    def test_the_last_element_is_padded_too(self, make_session: Callable) -> None:
        pair, session = make_session()
        bodies = (FlushRequest(FILE), read(100))
        sent = pair.client.compound(bodies, session=session, tree_id=3)
        flush, read_ = pair.deliver(sent.buffers)
        pair.server.respond(flush, FlushResponse())
        message = b"".join(pair.server.respond(read_, ReadResponse(data=b"12345")))
        assert len(message) % 8 == 0
        assert pair.client.receive(memoryview(message))[1].body.data == b"12345"

    def test_unrelated_requests(self, make_session: Callable) -> None:
        pair, session = make_session()
        requests = self.send(pair, session, related=False)
        assert [request.related for request in requests] == [False] * 3
        assert [request.tree_id for request in requests] == [3] * 3

    def test_a_failure_leaves_the_others(self, make_session: Callable) -> None:
        pair, session = make_session()
        flush, read_, close = self.send(pair, session)
        pair.server.fail(flush, NtStatus.FILE_CLOSED)
        pair.server.fail(read_, NtStatus.FILE_CLOSED)
        responses = pair.take(pair.server.fail(close, NtStatus.FILE_CLOSED))
        assert [response.status for response in responses] == [NtStatus.FILE_CLOSED] * 3

    def test_an_interim_response_takes_the_earlier_ones_along(self, make_session: Callable) -> None:
        pair, session = make_session()
        flush, read_, close = self.send(pair, session)
        pair.server.respond(flush, FlushResponse())
        first, second = pair.take(pair.server.interim(read_))
        assert first.status == NtStatus.SUCCESS
        assert second.pending
        pair.server.respond(read_, ReadResponse(data=b"1"))
        late = pair.take(pair.server.respond(close, CloseResponse()))
        assert [response.message_id for response in late] == [
            read_.header.message_id,
            close.header.message_id,
        ]
        assert [response.header.is_related for response in (first, second)] == [False, True]
        assert [response.header.is_related for response in late] == [False, True]

    @pytest.mark.parametrize("body", [FlushRequest(FILE), EchoRequest()])
    def test_nobody_waits_for_the_answer_to_a_cancel(
        self, make_session: Callable, body: FlushRequest | EchoRequest
    ) -> None:
        pair, session = make_session(client_encryption=EncryptionPolicy.REQUIRED)
        sent = pair.client.compound((body, CancelRequest()), session=session, related=False)
        request, cancel = pair.deliver(sent.buffers)
        assert (request.failure, cancel.failure) == (None, None)
        assert len(pair.take(pair.server.fail(request, NtStatus.CANCELLED))) == 1

    def test_related_to_nothing(self, make_session: Callable) -> None:
        pair, session = make_session()
        sent = pair.client.compound(self.BODIES, session=session)
        message = bytearray(b"".join(sent.buffers))
        message[16] |= HeaderFlags.RELATED_OPERATIONS
        requests = pair.server.receive(memoryview(message))
        assert [request.failure for request in requests] == [NtStatus.INVALID_PARAMETER] * 3

    def test_its_charge_is_checked_as_a_whole(self, make_session: Callable) -> None:
        pair, session = make_session(client_credits_wanted=1, server_max_credits=2)
        with pytest.raises(LocalProtocolError):
            pair.client.compound(self.BODIES, session=session)

    @pytest.mark.parametrize("size", [8, 63, 100, 1 << 20])
    def test_a_chain_that_does_not_hold(self, make_session: Callable, size: int) -> None:
        pair, session = make_session()
        message = bytearray(b"".join(pair.client.compound(self.BODIES, session=session).buffers))
        message[20:24] = size.to_bytes(4, "little")
        with pytest.raises(WireError):
            pair.server.receive(memoryview(message))

    def test_the_longest_chain(self, make_session: Callable) -> None:
        pair, session = make_session(client_credits_wanted=512)
        pair.answer(pair.ask(EchoRequest(), session), EchoResponse())
        bodies = [EchoRequest()] * 64
        requests = pair.deliver(pair.client.compound(bodies, session=session).buffers)
        assert len(requests) == MAX_COMPOUND == 64

    def test_an_endless_chain(self, make_session: Callable) -> None:
        pair, session = make_session(client_credits_wanted=512)
        pair.answer(pair.ask(EchoRequest(), session), EchoResponse())
        bodies = [EchoRequest()] * (MAX_COMPOUND + 1)
        with pytest.raises(WireError, match="more than"):
            pair.deliver(pair.client.compound(bodies, session=session).buffers)


class TestUnsolicited:
    @pytest.mark.parametrize("policy", [EncryptionPolicy.ALLOWED, EncryptionPolicy.REQUIRED])
    def test_a_break_reaches_the_client(
        self, make_session: Callable, policy: EncryptionPolicy
    ) -> None:
        pair, session = make_session(server_encryption=policy)
        body = OplockBreakNotification(oplock_level=0, file_id=FILE)
        buffers = pair.server.unsolicited(pair.server.sessions[session.id], body)
        [response] = pair.take(buffers)
        assert response.message_id == UNSOLICITED
        assert response.body == body

    @pytest.mark.parametrize(("skip", "encrypted"), [(False, True), (True, False)])
    def test_a_share_that_demands_encryption_is_enough(
        self, make_session: Callable, skip: bool, encrypted: bool
    ) -> None:
        pair, session = make_session(quic=True, client_skip_encryption_over_quic=skip)
        body = OplockBreakNotification(oplock_level=0, file_id=FILE)
        own = pair.server.sessions[session.id]
        plain = pair.server.unsolicited(own, body)
        own.encrypts_tree = True
        message = pair.server.unsolicited(own, body)
        assert bytes(plain[0][:4]) == b"\xfeSMB"
        assert bytes(message[0][:4]) == (b"\xfdSMB" if encrypted else b"\xfeSMB")
        assert Header.decode(memoryview(b"".join(plain))).flags == HeaderFlags.SERVER_TO_REDIR

    def test_nothing_else_is_expected_unasked(self, make_session: Callable) -> None:
        pair, session = make_session()
        buffers = pair.server.unsolicited(pair.server.sessions[session.id], EchoResponse())
        assert pair.take(buffers) == []
