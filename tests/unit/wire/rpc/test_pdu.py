"""PDUs of connection-oriented RPC, also as impacket has them."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket.dcerpc.v5 import rpcrt  # type: ignore[import-untyped]

from smbquic.errors import WireError
from smbquic.wire.rpc.pdu import (
    RESPONSE_SIZE,
    AlterContext,
    AlterContextResp,
    Bind,
    BindAck,
    BindNak,
    BindNakReason,
    ContextResult,
    FaultStatus,
    PduFlags,
    PduHeader,
    PduType,
    PresentationContext,
    RpcFault,
    RpcRequest,
    RpcResponse,
    request_fragments,
    response_fragments,
)
from smbquic.wire.rpc.srvsvc import SRVSVC
from smbquic.wire.rpc.syntax import NDR, SyntaxId
from tests.unit.wire.structures import Structure

U8, U16, U32 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
SYNTAX = st.builds(SyntaxId, st.uuids(), U16, U16)
CONTEXT = st.builds(PresentationContext, U16, SYNTAX, st.lists(SYNTAX, max_size=3))
RESULT = st.builds(ContextResult, U16, U16, st.binary(min_size=20, max_size=20))
STUB = st.binary(max_size=64)
ADDRESS = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)


class Pdu(Structure, Protocol):
    call_id: int


PDUS: list[st.SearchStrategy[Pdu]] = [
    st.builds(Bind, U32, st.lists(CONTEXT, max_size=3), U16, U16, U32),
    st.builds(AlterContext, U32, st.lists(CONTEXT, max_size=3), U16, U16, U32),
    st.builds(BindAck, U32, st.lists(RESULT, max_size=3), U16, U16, U32, ADDRESS),
    st.builds(AlterContextResp, U32, st.lists(RESULT, max_size=3), U16, U16, U32, ADDRESS),
    st.builds(BindNak, U32, U16),
    st.builds(RpcRequest, U32, U16, STUB, U16, st.integers(1, 0xFFFF), st.integers(0, 3)),
    st.builds(RpcResponse, U32, STUB, U16, st.integers(1, 0xFFFF), st.integers(0, 3)),
    st.builds(RpcFault, U32, U32, U16, st.integers(0, 3)),
]
TYPES: list[type[Pdu]] = [
    Bind,
    AlterContext,
    BindAck,
    AlterContextResp,
    BindNak,
    RpcRequest,
    RpcResponse,
    RpcFault,
]


@pytest.mark.parametrize("pdus", PDUS)
@given(data=st.data())
def test_round_trip(pdus: st.SearchStrategy[Pdu], data: st.DataObject) -> None:
    pdu = data.draw(pdus)
    encoded = pdu.encode()
    header = PduHeader.decode(encoded)
    assert header.frag_length == len(encoded)
    assert header.call_id == pdu.call_id
    assert type(pdu).decode(encoded) == pdu


@pytest.mark.parametrize("decode", [PduHeader.decode, *(kind.decode for kind in TYPES)])
@given(data=st.binary(max_size=100), plausible=st.booleans())
def test_any_bytes_are_understood_or_refused(
    decode: Callable[[bytes], object], data: bytes, plausible: bool
) -> None:
    if plausible:
        data = b"\5\0\x0b\3\x10\0\0\0\x40\0\0\0" + data
    try:
        decoded = decode(data)
    except WireError:
        return
    assert decoded is not None


@pytest.mark.parametrize(
    "header",
    [
        "04000b03100000001000000001000000",
        "05020b03100000001000000001000000",
        "05000b03000000001000000001000000",
        "05000b03100000000f00000001000000",
    ],
)
def test_what_is_no_rpc_of_ours(header: str) -> None:
    with pytest.raises(WireError):
        PduHeader.decode(bytes.fromhex(header))


def test_an_object_is_left_out() -> None:
    plain = RpcRequest(1, 2, b"stub").encode()
    flags = PduFlags.FIRST_FRAG | PduFlags.LAST_FRAG | PduFlags.OBJECT_UUID
    data = plain[:3] + bytes([flags]) + plain[4:24] + bytes(16) + plain[24:]
    assert bytes(RpcRequest.decode(data).stub) == b"stub"


def test_authentication_is_not_understood() -> None:
    plain = bytearray(RpcRequest(1, 2, b"stub").encode())
    plain[10] = 4
    with pytest.raises(WireError, match="authentication"):
        RpcRequest.decode(plain)


def test_what_is_too_long_for_a_fragment() -> None:
    with pytest.raises(ValueError, match="a fragment of"):
        RpcRequest(1, 2, bytes(0xFFFF)).encode()


@given(st.binary(max_size=500), st.integers(32, 100))
def test_fragments(stub: bytes, size: int) -> None:
    pdus = response_fragments(7, 1, stub, size)
    responses = [RpcResponse.decode(pdu) for pdu in pdus]
    assert all(len(pdu) <= size for pdu in pdus)
    assert b"".join(bytes(response.stub) for response in responses) == stub
    assert [bool(r.flags & PduFlags.FIRST_FRAG) for r in responses] == [
        index == 0 for index in range(len(pdus))
    ]
    assert [bool(r.flags & PduFlags.LAST_FRAG) for r in responses] == [
        index == len(pdus) - 1 for index in range(len(pdus))
    ]
    assert responses[0].alloc_hint == len(stub)
    requests = [RpcRequest.decode(pdu) for pdu in request_fragments(7, 1, 15, stub, size)]
    assert b"".join(bytes(request.stub) for request in requests) == stub
    assert {(r.call_id, r.context_id, r.opnum) for r in requests} == {(7, 1, 15)}
    assert RESPONSE_SIZE == 24


# --- impacket's view ----------------------------------------------------------------------------


def test_impacket_reads_our_bind() -> None:
    context = PresentationContext(3, SRVSVC, [NDR])
    header = rpcrt.MSRPCHeader(Bind(9, [context], 4280, 4280, 5).encode())
    assert (header["type"], header["call_id"], header["flags"]) == (PduType.BIND, 9, 3)
    bind = rpcrt.MSRPCBind(header["pduData"])
    assert (bind["max_tfrag"], bind["max_rfrag"], bind["assoc_group"]) == (4280, 4280, 5)
    item = rpcrt.CtxItem(bind["ctx_items"])
    assert (item["ContextID"], item["TransItems"]) == (3, 1)
    assert UUID(bytes_le=item["AbstractSyntax"][:16]) == SRVSVC.uuid
    assert UUID(bytes_le=item["TransferSyntax"][:16]) == NDR.uuid


def test_impacket_reads_our_answers() -> None:
    ack = BindAck(
        9, [ContextResult(0, 0, NDR.encode()), ContextResult(2, 1)], 100, 200, 5, r"\PIPE\srvsvc"
    )
    theirs = rpcrt.MSRPCBindAck(ack.encode())
    assert (theirs["max_tfrag"], theirs["max_rfrag"], theirs["assoc_group"]) == (100, 200, 5)
    assert theirs["SecondaryAddr"].rstrip("\0") == r"\PIPE\srvsvc"
    assert theirs["ctx_num"] == 2
    assert [theirs.getCtxItem(n)["Result"] for n in (1, 2)] == [0, 2]
    nak = rpcrt.MSRPCHeader(BindNak(9, BindNakReason.LOCAL_LIMIT_EXCEEDED).encode())
    assert rpcrt.MSRPCBindNak(nak["pduData"])["RejectedReason"] == 2
    response = rpcrt.MSRPCRespHeader(RpcResponse(9, b"stub", 3).encode())
    assert (response["ctx_id"], response["alloc_hint"], response["pduData"]) == (3, 4, b"stub")
    fault = rpcrt.MSRPCRespHeader(RpcFault(9, FaultStatus.OP_RNG_ERROR).encode())
    assert int.from_bytes(fault["pduData"][:4], "little") == FaultStatus.OP_RNG_ERROR


def test_we_read_impackets_requests() -> None:
    theirs = rpcrt.MSRPCRequestHeader()
    theirs["op_num"], theirs["ctx_id"], theirs["pduData"] = 15, 3, b"stub"
    theirs["alloc_hint"], theirs["call_id"], theirs["flags"] = 4, 7, 3
    assert RpcRequest.decode(theirs.get_packet()) == RpcRequest(7, 15, b"stub", 3, 4)


def test_an_address_that_is_not_ascii() -> None:
    ack = BindAck(9, [], 100, 200, 5, "pipe")
    answered = BindAck.decode(ack.encode().replace(b"pipe", b"p\xefpe"))
    assert answered.secondary_address == "p\xefpe"
    assert BindAck.decode(answered.encode()) == answered
