"""An association: what a client writes, and what it reads."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.server.rpc.association import MAX_FRAGMENT, Association, RpcInterface
from smbquic.wire.cursor import Buffer
from smbquic.wire.rpc.pdu import (
    AlterContext,
    AlterContextResp,
    Bind,
    BindAck,
    BindNak,
    BindNakReason,
    BindReason,
    BindResult,
    FaultStatus,
    PduFlags,
    PduHeader,
    PduType,
    PresentationContext,
    RpcFault,
    RpcRequest,
    RpcResponse,
    request_fragments,
)
from smbquic.wire.rpc.srvsvc import SRVSVC
from smbquic.wire.rpc.syntax import NDR, SyntaxId
from smbquic.wire.rpc.wkssvc import WKSSVC

NDR64 = SyntaxId(NDR.uuid, 1)


def echo(stub: Buffer) -> bytes:
    return bytes(stub)


def malformed(stub: Buffer) -> bytes:
    raise WireError("no such stub")


def large(stub: Buffer) -> bytes:
    return b"x" * 20_000


REQUEST_SIZE = len(RpcRequest(1, 0, b"", 7).encode())


@pytest.fixture
def association() -> Association:
    return Association("srvsvc", (RpcInterface(SRVSVC, {0: echo, 1: malformed, 2: large}),))


def bind(*contexts: PresentationContext, **fields: Any) -> bytes:
    return Bind(1, list(contexts) or [PresentationContext(7, SRVSVC, [NDR])], **fields).encode()


def bound(association: Association) -> Association:
    association.receive(bind())
    return association


def the_call(association: Association, opnum: int, stub: bytes = b"", context: int = 7) -> bytes:
    (answer,) = association.receive(RpcRequest(2, opnum, stub, context).encode())
    return answer


def test_bind(association: Association) -> None:
    (answer,) = association.receive(bind(max_xmit_frag=4000, max_recv_frag=3000))
    ack = BindAck.decode(answer)
    assert (ack.call_id, ack.max_xmit_frag, ack.max_recv_frag) == (1, 3000, MAX_FRAGMENT)
    assert ack.secondary_address == r"\PIPE\srvsvc"
    assert ack.assoc_group_id
    (result,) = ack.results
    assert (result.result, result.transfer_syntax) == (BindResult.ACCEPTANCE, NDR.encode())


def test_a_group_is_joined(association: Association) -> None:
    (answer,) = association.receive(bind(assoc_group_id=99))
    assert BindAck.decode(answer).assoc_group_id == 99


def test_what_cannot_be_bound(association: Association) -> None:
    (answer,) = association.receive(
        bind(
            PresentationContext(0, WKSSVC, [NDR]),
            PresentationContext(1, SyntaxId(SRVSVC.uuid, 4), [NDR]),
            PresentationContext(2, SRVSVC, [NDR64]),
            PresentationContext(3, SRVSVC, [NDR64, NDR]),
        )
    )
    assert [(r.result, r.reason) for r in BindAck.decode(answer).results] == [
        (BindResult.PROVIDER_REJECTION, BindReason.ABSTRACT_SYNTAX_NOT_SUPPORTED),
        (BindResult.PROVIDER_REJECTION, BindReason.ABSTRACT_SYNTAX_NOT_SUPPORTED),
        (BindResult.PROVIDER_REJECTION, BindReason.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED),
        (BindResult.ACCEPTANCE, BindReason.REASON_NOT_SPECIFIED),
    ]


def test_there_are_not_more_contexts_than_allowed(association: Association) -> None:
    (answer,) = association.receive(
        bind(*(PresentationContext(number, SRVSVC, [NDR]) for number in range(33)))
    )
    results = BindAck.decode(answer).results
    assert [r.result for r in results] == [BindResult.ACCEPTANCE] * 32 + [
        BindResult.PROVIDER_REJECTION
    ]
    assert results[-1].reason == BindReason.LOCAL_LIMIT_EXCEEDED


def test_every_client_has_a_group_of_its_own() -> None:
    answers = [Association("srvsvc", ()).receive(bind())[0] for _ in range(3)]
    groups = [BindAck.decode(answer).assoc_group_id for answer in answers]
    assert groups == [groups[0], groups[0] + 1, groups[0] + 2]


def test_the_smallest_fragments(association: Association) -> None:
    (answer,) = association.receive(bind(max_recv_frag=1432))
    assert BindAck.decode(answer).max_xmit_frag == 1432


def test_fragments_that_are_too_small(association: Association) -> None:
    (answer,) = association.receive(bind(max_recv_frag=1431))
    assert BindNak.decode(answer).reason == BindNakReason.LOCAL_LIMIT_EXCEEDED


def test_authentication_is_refused(association: Association) -> None:
    pdu = bytearray(bind())
    pdu[10] = 8
    (answer,) = association.receive(pdu)
    assert BindNak.decode(answer).reason == BindNakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED


def test_further_interfaces(association: Association) -> None:
    wanted = AlterContext(5, [PresentationContext(8, SRVSVC, [NDR])])
    (answer,) = bound(association).receive(wanted.encode())
    assert PduHeader.decode(answer).pdu_type == PduType.ALTER_CONTEXT_RESP
    assert [r.result for r in AlterContextResp.decode(answer).results] == [BindResult.ACCEPTANCE]
    assert bytes(RpcResponse.decode(the_call(association, 0, b"stub", 8)).stub) == b"stub"


def test_a_call(association: Association) -> None:
    response = RpcResponse.decode(the_call(bound(association), 0, b"stub"))
    assert (response.call_id, response.context_id, bytes(response.stub)) == (2, 7, b"stub")


@pytest.mark.parametrize(
    ("opnum", "context", "status"),
    [
        (99, 7, FaultStatus.OP_RNG_ERROR),
        (0, 9, FaultStatus.UNK_IF),
        (1, 7, FaultStatus.BAD_STUB_DATA),
    ],
)
def test_faults(association: Association, opnum: int, context: int, status: int) -> None:
    fault = RpcFault.decode(the_call(bound(association), opnum, b"", context))
    assert (fault.call_id, fault.status, fault.context_id) == (2, status, context)
    assert fault.flags == PduFlags.FIRST_FRAG | PduFlags.LAST_FRAG | PduFlags.DID_NOT_EXECUTE
    assert not association.failed


def test_a_long_answer_comes_in_parts(association: Association) -> None:
    association.receive(bind(max_recv_frag=2000))
    answers = association.receive(RpcRequest(2, 2, b"", 7).encode())
    assert len(answers) == 11
    assert max(map(len, answers)) == 2000
    assert b"".join(bytes(RpcResponse.decode(answer).stub) for answer in answers) == b"x" * 20_000


def test_a_long_call_comes_in_parts(association: Association) -> None:
    bound(association)
    stub = bytes(range(256)) * 10
    *parts, last = request_fragments(3, 7, 0, stub, 500)
    for part in parts:
        assert association.receive(part) == []
    (answer,) = association.receive(last)
    assert bytes(RpcResponse.decode(answer).stub) == stub


@given(st.data())
def test_bytes_need_not_come_in_pdus(data: st.DataObject) -> None:
    association = Association("srvsvc", (RpcInterface(SRVSVC, {0: echo}),))
    text = bind() + b"".join(RpcRequest(n, 0, bytes([n]), 7).encode() for n in (2, 3))
    answers = []
    while text:
        size = data.draw(st.integers(1, len(text)))
        answers += association.receive(text[:size])
        text = text[size:]
    assert [PduHeader.decode(answer).call_id for answer in answers] == [1, 2, 3]


@pytest.mark.parametrize("kind", [PduType.ORPHANED, PduType.CO_CANCEL])
def test_a_call_that_is_given_up(association: Association, kind: PduType) -> None:
    bound(association)
    first, *_ = request_fragments(3, 7, 0, bytes(2000), 500)
    association.receive(first)
    assert association.held == 500 - REQUEST_SIZE
    cancel = bytearray(RpcFault(3, 0).encode())
    cancel[2] = kind
    assert association.receive(cancel) == []
    assert association.held == 0
    assert association.receive(cancel) == []
    assert bytes(RpcResponse.decode(the_call(association, 0, b"stub")).stub) == b"stub"


def test_a_call_without_a_beginning_ends_it(
    association: Association, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bound(association)
    assert association.receive(RpcRequest(2, 0, b"", 7, flags=PduFlags.LAST_FRAG).encode()) == []
    assert association.failed
    assert "unknown call 2" in caplog.text
    assert association.receive(bind()) == []


def test_nothing_is_kept_of_what_follows_an_error(
    association: Association, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert association.receive(RpcResponse(1, b"").encode() + bytes(1000)) == []

    assert association.failed
    assert association.held == 0
    assert caplog.messages[0].startswith("pipe srvsvc: ")


def test_what_waits_for_the_rest_is_held(association: Association) -> None:
    bound(association)
    first, second, *_ = request_fragments(3, 7, 0, bytes(2000), 500)
    association.receive(first + second[:100])
    assert association.held == 500 - REQUEST_SIZE + 100
    association.receive(second[100:])
    assert association.held == 2 * (500 - REQUEST_SIZE)


def test_a_new_call_takes_the_place_of_what_was_begun(association: Association) -> None:
    bound(association)
    first, second, *_ = request_fragments(3, 7, 0, bytes(2000), 500)
    association.receive(first)
    assert bytes(RpcResponse.decode(the_call(association, 0, b"stub")).stub) == b"stub"
    assert association.held == 0
    association.receive(second)
    assert association.failed


@pytest.mark.parametrize(("more", "failed"), [(0, False), (1, True)])
def test_the_largest_fragment(association: Association, more: int, failed: bool) -> None:
    bound(association)
    pdu = RpcRequest(2, 0, bytes(5840 - REQUEST_SIZE + more), 7).encode()
    assert len(pdu) == 5840 + more
    association.receive(pdu)
    assert association.failed is failed


@pytest.mark.parametrize(("more", "failed"), [(0, False), (1, True)])
def test_the_longest_call(association: Association, more: int, failed: bool) -> None:
    bound(association)
    for part in request_fragments(3, 7, 0, bytes((64 << 10) + more), 5000):
        association.receive(part)
    assert association.failed is failed


def test_a_call_without_an_end_ends_it(association: Association) -> None:
    bound(association)
    association.receive(RpcRequest(2, 0, bytes(5000), 7, flags=PduFlags.FIRST_FRAG).encode())
    for _ in range(13):
        association.receive(RpcRequest(2, 0, bytes(5000), 7, flags=0).encode())
    assert association.failed


@pytest.mark.parametrize(
    "data",
    [
        RpcRequest(1, 0, bytes(MAX_FRAGMENT)).encode(),
        RpcResponse(1, b"").encode(),
        b"\5\0\x0b\3\x10\0\0\0\x11\0\0\0\1\0\0\0\0",
    ],
)
def test_what_ends_an_association(association: Association, data: bytes) -> None:
    assert association.receive(data) == []
    assert association.failed


@given(st.lists(st.binary(max_size=64), max_size=4), st.integers(0, 20))
def test_any_bytes_are_answered_or_end_it(texts: list[bytes], kind: int) -> None:
    association = Association("srvsvc", (RpcInterface(SRVSVC, {0: echo}),))
    association.receive(bind())
    for text in texts:
        size = len(text) + 16
        head = bytes([5, 0, kind, 3, 16, 0, 0, 0, size & 255, size >> 8, 0, 0, 1, 0, 0, 0])
        for answer in association.receive(head + text):
            assert PduHeader.decode(answer).frag_length == len(answer)
