from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.change_notify import ChangeNotifyResponse
from smbquic.wire.create import CreateResponse
from smbquic.wire.error import ErrorResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.message import Message
from smbquic.wire.messages import REQUESTS, RESPONSES, decode_request, decode_response
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    OplockBreakNotification,
)
from smbquic.wire.query_directory import QueryDirectoryResponse
from smbquic.wire.query_info import QueryInfoResponse
from smbquic.wire.read import ReadRequest, ReadResponse
from smbquic.wire.session_setup import SessionFlags, SessionSetupResponse
from smbquic.wire.tree_connect import TreeConnectRequest


def response(command: int, status: int, body: Message, message_id: int = 5) -> memoryview:
    header = Header(command, message_id, status=status, flags=HeaderFlags.SERVER_TO_REDIR)
    return memoryview(header.encode() + body.encode())


def test_every_command_has_its_bodies() -> None:
    only_from_servers = {Command.SERVER_TO_CLIENT_NOTIFICATION}
    assert set(REQUESTS) == set(Command) - only_from_servers
    assert set(RESPONSES) == set(Command) - {Command.CANCEL}
    for bodies in (REQUESTS, RESPONSES):
        assert all(body.command == command for command, body in bodies.items())


def test_request() -> None:
    message = memoryview(bytes(64) + TreeConnectRequest(r"\\a\b").encode())
    assert decode_request(Command.TREE_CONNECT, message) == TreeConnectRequest(r"\\a\b")


def test_lease_break_acknowledgment() -> None:
    acknowledgment = LeaseBreakAcknowledgment(bytes(16), 1)
    message = memoryview(bytes(64) + acknowledgment.encode())
    assert decode_request(Command.OPLOCK_BREAK, message) == acknowledgment


@pytest.mark.parametrize("command", [Command.SERVER_TO_CLIENT_NOTIFICATION, 0x14, 0xFFFF])
def test_no_such_request(command: int) -> None:
    with pytest.raises(WireError, match=hex(command)):
        decode_request(command, memoryview(bytes(100)))


@pytest.mark.parametrize("command", [Command.CANCEL, 0x14])
def test_no_such_response(command: int) -> None:
    with pytest.raises(WireError, match=hex(command)):
        decode_response(command, memoryview(bytes(100)))


@pytest.mark.parametrize(
    ("command", "status", "body"),
    [
        (Command.READ, NtStatus.SUCCESS, ReadResponse(b"data")),
        (Command.READ, NtStatus.BUFFER_OVERFLOW, ReadResponse(b"data")),
        (Command.QUERY_INFO, NtStatus.SUCCESS, QueryInfoResponse(b"data")),
        (Command.QUERY_INFO, NtStatus.BUFFER_OVERFLOW, QueryInfoResponse(b"data")),
        (Command.QUERY_DIRECTORY, NtStatus.BUFFER_OVERFLOW, QueryDirectoryResponse(b"data")),
        (
            Command.SESSION_SETUP,
            NtStatus.MORE_PROCESSING_REQUIRED,
            SessionSetupResponse(SessionFlags(0), b"token"),
        ),
        (Command.CHANGE_NOTIFY, NtStatus.NOTIFY_ENUM_DIR, ChangeNotifyResponse()),
        (Command.IOCTL, NtStatus.BUFFER_OVERFLOW, IoctlResponse(1, FileId(1, 2), output=b"x")),
        (Command.IOCTL, NtStatus.INVALID_PARAMETER, IoctlResponse(1, FileId(1, 2), output=b"x")),
    ],
)
def test_response(command: Command, status: NtStatus, body: Message) -> None:
    assert decode_response(command, response(command, status, body)) == body


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (Command.READ, NtStatus.PENDING),
        (Command.READ, NtStatus.END_OF_FILE),
        (Command.IOCTL, NtStatus.INVALID_PARAMETER),
        (Command.CHANGE_NOTIFY, NtStatus.PENDING),
        (Command.CHANGE_NOTIFY, NtStatus.NOTIFY_CLEANUP),
        (Command.QUERY_INFO, NtStatus.INFO_LENGTH_MISMATCH),
        (Command.QUERY_DIRECTORY, NtStatus.NO_MORE_FILES),
        (Command.SESSION_SETUP, NtStatus.LOGON_FAILURE),
        (0x77, NtStatus.INVALID_PARAMETER),
    ],
)
def test_error_response(command: int, status: NtStatus) -> None:
    error = ErrorResponse(b"why")
    assert decode_response(command, response(command, status, error)) == error


@pytest.mark.parametrize(
    "body",
    [
        OplockBreakNotification(1, FileId(1, 2)),
        LeaseBreakNotification(1, 1, bytes(16), 7, 1),
    ],
)
def test_unsolicited_breaks(body: Message) -> None:
    message = response(Command.OPLOCK_BREAK, 0, body, 0xFFFFFFFFFFFFFFFF)
    assert decode_response(Command.OPLOCK_BREAK, message) == body


def test_error_without_body() -> None:
    header = Header(Command.READ, status=NtStatus.ACCESS_DENIED)
    with pytest.raises(WireError):
        decode_response(Command.READ, memoryview(header.encode()))


def test_error_with_another_body() -> None:
    message = response(Command.CREATE, NtStatus.ACCESS_DENIED, ReadRequest(1, 2, FileId(1, 2)))
    with pytest.raises(WireError, match=CreateResponse.__name__):
        decode_response(Command.CREATE, message)


@pytest.mark.parametrize("decode", [decode_request, decode_response])
@given(command=st.integers(0, 0x20), message=st.binary(max_size=200))
def test_any_bytes(
    decode: Callable[[int, memoryview], Message], command: int, message: bytes
) -> None:
    try:
        body = decode(command, memoryview(message))
    except WireError:
        return
    assert isinstance(body, Message)
