"""Wireshark's dissector reads the exchanges that we write."""

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.change_notify import ChangeNotifyResponse
from smbquic.wire.close import CloseRequest, CloseResponse
from smbquic.wire.create import CreateRequest, CreateResponse
from smbquic.wire.error import ErrorContext, ErrorResponse
from smbquic.wire.header import Header, HeaderFlags
from smbquic.wire.ioctl import IoctlRequest, IoctlResponse
from smbquic.wire.lock import LockRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment, LeaseBreakNotification
from smbquic.wire.query_directory import QueryDirectoryResponse
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_connect import TreeConnectRequest
from smbquic.wire.write import WriteRequest, WriteResponse
from tests.unit.wire.exchanges import EXCHANGES, FILE_ID, GUID


class Capture:
    """A capture file with one TCP connection to port 445."""

    def __init__(self) -> None:
        self._packets = [b"\xd4\xc3\xb2\xa1\x02\0\x04\0" + bytes(8) + b"\xff\xff\0\0\x65\0\0\0"]
        self._sequence = {True: 1, False: 1}

    def add(self, message: bytes, *, from_server: bool) -> None:
        """One SMB message, with its Direct-TCP prefix, as one segment."""
        payload = len(message).to_bytes(4, "big") + message
        ports = (445, 50000) if from_server else (50000, 445)
        tcp = (
            b"".join(port.to_bytes(2, "big") for port in ports)
            + self._sequence[from_server].to_bytes(4, "big")
            + self._sequence[not from_server].to_bytes(4, "big")
            + b"\x50\x18\xff\xff\0\0\0\0"
        )
        self._sequence[from_server] += len(payload)
        total = (20 + len(tcp) + len(payload)).to_bytes(2, "big")
        addresses = [bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])]
        if from_server:
            addresses.reverse()
        ip = b"\x45\0" + total + b"\0\0\x40\0\x40\x06\0\0" + b"".join(addresses)
        packet = ip + tcp + payload
        size = len(packet).to_bytes(4, "little")
        self._packets.append(bytes(8) + size + size + packet)

    def write(self, path: Path) -> None:
        path.write_bytes(b"".join(self._packets))


def framed(body: Message, number: int, *, from_server: bool, status: int = 0) -> bytes:
    header = Header(
        body.command,
        number,
        1,
        status,
        32,
        int(HeaderFlags.SERVER_TO_REDIR) if from_server else 0,
        tree_id=5,
        session_id=0x40000000011,
    )
    return header.encode() + body.encode()


Fields = dict[str, list[str]]


def flatten(layer: Any, found: Fields) -> Fields:
    """All fields of a packet, however deep Wireshark puts them."""
    for key, value in layer.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                found[key].append("")
                flatten(item, found)
            else:
                found[key].append(item)
    return found


@pytest.fixture(scope="module")
def dissect(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Capture], list[Fields]]:
    """Return the fields that tshark finds in each packet of a capture."""

    def run(capture: Capture) -> list[Fields]:
        path = tmp_path_factory.mktemp("tshark") / "smb.pcap"
        capture.write(path)
        output = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-T", "json", "--no-duplicate-keys"],
            check=True,
            capture_output=True,
        ).stdout
        return [
            flatten(packet["_source"]["layers"], defaultdict(list)) for packet in json.loads(output)
        ]

    return run


@pytest.fixture(scope="module")
def packets(dissect: Callable[[Capture], list[Fields]]) -> list[Fields]:
    """All exchanges, a request and its response after the other."""
    capture = Capture()
    for number, (request, response) in enumerate(EXCHANGES):
        capture.add(framed(request, number, from_server=False), from_server=False)
        capture.add(framed(response, number, from_server=True), from_server=True)
    return dissect(capture)


pytestmark = pytest.mark.debian("tshark")


def test_every_packet_is_smb2_and_well_formed(packets: list[Fields]) -> None:
    commands = [body.command for exchange in EXCHANGES for body in exchange]
    assert [int(packet["smb2.cmd"][0]) for packet in packets] == commands
    wrong = [key for packet in packets for key in packet if "malformed" in key or "expert" in key]
    assert wrong == []


MOMENT = "Jul 16, 2021 07:42:53.634690000 UTC"
GUID_TEXT = "03020100-0504-0706-0809-0a0b0c0d0e0f"
TIMES = {
    "smb2.create.time": [MOMENT],
    "smb2.last_access.time": [MOMENT],
    "smb2.last_write.time": [MOMENT],
    "smb2.last_change.time": [MOMENT],
}

# Of the first packet with that body, or of the later one that is named.
EXPECTED: list[tuple[type[Message], int, Fields]] = [
    (
        NegotiateRequest,
        0,
        {
            "smb2.dialect": ["0x0202", "0x0210", "0x0300", "0x0302", "0x0311"],
            "smb2.sec_mode": ["0x01"],
            "smb2.capabilities": ["0x0000007f"],
            "smb2.client_guid": [GUID_TEXT],
            "smb2.negotiate_context.offset": ["0x00000070"],
            "smb2.negotiate_context.type": [
                *("0x0001", "0x0002", "0x0003", "0x0005", "0x0006", "0x0008")
            ],
            "smb2.negotiate_context.cipher_id": ["0x0002", "0x0001", "0x0004", "0x0003"],
            "smb2.negotiate_context.comp_alg_id": ["0x0004", "0x0002"],
            "smb2.negotiate_context.comp_alg_flags.chained": ["1"],
            "smb2.negotiate_context.netname": ["fs.example"],
            "smb2.negotiate_context.transport_flags": ["0x00000001"],
            "smb2.negotiate_context.signing_id": ["0x0002", "0x0001", "0x0000"],
        },
    ),
    (
        NegotiateResponse,
        0,
        {
            "smb2.dialect": ["0x0311"],
            "smb2.max_read_size": ["8388608"],
            "smb2.current_time": [MOMENT],
            "smb2.negotiate_context.count": ["4"],
            "smb2.negotiate_context.cipher_id": ["0x0002"],
        },
    ),
    (TreeConnectRequest, 0, {"smb2.tree": [r"\\fs.example\data"]}),
    (
        CreateRequest,
        0,
        {
            "smb2.filename": ["naïve.text"],
            "smb.access_mask": ["0x0012019f"],
            "smb.share_access": ["0x00000007"],
            "smb2.create.disposition": ["1"],
            "smb.create_options": ["0x00000040"],
            "smb2.tag": ["MxAc", "QFid", "AlSi", "RqLs", "DH2Q"],
            "smb2.lease.lease_key": [GUID_TEXT],
            "smb2.lease.lease_state": ["0x00000007"],
            "smb2.allocation_size": ["4096"],
            "smb2.dh2x.timeout": ["60000"],
            "smb2.dh2x.create_guid": [GUID_TEXT],
        },
    ),
    (
        CreateResponse,
        0,
        {
            **TIMES,
            "smb2.fid": ["00000011-0000-0000-2200-000000000000"],
            "smb2.create.action": ["1"],
            "smb2.eof": ["98"],
            "smb2.file_attribute": ["0x00000020"],
            "smb2.tag": ["MxAc", "QFid", "RqLs", "DH2Q"],
            "smb.access_mask": ["0x001f01ff"],
        },
    ),
    (ReadRequest, 0, {"smb2.read_length": ["98"], "smb2.file_offset": ["0"]}),
    (ReadResponse, 0, {"smb2.olb.offset": ["0x00000050"], "smb2.olb.length": ["98"]}),
    (WriteRequest, 0, {"smb2.write_length": ["200"], "smb2.file_offset": ["98"]}),
    (WriteResponse, 0, {"smb2.write.count": ["200"]}),
    (
        LockRequest,
        0,
        {"smb2.lock_count": ["1"], "smb2.lock_length": ["10"], "smb2.lock_flags": ["0x00000012"]},
    ),
    *(
        (
            QueryDirectoryResponse,
            index,
            {**dict.fromkeys(TIMES, [MOMENT] * 2), "smb2.eof": ["98"] * 2},
        )
        for index in (0, 1, 2, 4, 5)
    ),
    (QueryDirectoryResponse, 4, {"smb2.file_id": ["0x0000000000000099"] * 2}),
    (
        QueryInfoResponse,
        0,
        {**TIMES, "smb2.filename": ["\\naïve.text"], "smb2.eof": ["98"], "smb2.nlinks": ["1"]},
    ),
    (
        QueryInfoResponse,
        1,
        {"smb.stream_name": ["::$DATA"], "smb.stream_size": ["98"], "smb.alloc_size64": ["4096"]},
    ),
    (
        QueryInfoResponse,
        2,
        {"smb.volume.serial": ["0xdeadbeef"], "smb.volume.label": ["label"]},
    ),
    (
        QueryInfoResponse,
        3,
        {
            "smb.fs_attr": ["0x00040006"],
            "smb.fs_max_name_len": ["255"],
            "smb.fs_name": ["NTFS"],
        },
    ),
    (
        QueryInfoResponse,
        4,
        {
            "smb.caller_free_alloc_units": ["500"],
            "smb.actual_free_alloc_units": ["600"],
            "smb.fs_bytes_per_sector": ["512"],
        },
    ),
    (
        QueryInfoResponse,
        5,
        {
            "nt.sid": ["S-1-5-32-544", "S-1-5-32-545", "S-1-1-0"],
            "nt.acl.num_aces": ["1"],
            "nt.access_mask": ["0x001f01ff"],
        },
    ),
    (SetInfoRequest, 0, {"smb2.filename": ["new name"], "smb2.rename.replace_if": ["1"]}),
    (
        IoctlRequest,
        0,
        {"smb2.dialect": ["0x0300", "0x0302"], "smb2.ioctl.function": ["0x00140204"]},
    ),
    (IoctlResponse, 0, {"smb2.dialect": ["0x0302"], "smb2.server_guid": [GUID_TEXT]}),
    (IoctlRequest, 1, {"smb2.fsctl.cchunk.xfer_len": ["98"]}),
    (IoctlResponse, 1, {"smb2.fsctl.cchunk.total_written": ["98"]}),
    (
        ChangeNotifyResponse,
        0,
        {
            "smb2.notify.action": ["0x00000001", "0x00000002"],
            "smb2.filename": ["added", "gone"],
        },
    ),
    (LeaseBreakAcknowledgment, 0, {"smb2.lease.lease_state": ["0x00000001"]}),
    (CloseResponse, 0, {**TIMES, "smb2.allocation_size": ["4096"], "smb2.eof": ["98"]}),
]


@pytest.mark.parametrize(
    ("body", "index", "expected"),
    EXPECTED,
    ids=[f"{body.__name__}-{index}" for body, index, _ in EXPECTED],
)
def test_fields(body: type[Message], index: int, expected: Fields, packets: list[Fields]) -> None:
    sent = [body for exchange in EXCHANGES for body in exchange]
    same = [packet for packet, one in zip(packets, sent, strict=True) if type(one) is body]
    assert {key: same[index][key] for key in expected} == expected


def test_unsolicited_break_and_errors(dissect: Callable[[Capture], list[Fields]]) -> None:
    capture = Capture()
    broken = LeaseBreakNotification(2, 1, GUID, 7, 1)
    capture.add(framed(broken, 2**64 - 1, from_server=True), from_server=True)
    capture.add(framed(CloseRequest(FILE_ID), 7, from_server=False), from_server=False)
    refusal = ErrorResponse.of_contexts([ErrorContext(0, b"\x04\x01\0\0")])
    for error in (ErrorResponse(), refusal):
        refused = Header(
            CloseRequest.command,
            7,
            status=NtStatus.FILE_CLOSED,
            flags=int(HeaderFlags.SERVER_TO_REDIR),
        )
        capture.add(refused.encode() + error.encode(), from_server=True)
    notification, _, plain, with_context = dissect(capture)
    assert notification["smb2.lease.lease_state"] == ["0x00000007", "0x00000001"]
    assert notification["smb2.lease.lease_oplock"] == ["0x0002"]
    assert plain["smb2.nt_status"] == ["0xc0000128"]
    assert plain["smb2.error.byte_count"] == ["0"]
    assert with_context["smb2.error.context_count"] == ["1"]
    assert with_context["smb2.error.byte_count"] == ["12"]
    for packet in (notification, plain, with_context):
        assert [key for key in packet if "malformed" in key] == []
