"""smbprotocol reads what we write, and we read what it writes."""

import importlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateOptions, CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    AllocationSize,
    AppInstanceId,
    AppInstanceVersion,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    DurableHandleResponse,
    DurableHandleResponseV2,
    LeaseV1,
    LeaseV2,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    TimewarpToken,
)
from smbquic.wire.echo import EchoRequest
from smbquic.wire.error import ErrorContext, ErrorResponse, SymbolicLinkErrorResponse, SymlinkFlags
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, decode_entries, encode_entry
from smbquic.wire.fscc.extended_attributes import (
    FullEaInformation,
    decode_full_eas,
    encode_full_eas,
)
from smbquic.wire.fscc.file_information import (
    AllInformation,
    AttributeTagInformation,
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    InternalInformation,
    LinkInformation,
    NameInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.filesystem_information import (
    FsFullSizeInformation,
    FsObjectIdInformation,
    FsVolumeInformation,
)
from smbquic.wire.fscc.notify_information import decode_notifications
from smbquic.wire.fscc.stream_information import StreamInformation, decode_streams, encode_streams
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import (
    IoctlRequest,
    IoctlResponse,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbquic.wire.ioctl_payloads import (
    NetworkResiliencyRequest,
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
)
from smbquic.wire.lock import LockElement, LockRequest, LockResponse
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
from tests.unit.wire.structures import ContextPayload, Structure

GUID = bytes(range(16))
UUID = uuid.UUID(bytes=GUID)
FILE_ID = FileId(0x1122, 0xFFFFFFFF00000009)
FILE_ID_BYTES = FILE_ID.encode()
KEY = bytes(range(24))

# One moment, in both ways of writing it.
MOMENT = datetime(2021, 7, 16, 7, 42, 53, 634690, tzinfo=UTC)
FILETIME = 132708949736346900
TIMES = dict.fromkeys(
    ("creation_time", "last_access_time", "last_write_time", "change_time"), MOMENT
)


def theirs(name: str, values: dict[str, Any]) -> Any:
    """A structure of smbprotocol, "module.Class", filled with `values`."""
    module, cls = name.split(".")
    structure = getattr(importlib.import_module(f"smbprotocol.{module}"), cls)()
    for key, value in values.items():
        structure[key] = value
    return structure


def check(ours: bytes, name: str, values: dict[str, Any]) -> None:
    """smbprotocol finds `values` in `ours`, nothing left over, and would write the same."""
    structure = theirs(name, {})
    assert structure.unpack(ours).strip(b"\0") == b""
    found = {key: structure[key].get_value() for key in values}
    assert found == values
    assert structure.pack() == ours[: len(structure.pack())]


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


CONTEXTS: list[tuple[ContextPayload, str, dict[str, Any]]] = [
    (
        QueryMaximalAccessRequest(FILETIME),
        "SMB2CreateQueryMaximalAccessRequest",
        {"timestamp": MOMENT},
    ),
    (
        QueryMaximalAccessResponse(0, 0x1F01FF),
        "SMB2CreateQueryMaximalAccessResponse",
        {"query_status": 0, "maximal_access": 0x1F01FF},
    ),
    (
        QueryOnDiskIdResponse(7, 9),
        "SMB2CreateQueryOnDiskIDResponse",
        {"disk_file_id": 7, "volume_id": 9},
    ),
    (AllocationSize(4096), "SMB2CreateAllocationSize", {"allocation_size": 4096}),
    (TimewarpToken(FILETIME), "SMB2CreateTimewarpToken", {"timestamp": MOMENT}),
    (
        LeaseV1(GUID, 7),
        "SMB2CreateRequestLease",
        {"lease_key": GUID, "lease_state": 7},
    ),
    (
        LeaseV1(GUID, 7, 2),
        "SMB2CreateResponseLease",
        {"lease_key": GUID, "lease_state": 7, "lease_flags": 2},
    ),
    (
        LeaseV2(GUID, 7, 4, bytes(16), 3),
        "SMB2CreateRequestLeaseV2",
        {
            "lease_key": GUID,
            "lease_state": 7,
            "lease_flags": 4,
            "parent_lease_key": bytes(16),
            "epoch": b"\x03\x00",
        },
    ),
    (
        DurableHandleReconnect(FILE_ID),
        "SMB2CreateDurableHandleReconnect",
        {"data": FILE_ID_BYTES},
    ),
    (
        DurableHandleRequestV2(60000, 2, GUID),
        "SMB2CreateDurableHandleRequestV2",
        {"timeout": 60000, "flags": 2, "create_guid": UUID},
    ),
    (
        DurableHandleResponseV2(60000, 2),
        "SMB2CreateDurableHandleResponseV2",
        {"timeout": 60000, "flags": 2},
    ),
    (
        DurableHandleReconnectV2(FILE_ID, GUID, 2),
        "SMB2CreateDurableHandleReconnectV2",
        {"file_id": FILE_ID_BYTES, "create_guid": UUID, "flags": 2},
    ),
    (AppInstanceId(GUID), "SMB2CreateAppInstanceId", {"app_instance_id": GUID}),
    (
        AppInstanceVersion(3, 4),
        "SMB2CreateAppInstanceVersion",
        {"app_instance_version_high": 3, "app_instance_version_low": 4},
    ),
]


@pytest.mark.parametrize(
    ("ours", "name", "values"), CONTEXTS, ids=[name for _, name, _ in CONTEXTS]
)
def test_create_contexts(ours: ContextPayload, name: str, values: dict[str, Any]) -> None:
    name = f"create_contexts.{name}"
    check(ours.encode(), name, values)
    structure = theirs(name, values)
    assert type(ours).decode(structure.pack()) == ours
    assert getattr(structure, "NAME", ours.name) == ours.name


def test_create_contexts_that_say_nothing() -> None:
    request = theirs("create_contexts.SMB2CreateDurableHandleRequest", {})
    response = theirs("create_contexts.SMB2CreateDurableHandleResponse", {})
    assert DurableHandleRequest().context() == CreateContext(request.NAME, request.pack())
    assert DurableHandleResponse().encode() == response.pack()


def test_create_request(frame: Callable[[bytes], memoryview]) -> None:
    request = CreateRequest(
        8,
        2,
        0x12019F,
        0x80,
        7,
        1,
        CreateOptions.FILE_NON_DIRECTORY_FILE | CreateOptions.FILE_SEQUENTIAL_ONLY,
        r"folder\file",
        [
            QueryMaximalAccessRequest().context(),
            AllocationSize(9).context(),
            LeaseV1(GUID, 7).context(),
        ],
    )
    structure = theirs("open.SMB2CreateRequest", {})
    assert structure.unpack(request.encode()) == b""
    assert structure["requested_oplock_level"].get_value() == 8
    assert structure["desired_access"].get_value() == 0x12019F
    assert structure["create_options"].get_value() == 0x44
    assert structure["buffer_path"].get_value() == r"folder\file".encode("utf-16-le")
    contexts = structure["buffer_contexts"].get_value()
    assert [context["buffer_name"].get_value() for context in contexts] == [
        b"MxAc",
        b"AlSi",
        b"RqLs",
    ]
    assert contexts[1].get_context_data() == AllocationSize(9).encode()
    assert CreateRequest.decode(frame(structure.pack())) == request


def test_create_contexts_of_theirs(frame: Callable[[bytes], memoryview]) -> None:
    module = importlib.import_module("smbprotocol.create_contexts")
    lease = theirs("create_contexts.SMB2CreateRequestLease", {"lease_key": GUID, "lease_state": 3})
    size = theirs("create_contexts.SMB2CreateAllocationSize", {"allocation_size": 9})
    structure = theirs(
        "open.SMB2CreateRequest",
        {
            "impersonation_level": 2,
            "create_disposition": 1,
            "buffer_path": "ab".encode("utf-16-le"),
            "buffer_contexts": module.SMB2CreateContextRequest.pack_multiple([lease, size]),
        },
    )
    request = CreateRequest.decode(frame(structure.pack()))
    assert request.name == "ab"
    assert request.contexts == [LeaseV1(GUID, 3).context(), AllocationSize(9).context()]


def test_create_response(frame: Callable[[bytes], memoryview]) -> None:
    response = CreateResponse(
        9,
        0,
        2,
        FILETIME,
        FILETIME,
        FILETIME,
        FILETIME,
        4096,
        98,
        0x20,
        FILE_ID,
        [QueryMaximalAccessResponse(0, 5).context(), QueryOnDiskIdResponse(1, 2).context()],
    )
    structure = theirs("open.SMB2CreateResponse", {})
    assert structure.unpack(response.encode()) == b""
    assert structure["oplock_level"].get_value() == 9
    assert structure["create_action"].get_value() == 2
    assert structure["creation_time"].get_value() == MOMENT
    assert structure["file_id"].get_value() == FILE_ID_BYTES
    maximal_access, on_disk_id = structure["buffer"].get_value()
    assert maximal_access.get_context_data()["maximal_access"].get_value() == 5
    assert on_disk_id.get_context_data()["volume_id"].get_value() == 2
    assert CreateResponse.decode(frame(structure.pack())) == response


def test_lock_request(frame: Callable[[bytes], memoryview]) -> None:
    request = LockRequest(0x21, FILE_ID, [LockElement(1, 2, 0x12), LockElement(3, 4, 4)])
    structure = theirs("open.SMB2LockRequest", {})
    structure.unpack(request.encode())
    assert structure["lock_sequence"].get_value() == 0x21
    assert [
        (lock["offset"].get_value(), lock["length"].get_value(), lock["flags"].get_value())
        for lock in structure["locks"].get_value()
    ] == [(1, 2, 0x12), (3, 4, 4)]
    assert LockRequest.decode(frame(structure.pack())) == request


def test_ioctl_response() -> None:
    response = IoctlResponse(0x11C017, FILE_ID, b"", b"output")
    structure = theirs("ioctl.SMB2IOCTLResponse", {})
    assert structure.unpack(response.encode()) == b""
    assert structure["output_offset"].get_value() == 112
    assert structure["buffer"].get_value() == b"output"


def test_error_response(frame: Callable[[bytes], memoryview]) -> None:
    link = SymbolicLinkErrorResponse(10, r"..\target", "target", SymlinkFlags.RELATIVE)
    response = ErrorResponse.of_contexts([ErrorContext(0, link.encode())])
    structure = theirs("exceptions.SMB2ErrorResponse", {})
    structure.unpack(response.encode())
    (context,) = structure["error_data"].get_value()
    assert context["error_id"].get_value() == 0
    theirs_link = theirs("exceptions.SMB2SymbolicLinkErrorResponse", {})
    theirs_link.unpack(context["error_context_data"].get_value())
    assert theirs_link["unparsed_path_length"].get_value() == 10
    assert theirs_link["flags"].get_value() == 1
    assert theirs_link.get_substitute_name() == r"..\target"
    assert theirs_link.get_print_name() == "target"
    assert ErrorResponse.decode(frame(structure.pack())) == response


PAYLOADS: list[tuple[Structure, str, dict[str, Any]]] = [
    (
        ValidateNegotiateInfoRequest(
            GlobalCapabilities(0x7F & ~0x20), GUID, SecurityMode(1), [0x0300]
        ),
        "ioctl.SMB2ValidateNegotiateInfoRequest",
        {"capabilities": 0x5F, "guid": UUID, "security_mode": 1, "dialects": [0x0300]},
    ),
    (
        ValidateNegotiateInfoResponse(GlobalCapabilities(0x2F), GUID, SecurityMode(3), 0x0302),
        "ioctl.SMB2ValidateNegotiateInfoResponse",
        {"capabilities": 0x2F, "guid": UUID, "security_mode": 3, "dialect": 0x0302},
    ),
    (
        SrvCopychunkResponse(1, 2, 3),
        "ioctl.SMB2SrvCopyChunkResponse",
        {"chunks_written": 1, "chunk_bytes_written": 2, "total_bytes_written": 3},
    ),
    (
        SrvRequestResumeKeyResponse(KEY),
        "ioctl.SMB2SrvRequestResumeKey",
        {"resume_key": KEY},
    ),
    (
        NetworkResiliencyRequest(30000),
        "ioctl.SMB2SrvNetworkResiliencyRequest",
        {"timeout": 30000},
    ),
    (
        StandardInformation(4096, 98, 1, False, True),
        "file_info.FileStandardInformation",
        {
            "allocation_size": 4096,
            "end_of_file": 98,
            "number_of_links": 1,
            "delete_pending": False,
            "directory": True,
        },
    ),
    (
        BasicInformation(FILETIME, FILETIME, FILETIME, FILETIME, 0x20),
        "file_info.FileBasicInformation",
        {**dict.fromkeys(TIMES, FILETIME), "file_attributes": 0x20},
    ),
    (InternalInformation(7), "file_info.FileInternalInformation", {"index_number": 7}),
    (EndOfFileInformation(9), "file_info.FileEndOfFileInformation", {"end_of_file": 9}),
    (
        DispositionInformation(True),
        "file_info.FileDispositionInformation",
        {"delete_pending": True},
    ),
    (
        AttributeTagInformation(0x400, 0xA000000C),
        "file_info.FileAttributeTagInformation",
        {"file_attributes": 0x400, "reparse_tag": 0xA000000C},
    ),
    (NameInformation("name"), "file_info.FileNameInformation", {"file_name": "name"}),
    (
        RenameInformation("new-name", True),
        "file_info.FileRenameInformation",
        {"replace_if_exists": True, "file_name": "new-name"},
    ),
    (
        LinkInformation("new-name", False),
        "file_info.FileLinkInformation",
        {"replace_if_exists": False, "file_name": "new-name"},
    ),
    (
        FsFullSizeInformation(1000, 500, 600, 8, 512),
        "file_info.FileFsFullSizeInformation",
        {
            "total_allocation_units": 1000,
            "caller_available_units": 500,
            "actual_available_units": 600,
            "sectors_per_unit": 8,
            "bytes_per_sector": 512,
        },
    ),
    (
        FsVolumeInformation(FILETIME, 7, "label"),
        "file_info.FileFsVolumeInformation",
        {"volume_creation_time": MOMENT, "volume_serial_number": 7, "volume_label": "label"},
    ),
    (
        FsObjectIdInformation(GUID, bytes(48)),
        "file_info.FileFsObjectIdInformation",
        {"object_id": UUID, "extended_info": bytes(48)},
    ),
]


@pytest.mark.parametrize(
    ("ours", "name", "values"), PAYLOADS, ids=[name for _, name, _ in PAYLOADS]
)
def test_payloads(ours: Structure, name: str, values: dict[str, Any]) -> None:
    check(ours.encode(), name, values)
    assert type(ours).decode(theirs(name, values).pack()) == ours


def test_copychunk() -> None:
    copy = SrvCopychunkCopy(KEY, [SrvCopychunk(1, 2, 3), SrvCopychunk(4, 5, 6)])
    structure = theirs("ioctl.SMB2SrvCopyChunkCopy", {})
    structure.unpack(copy.encode())
    assert structure["source_key"].get_value() == KEY
    assert [chunk["target_offset"].get_value() for chunk in structure["chunks"].get_value()] == [
        2,
        5,
    ]
    assert SrvCopychunkCopy.decode(structure.pack()) == copy


def test_all_information() -> None:
    structure = theirs("file_info.FileAllInformation", {})
    wire = bytes(32) + b"\x20\0\0\0" + bytes(60) + b"\x04\0\0\0a\0b\0"
    structure.unpack(wire)
    ours = AllInformation.decode(wire)
    assert ours.name_information.file_name == "ab"
    assert structure["name_information"].get_value()["file_name"].get_value() == "ab"
    assert ours.basic_information.file_attributes == 0x20
    assert ours.encode() == wire


ENTRY = DirectoryEntry(
    "naïve.text",
    3,
    FILETIME,
    FILETIME,
    FILETIME,
    FILETIME,
    98,
    4096,
    0x20,
    12,
    0,
    "NAVE~1.TEX",
    0x99,
)


@pytest.mark.parametrize("information_class", [1, 2, 3, 12, 37, 38])
def test_directory_entries(information_class: int) -> None:
    request = importlib.import_module("smbprotocol.open").SMB2QueryDirectoryRequest
    wire = encode_chain([encode_entry(information_class, ENTRY)] * 3, 8)
    found = request.unpack_response(information_class, wire)
    assert len(found) == 3
    for structure in found:
        assert structure["file_name"].get_value() == "naïve.text".encode("utf-16-le")
        if information_class != 12:
            assert structure["creation_time"].get_value() == MOMENT
            assert structure["allocation_size"].get_value() == 4096
            assert structure["end_of_file"].get_value() == 98
        if information_class in (3, 37):
            assert structure["short_name"].get_value() == "NAVE~1.TEX".encode("utf-16-le")
        if information_class in (37, 38):
            assert structure["file_id"].get_value() == 0x99
    assert (
        decode_entries(information_class, found[-1].pack())
        == decode_entries(information_class, wire)[-1:]
    )


def test_streams() -> None:
    streams = [StreamInformation("::$DATA", 98, 4096)]
    structure = theirs("file_info.FileStreamInformation", {})
    structure.unpack(encode_streams(streams))
    assert structure["stream_name"].get_value() == "::$DATA"
    assert structure["stream_allocation_size"].get_value() == 4096
    assert decode_streams(structure.pack()) == streams


def test_extended_attributes() -> None:
    module = importlib.import_module("smbprotocol.create_contexts")
    values = [(b"AUTHOR", b"somebody"), (b"B", b"x")]
    structures = [
        theirs("create_contexts.SMB2CreateEABuffer", {"ea_name": name + b"\0", "ea_value": value})
        for name, value in values
    ]
    wire = module.SMB2CreateEABuffer.pack_multiple(structures)
    attributes = [FullEaInformation(name, value) for name, value in values]
    assert decode_full_eas(wire) == attributes
    assert encode_full_eas(attributes) == wire


def test_notifications() -> None:
    structure = theirs("change_notify.FileNotifyInformation", {"action": 1, "file_name": "new"})
    (change,) = decode_notifications(structure.pack())
    assert (change.action, change.file_name) == (1, "new")
    assert change.encode() == structure.pack()


def test_numbers_of_information_classes() -> None:
    names = importlib.import_module("smbprotocol.file_info").FileInformationClass
    numbers = {
        name.replace("_", "").lower(): value
        for name, value in vars(names).items()
        if name.startswith("FILE_")
    }
    ours = {member.name.lower(): int(member) for member in FileInformationClass}
    common = ours.keys() & numbers.keys()
    assert len(common) > 25
    assert {name: ours[name] for name in common} == {name: numbers[name] for name in common}
