"""smbprotocol reads what we write, and we read what it writes."""

from collections.abc import Callable
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.echo import EchoRequest
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import (
    IoctlRequest,
)
from smbquic.wire.lock import LockResponse
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import (
    GlobalCapabilities,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbquic.wire.negotiate_contexts import (
    EncryptionCapabilities,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)
from smbquic.wire.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from smbquic.wire.query_info import QueryInfoRequest, QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse
from smbquic.wire.transform import TransformHeader
from smbquic.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    TreeConnectFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest, WriteResponse
from tests.unit.wire.smbprotocol_structures import (
    FILE_ID,
    FILE_ID_BYTES,
    FILETIME,
    GUID,
    MOMENT,
    TIMES,
    UUID,
    check,
    theirs,
)

MESSAGES: list[tuple[Message, str, dict[str, Any]]] = [
    (
        NegotiateRequest(SecurityMode(3), GlobalCapabilities(0x41), GUID, [0x0202, 0x0210]),
        "connection.SMB2NegotiateRequest",
        {
            "dialects": [0x0202, 0x0210],
            "security_mode": 3,
            "capabilities": 0x41,
            "client_guid": UUID,
        },
    ),
    (
        SessionSetupRequest(
            SessionSetupFlags.BINDING,
            SecurityMode(1),
            GlobalCapabilities(1),
            0,
            0x4000000,
            b"token",
        ),
        "session.SMB2SessionSetupRequest",
        {
            "flags": 1,
            "security_mode": 1,
            "capabilities": 1,
            "previous_session_id": 0x4000000,
            "buffer": b"token",
        },
    ),
    (
        SessionSetupResponse(SessionFlags.ENCRYPT_DATA, b"token"),
        "session.SMB2SessionSetupResponse",
        {"session_flags": 4, "security_buffer_offset": 72, "buffer": b"token"},
    ),
    (LogoffRequest(), "session.SMB2Logoff", {}),
    (
        TreeConnectRequest(r"\\server\share", flags=TreeConnectFlags.CLUSTER_RECONNECT),
        "tree.SMB2TreeConnectRequest",
        {"flags": 1, "buffer": r"\\server\share".encode("utf-16-le")},
    ),
    (
        TreeConnectResponse(1, ShareFlags(0x8031), ShareCapabilities(0x18), 0x1F01FF),
        "tree.SMB2TreeConnectResponse",
        {"share_type": 1, "share_flags": 0x8031, "capabilities": 0x18, "maximal_access": 0x1F01FF},
    ),
    (TreeDisconnectRequest(), "tree.SMB2TreeDisconnect", {}),
    (EchoRequest(), "connection.SMB2Echo", {}),
    (
        CloseRequest(FILE_ID, flags=1),
        "open.SMB2CloseRequest",
        {"flags": 1, "file_id": FILE_ID_BYTES},
    ),
    (
        CloseResponse(1, FILETIME, FILETIME, FILETIME, FILETIME, 4096, 98, 0x20),
        "open.SMB2CloseResponse",
        {
            "flags": 1,
            **TIMES,
            "allocation_size": 4096,
            "end_of_file": 98,
            "file_attributes": 0x20,
        },
    ),
    (FlushRequest(FILE_ID), "open.SMB2FlushRequest", {"file_id": FILE_ID_BYTES}),
    (FlushResponse(), "open.SMB2FlushResponse", {}),
    (
        ReadRequest(98, 1 << 33, FILE_ID, minimum_count=7, flags=1),
        "open.SMB2ReadRequest",
        {
            "padding": 80,
            "flags": 1,
            "length": 98,
            "offset": 1 << 33,
            "file_id": FILE_ID_BYTES,
            "minimum_count": 7,
        },
    ),
    (
        ReadResponse(b"data", data_remaining=5),
        "open.SMB2ReadResponse",
        {"data_offset": 80, "data_remaining": 5, "buffer": b"data"},
    ),
    (
        WriteRequest(1 << 33, FILE_ID, b"data", flags=1),
        "open.SMB2WriteRequest",
        {"offset": 1 << 33, "file_id": FILE_ID_BYTES, "flags": 1, "buffer": b"data"},
    ),
    (WriteResponse(65536), "open.SMB2WriteResponse", {"count": 65536}),
    (
        QueryDirectoryRequest(37, FILE_ID, "*.txt", 65536, flags=0x11, file_index=3),
        "open.SMB2QueryDirectoryRequest",
        {
            "file_information_class": 37,
            "flags": 0x11,
            "file_index": 3,
            "file_id": FILE_ID_BYTES,
            "output_buffer_length": 65536,
            "buffer": "*.txt".encode("utf-16-le"),
        },
    ),
    (QueryDirectoryResponse(b"list"), "open.SMB2QueryDirectoryResponse", {"buffer": b"list"}),
    (LockResponse(), "open.SMB2LockResponse", {}),
    (
        QueryInfoRequest(
            1, 15, 1024, FILE_ID, additional_information=7, flags=1, input_buffer=b"names"
        ),
        "open.SMB2QueryInfoRequest",
        {
            "info_type": 1,
            "file_info_class": 15,
            "output_buffer_length": 1024,
            "input_buffer_offset": 104,
            "additional_information": 7,
            "flags": 1,
            "file_id": FILE_ID_BYTES,
            "buffer": b"names",
        },
    ),
    (QueryInfoResponse(b"info"), "open.SMB2QueryInfoResponse", {"buffer": b"info"}),
    (
        SetInfoRequest(1, 20, FILE_ID, b"12345678", additional_information=4),
        "open.SMB2SetInfoRequest",
        {
            "info_type": 1,
            "file_info_class": 20,
            "additional_information": 4,
            "file_id": FILE_ID_BYTES,
            "buffer": b"12345678",
        },
    ),
    (SetInfoResponse(), "open.SMB2SetInfoResponse", {}),
    (
        IoctlRequest(0x11C017, FILE_ID, 3, 1024, 1, b"input"),
        "ioctl.SMB2IOCTLRequest",
        {
            "ctl_code": 0x11C017,
            "file_id": FILE_ID_BYTES,
            "max_input_response": 3,
            "max_output_response": 1024,
            "flags": 1,
            "buffer": b"input",
        },
    ),
    (
        ChangeNotifyRequest(1, 4096, FILE_ID, 0x17),
        "change_notify.SMB2ChangeNotifyRequest",
        {
            "flags": 1,
            "output_buffer_length": 4096,
            "file_id": FILE_ID_BYTES,
            "completion_filter": 0x17,
        },
    ),
    (
        ChangeNotifyResponse(b"changes"),
        "change_notify.SMB2ChangeNotifyResponse",
        {"output_buffer_offset": 72, "buffer": b"changes"},
    ),
]


@pytest.mark.parametrize(
    ("ours", "name", "values"), MESSAGES, ids=[type(ours).__name__ for ours, _, _ in MESSAGES]
)
def test_messages(
    ours: Message, name: str, values: dict[str, Any], frame: Callable[[bytes], memoryview]
) -> None:
    check(ours.encode(), name, values)
    assert type(ours).decode(frame(theirs(name, values).pack())) == ours


def test_header() -> None:
    header = Header(
        Command.READ,
        message_id=7,
        credit_charge=2,
        status=NtStatus.END_OF_FILE,
        credits=31,
        flags=HeaderFlags.SERVER_TO_REDIR | HeaderFlags.SIGNED,
        next_command=128,
        tree_id=5,
        session_id=0x40000000011,
        signature=GUID,
    )
    values = {
        "credit_charge": 2,
        "status": 0xC0000011,
        "command": 8,
        "credit_response": 31,
        "flags": 9,
        "next_command": 128,
        "message_id": 7,
        "tree_id": 5,
        "session_id": 0x40000000011,
        "signature": GUID,
    }
    check(header.encode(), "header.SMB2HeaderResponse", values)
    assert Header.decode(theirs("header.SMB2HeaderResponse", values).pack()) == header


def test_asynchronous_header() -> None:
    header = Header(
        Command.CANCEL, message_id=7, flags=HeaderFlags.ASYNC_COMMAND, async_id=0x99, session_id=3
    )
    values = {"command": 12, "flags": 2, "message_id": 7, "async_id": 0x99, "session_id": 3}
    check(header.encode(), "header.SMB2HeaderAsync", values)
    assert Header.decode(theirs("header.SMB2HeaderAsync", values).pack()) == header


def test_transform_header() -> None:
    header = TransformHeader(0x99, b"123456789012\0\0\0\0", 104, 1, GUID)
    values = {
        "signature": GUID,
        "nonce": b"123456789012\0\0\0\0",
        "original_message_size": 104,
        "flags": 1,
        "session_id": 0x99,
    }
    check(header.encode(), "connection.SMB2TransformHeader", values)
    packed = theirs("connection.SMB2TransformHeader", values).pack()
    assert TransformHeader.decode(packed) == header


NEGOTIATE_CONTEXTS: list[tuple[NegotiateContext, int, str, dict[str, Any]]] = [
    (
        PreauthIntegrityCapabilities([1], b"salt" * 8),
        1,
        "SMB2PreauthIntegrityCapabilities",
        {"hash_algorithms": [1], "salt": b"salt" * 8},
    ),
    (EncryptionCapabilities([2, 1]), 2, "SMB2EncryptionCapabilities", {"ciphers": [2, 1]}),
    (
        NetnameNegotiateContextId("server"),
        5,
        "SMB2NetnameNegotiateContextId",
        {"net_name": "server"},
    ),
    (
        SigningCapabilities([2, 1, 0]),
        8,
        "SMB2SigningCapabilities",
        {"signing_algorithms": [2, 1, 0]},
    ),
]


def their_contexts() -> list[Any]:
    return [
        theirs(
            "connection.SMB2NegotiateContextRequest",
            {"context_type": kind, "data": theirs(f"connection.{name}", values)},
        )
        for _, kind, name, values in NEGOTIATE_CONTEXTS
    ]


def check_contexts(contexts: list[Any]) -> None:
    for context, (_, kind, _, values) in zip(contexts, NEGOTIATE_CONTEXTS, strict=True):
        assert context["context_type"].get_value() == kind
        data = context["data"].get_value()
        assert {key: data[key].get_value() for key in values} == values


@pytest.mark.parametrize(
    "dialects", [[0x0311], [0x0210, 0x0311], [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]]
)
def test_negotiate_with_contexts(dialects: list[int], frame: Callable[[bytes], memoryview]) -> None:
    ours = [context for context, _, _, _ in NEGOTIATE_CONTEXTS]
    request = NegotiateRequest(SecurityMode(1), GlobalCapabilities(0x5F), GUID, dialects, ours)
    values = {
        "dialects": dialects,
        "security_mode": 1,
        "capabilities": 0x5F,
        "client_guid": UUID,
    }
    packed = theirs(
        "connection.SMB3NegotiateRequest", {**values, "negotiate_context_list": their_contexts()}
    ).pack()
    assert NegotiateRequest.decode(frame(packed)) == request
    if len(dialects) == 2:
        return  # It pads the dialects by four bytes where none are needed, and expects the same.
    structure = theirs("connection.SMB3NegotiateRequest", {})
    structure.unpack(request.encode())
    assert {key: structure[key].get_value() for key in values} == values
    check_contexts(structure["negotiate_context_list"].get_value())


def test_negotiate_response_with_contexts(frame: Callable[[bytes], memoryview]) -> None:
    ours = [context for context, _, _, _ in NEGOTIATE_CONTEXTS]
    response = NegotiateResponse(
        SecurityMode(3),
        0x0311,
        GUID,
        GlobalCapabilities(0x2F),
        8 << 20,
        8 << 20,
        8 << 20,
        FILETIME,
        FILETIME,
        b"token",
        ours,
    )
    values = {
        "security_mode": 3,
        "dialect_revision": 0x0311,
        "server_guid": UUID,
        "capabilities": 0x2F,
        "max_transact_size": 8 << 20,
        "max_read_size": 8 << 20,
        "max_write_size": 8 << 20,
        "system_time": MOMENT,
        "server_start_time": MOMENT,
        "buffer": b"token",
    }
    structure = theirs("connection.SMB2NegotiateResponse", {})
    structure.unpack(response.encode())
    assert {key: structure[key].get_value() for key in values} == values
    check_contexts(structure["negotiate_context_list"].get_value())
    packed = theirs(
        "connection.SMB2NegotiateResponse",
        {**values, "negotiate_context_list": their_contexts()},
    ).pack()
    assert NegotiateResponse.decode(frame(packed)) == response
