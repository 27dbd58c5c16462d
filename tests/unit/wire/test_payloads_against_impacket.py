"""impacket reads the structures of files and folders that we write, and we read its own."""

import importlib
from typing import Any

import pytest

from smbquic.wire.create_contexts import (
    AllocationSize,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleResponseV2,
    LeaseV1,
    LeaseV2,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    TimewarpToken,
)
from smbquic.wire.dtyp.acl import Ace, Acl, OtherAce
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, BUILTIN_USERS, EVERYONE, Sid
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, decode_entries, encode_entry
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    AlignmentInformation,
    AttributeTagInformation,
    BasicInformation,
    EaInformation,
    EndOfFileInformation,
    InternalInformation,
    ModeInformation,
    NameInformation,
    NetworkOpenInformation,
    PositionInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.filesystem_information import (
    FsDeviceInformation,
    FsFullSizeInformation,
    FsSizeInformation,
)
from smbquic.wire.fscc.notify_information import decode_notifications
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import ValidateNegotiateInfoResponse
from smbquic.wire.ioctl_payloads import NetworkResiliencyRequest, SrvCopychunkResponse
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.transform import TransformHeader
from tests.unit.wire.impacket_structures import FILE_ID, GUID, TIMES, read, theirs
from tests.unit.wire.structures import Structure

STRUCTURES: list[tuple[Structure, str, dict[str, Any]]] = [
    (
        Header(
            Command.READ,
            7,
            2,
            0xC0000011,
            31,
            int(HeaderFlags.SERVER_TO_REDIR),
            128,
            5,
            0,
            0x4000000,
            GUID,
        ),
        "smb3structs.SMB2Packet",
        {
            "CreditCharge": 2,
            "Status": 0xC0000011,
            "Command": 8,
            "CreditRequestResponse": 31,
            "Flags": 1,
            "NextCommand": 128,
            "MessageID": 7,
            "TreeID": 5,
            "SessionID": 0x4000000,
            "Signature": GUID,
        },
    ),
    (
        TransformHeader(0x99, b"123456789012\0\0\0\0", 104, 1, GUID),
        "smb3structs.SMB2_TRANSFORM_HEADER",
        {
            "Signature": GUID,
            "Nonce": b"123456789012\0\0\0\0",
            "OriginalMessageSize": 104,
            "EncryptionAlgorithm": 1,
            "SessionID": 0x99,
        },
    ),
    (
        QueryMaximalAccessRequest(5),
        "smb3structs.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST",
        {"Timestamp": 5},
    ),
    (
        QueryMaximalAccessResponse(0xC0000022, 7),
        "smb3structs.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE",
        {"QueryStatus": 0xC0000022, "MaximalAccess": 7},
    ),
    (AllocationSize(9), "smb3structs.SMB2_CREATE_ALLOCATION_SIZE", {"AllocationSize": 9}),
    (TimewarpToken(9), "smb3structs.SMB2_CREATE_TIMEWARP_TOKEN", {"Timestamp": 9}),
    (
        LeaseV1(GUID, 7, 2),
        "smb3structs.SMB2_CREATE_REQUEST_LEASE",
        {"LeaseKey": GUID, "LeaseState": 7, "LeaseFlags": 2},
    ),
    (
        LeaseV2(GUID, 7, 4, GUID[::-1], 3),
        "smb3structs.SMB2_CREATE_REQUEST_LEASE_V2",
        {
            "LeaseKey": GUID,
            "LeaseState": 7,
            "Flags": 4,
            "ParentLeaseKey": GUID[::-1],
            "Epoch": 3,
        },
    ),
    (
        DurableHandleReconnect(FILE_ID),
        "smb3structs.SMB2_CREATE_DURABLE_HANDLE_RECONNECT",
        {"Data": FILE_ID},
    ),
    (
        DurableHandleResponseV2(60000, 2),
        "smb3structs.SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2",
        {"Timeout": 60000, "Flags": 2},
    ),
    (
        DurableHandleReconnectV2(FILE_ID, GUID, 2),
        "smb3structs.SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2",
        {"FileID": FILE_ID, "CreateGuid": GUID, "Flags": 2},
    ),
    (
        SrvCopychunkResponse(1, 2, 3),
        "smb3structs.SRV_COPYCHUNK_RESPONSE",
        {"ChunksWritten": 1, "ChunkBytesWritten": 2, "TotalBytesWritten": 3},
    ),
    (
        NetworkResiliencyRequest(30000),
        "smb3structs.NETWORK_RESILIENCY_REQUEST",
        {"Timeout": 30000},
    ),
    (
        ValidateNegotiateInfoResponse(GlobalCapabilities(0x2F), GUID, SecurityMode(3), 0x0302),
        "smb3structs.VALIDATE_NEGOTIATE_INFO_RESPONSE",
        {"Capabilities": 0x2F, "Guid": GUID, "SecurityMode": 3, "Dialect": 0x0302},
    ),
    (
        BasicInformation(1, -1, -2, 4, 0x20),
        "smb3structs.FILE_BASIC_INFORMATION",
        {
            "CreationTime": 1,
            "LastAccessTime": -1,
            "LastWriteTime": -2,
            "ChangeTime": 4,
            "FileAttributes": 0x20,
        },
    ),
    (
        StandardInformation(4096, 98, 1, True, False),
        "smb3structs.FILE_STANDARD_INFORMATION",
        {
            "AllocationSize": 4096,
            "EndOfFile": 98,
            "NumberOfLinks": 1,
            "DeletePending": 1,
            "Directory": 0,
        },
    ),
    (InternalInformation(7), "smb3structs.FILE_INTERNAL_INFORMATION", {"IndexNumber": 7}),
    (EaInformation(7), "smb3structs.FILE_EA_INFORMATION", {"EaSize": 7}),
    (AccessInformation(7), "smb3structs.FILE_ACCESS_INFORMATION", {"AccessFlags": 7}),
    (PositionInformation(7), "smb3structs.FILE_POSITION_INFORMATION", {"CurrentByteOffset": 7}),
    (ModeInformation(7), "smb3structs.FILE_MODE_INFORMATION", {"Mode": 7}),
    (
        AlignmentInformation(7),
        "smb3structs.FILE_ALIGNMENT_INFORMATION",
        {"AlignmentRequirement": 7},
    ),
    (
        NameInformation("ab"),
        "smb3structs.FILE_NAME_INFORMATION",
        {"FileNameLength": 4, "FileName": b"a\0b\0"},
    ),
    (
        AttributeTagInformation(0x400, 0xA000000C),
        "smb3structs.FILE_ATTRIBUTE_TAG_INFORMATION",
        {"FileAttributes": 0x400, "ReparseTag": 0xA000000C},
    ),
    (
        RenameInformation("ab", True),
        "smb3structs.FILE_RENAME_INFORMATION_TYPE_2",
        {"ReplaceIfExists": 1, "FileNameLength": 4, "FileName": b"a\0b\0"},
    ),
    (
        NetworkOpenInformation(1, 2, 3, 4, 4096, 98, 0x20),
        "smb.SMBFileNetworkOpenInfo",
        {**TIMES, "AllocationSize": 4096, "EndOfFile": 98, "FileAttributes": 0x20},
    ),
    (EndOfFileInformation(98), "smb.SMBSetFileEndOfFileInfo", {"EndOfFile": 98}),
    (
        FsSizeInformation(1000, 500, 8, 512),
        "smb.FileFsSizeInformation",
        {
            "TotalAllocationUnits": 1000,
            "AvailableAllocationUnits": 500,
            "SectorsPerAllocationUnit": 8,
            "BytesPerSector": 512,
        },
    ),
    (
        FsFullSizeInformation(1000, 500, 600, 8, 512),
        "smb.SMBFileFsFullSizeInformation",
        {
            "TotalAllocationUnits": 1000,
            "CallerAvailableAllocationUnits": 500,
            "ActualAvailableAllocationUnits": 600,
            "SectorsPerAllocationUnit": 8,
            "BytesPerSector": 512,
        },
    ),
    (
        FsDeviceInformation(7, 0x20),
        "smb.SMBQueryFsDeviceInfo",
        {"DeviceType": 7, "DeviceCharacteristics": 0x20},
    ),
]


@pytest.mark.parametrize(
    ("ours", "name", "values"), STRUCTURES, ids=[name for _, name, _ in STRUCTURES]
)
def test_structures(ours: Structure, name: str, values: dict[str, Any]) -> None:
    assert read(ours.encode(), name, values) == values
    assert type(ours).decode(theirs(name, values).getData()) == ours


ENTRY = DirectoryEntry("naïve.text", 3, 1, 2, 3, 4, 98, 4096, 0x20, 12, 0, "NAVE~1.TEX", 0x99)


@pytest.mark.parametrize(
    ("information_class", "name"),
    [
        (1, "SMBFindFileDirectoryInfo"),
        (2, "SMBFindFileFullDirectoryInfo"),
        (3, "SMBFindFileBothDirectoryInfo"),
        (12, "SMBFindFileNamesInfo"),
        (37, "SMBFindFileIdBothDirectoryInfo"),
        (38, "SMBFindFileIdFullDirectoryInfo"),
    ],
)
def test_directory_entries(information_class: int, name: str) -> None:
    smb: Any = importlib.import_module("impacket.smb")
    wire = encode_chain([encode_entry(information_class, ENTRY)] * 2, 8)
    structure = getattr(smb, name)(smb.SMB.FLAGS2_UNICODE)
    structure.fromString(wire)
    size = structure["NextEntryOffset"]
    assert structure["FileName"].decode("utf-16-le") == "naïve.text"
    assert structure["FileIndex"] == 3
    if information_class != 12:
        assert structure["EndOfFile"] == 98
        assert structure["AllocationSize"] == 4096
    if information_class in (37, 38):
        assert structure["FileID"] == 0x99
    second = getattr(smb, name)(smb.SMB.FLAGS2_UNICODE)
    second.fromString(wire[size:])
    assert second["NextEntryOffset"] == 0
    assert decode_entries(information_class, wire[size:]) == decode_entries(
        information_class, encode_entry(information_class, ENTRY)
    )


def test_notifications() -> None:
    structure = theirs(
        "smb3structs.FILE_NOTIFY_INFORMATION",
        {"Action": 1, "FileNameLength": 6, "FileName": "new".encode("utf-16-le")},
    )
    (change,) = decode_notifications(structure.getData())
    assert (change.action, change.file_name) == (1, "new")


def test_security_descriptor() -> None:
    ldaptypes: Any = importlib.import_module("impacket.ldap.ldaptypes")
    aces: list[Ace | OtherAce] = [
        Ace(0, 3, 0x1F01FF, EVERYONE),
        Ace(1, 0, 2, BUILTIN_USERS),
    ]
    ours = SecurityDescriptor(BUILTIN_ADMINISTRATORS, BUILTIN_USERS, Acl(aces), control=0x8004)
    structure = ldaptypes.SR_SECURITY_DESCRIPTOR(ours.encode())
    assert structure["OwnerSid"].formatCanonical() == "S-1-5-32-544"
    assert structure["GroupSid"].formatCanonical() == "S-1-5-32-545"
    found = [
        Ace(
            ace["AceType"],
            ace["AceFlags"],
            ace["Ace"]["Mask"]["Mask"],
            Sid.parse(ace["Ace"]["Sid"].formatCanonical()),
        )
        for ace in structure["Dacl"].aces
    ]
    assert found == aces
    assert SecurityDescriptor.decode(structure.getData()) == ours
