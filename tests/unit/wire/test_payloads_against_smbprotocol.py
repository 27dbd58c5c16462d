"""Create contexts, payloads and structures of files against those of smbprotocol."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

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
from smbquic.wire.error import ErrorContext, ErrorResponse, SymbolicLinkErrorResponse, SymlinkFlags
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
from smbquic.wire.ioctl import (
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
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.negotiate import (
    GlobalCapabilities,
    SecurityMode,
)
from tests.unit.wire.smbprotocol_structures import (
    FILE_ID,
    FILE_ID_BYTES,
    FILETIME,
    GUID,
    KEY,
    MOMENT,
    TIMES,
    UUID,
    check,
    theirs,
)
from tests.unit.wire.structures import ContextPayload, Structure

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
