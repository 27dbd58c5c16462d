"""impacket reads the messages that we write, and we read those that it writes."""

from collections.abc import Callable
from typing import Any

import pytest

from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateResponse
from smbquic.wire.flush import FlushRequest
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    OplockBreakNotification,
)
from smbquic.wire.query_info import QueryInfoRequest
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import SessionFlags, SessionSetupResponse
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_connect import ShareCapabilities, ShareFlags, TreeConnectResponse
from smbquic.wire.write import WriteRequest, WriteResponse
from tests.unit.wire.impacket_structures import ATTRIBUTES, FILE_ID, GUID, TIMES, read, theirs

MESSAGES: list[tuple[Message, str, dict[str, Any]]] = [
    (
        SessionSetupResponse(SessionFlags.IS_GUEST, b"token"),
        "SMB2SessionSetup_Response",
        {
            "SessionFlags": 1,
            "SecurityBufferOffset": 72,
            "SecurityBufferLength": 5,
            "Buffer": b"token",
        },
    ),
    (
        TreeConnectResponse(2, ShareFlags(0x30), ShareCapabilities(0x10), 0x1F01FF),
        "SMB2TreeConnect_Response",
        {"ShareType": 2, "ShareFlags": 0x30, "Capabilities": 0x10, "MaximalAccess": 0x1F01FF},
    ),
    (
        CreateResponse(9, 1, 2, 1, 2, 3, 4, 4096, 98, 0x20, FILE_ID),
        "SMB2Create_Response",
        {
            "OplockLevel": 9,
            "Flags": 1,
            "CreateAction": 2,
            **TIMES,
            "AllocationSize": 4096,
            "EndOfFile": 98,
            "FileAttributes": 0x20,
            "FileID": FILE_ID,
            "CreateContextsLength": 0,
        },
    ),
    (CloseRequest(FILE_ID, flags=1), "SMB2Close", {"Flags": 1, "FileID": FILE_ID}),
    (
        CloseResponse(1, 1, 2, 3, 4, 4096, 98, 0x20),
        "SMB2Close_Response",
        {"Flags": 1, **ATTRIBUTES},
    ),
    (FlushRequest(FILE_ID), "SMB2Flush", {"FileID": FILE_ID}),
    (
        ReadRequest(98, 1 << 33, FILE_ID, minimum_count=7, padding=80, remaining_bytes=3),
        "SMB2Read",
        {
            "Padding": 80,
            "Length": 98,
            "Offset": 1 << 33,
            "FileID": FILE_ID,
            "MinimumCount": 7,
            "RemainingBytes": 3,
        },
    ),
    (
        ReadResponse(b"data", data_remaining=5),
        "SMB2Read_Response",
        {"DataOffset": 80, "DataLength": 4, "DataRemaining": 5, "Buffer": b"data"},
    ),
    (
        WriteRequest(1 << 33, FILE_ID, b"data", flags=1),
        "SMB2Write",
        {
            "DataOffset": 112,
            "Length": 4,
            "Offset": 1 << 33,
            "FileID": FILE_ID,
            "Flags": 1,
            "Buffer": b"data",
        },
    ),
    (WriteResponse(65536), "SMB2Write_Response", {"Count": 65536}),
    (
        OplockBreakNotification(1, FILE_ID),
        "SMB2OplockBreakNotification",
        {"OplockLevel": 1, "FileID": FILE_ID},
    ),
    (
        LeaseBreakNotification(5, 1, GUID, 7, 3),
        "SMB2LeaseBreakNotification",
        {
            "NewEpoch": 5,
            "Flags": 1,
            "LeaseKey": GUID,
            "CurrentLeaseState": 7,
            "NewLeaseState": 3,
        },
    ),
    (
        LeaseBreakAcknowledgment(GUID, 3),
        "SMB2LeaseBreakAcknowledgement",
        {"LeaseKey": GUID, "LeaseState": 3},
    ),
    (
        LockRequest(0x21, FILE_ID, [LockElement(1, 2, 0x12)]),
        "SMB2Lock",
        {
            "LockCount": 1,
            "LockSequence": 0x21,
            "FileID": FILE_ID,
            "Locks": (1).to_bytes(8, "little")
            + (2).to_bytes(8, "little")
            + (0x12).to_bytes(8, "little"),
        },
    ),
    (
        ChangeNotifyRequest(1, 4096, FILE_ID, 0x17),
        "SMB2ChangeNotify",
        {"Flags": 1, "OutputBufferLength": 4096, "FileID": FILE_ID, "CompletionFilter": 0x17},
    ),
    (
        QueryInfoRequest(
            1, 15, 1024, FILE_ID, additional_information=7, flags=1, input_buffer=b"names"
        ),
        "SMB2QueryInfo",
        {
            "InfoType": 1,
            "FileInfoClass": 15,
            "OutputBufferLength": 1024,
            "InputBufferOffset": 104,
            "InputBufferLength": 5,
            "AdditionalInformation": 7,
            "Flags": 1,
            "FileID": FILE_ID,
            "Buffer": b"names",
        },
    ),
    (
        SetInfoRequest(1, 20, FILE_ID, b"12345678", additional_information=4),
        "SMB2SetInfo",
        {
            "InfoType": 1,
            "FileInfoClass": 20,
            "BufferLength": 8,
            "BufferOffset": 96,
            "AdditionalInformation": 4,
            "FileID": FILE_ID,
            "Buffer": b"12345678",
        },
    ),
]


@pytest.mark.parametrize(
    ("ours", "name", "values"), MESSAGES, ids=[name for _, name, _ in MESSAGES]
)
def test_messages(
    ours: Message, name: str, values: dict[str, Any], frame: Callable[[bytes], memoryview]
) -> None:
    name = f"smb3structs.{name}"
    assert read(ours.encode(), name, values) == values
    structure = theirs(name, values)
    structure["AlignPad"] = b""
    if "Buffer" not in values:
        structure["Buffer"] = b""
    assert type(ours).decode(frame(structure.getData())) == ours
