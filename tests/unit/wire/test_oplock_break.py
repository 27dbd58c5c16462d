from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_contexts import LeaseState
from smbquic.wire.file_id import FileId
from smbquic.wire.header import Command, Header, HeaderFlags
from smbquic.wire.message import Message
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    NotifyBreakLeaseFlags,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
    OplockBreakResponse,
    decode_acknowledgment,
    decode_break,
)

Lay = Callable[..., bytes]
Frame = Callable[[bytes], memoryview]

KEY = bytes(range(16))
OPLOCK = (OplockLevel.OPLOCK_LEVEL_II, FileId(3, 4))
LEASE = (KEY, LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING)
NOTIFICATION = LeaseBreakNotification(
    5,
    NotifyBreakLeaseFlags.ACK_REQUIRED,
    KEY,
    LeaseState.READ_CACHING | LeaseState.WRITE_CACHING,
    LeaseState.READ_CACHING,
)
OplockBreak = type[OplockBreakNotification | OplockBreakAcknowledgment | OplockBreakResponse]
LeaseBreak = type[LeaseBreakAcknowledgment | LeaseBreakResponse]
OPLOCKS: list[OplockBreak] = [
    OplockBreakNotification,
    OplockBreakAcknowledgment,
    OplockBreakResponse,
]
LEASES: list[LeaseBreak] = [LeaseBreakAcknowledgment, LeaseBreakResponse]
MESSAGES: list[Message] = [
    *(cls(*OPLOCK) for cls in OPLOCKS),
    *(cls(*LEASE) for cls in LEASES),
    NOTIFICATION,
]
UNSOLICITED = Header(
    Command.OPLOCK_BREAK, 0xFFFFFFFFFFFFFFFF, flags=HeaderFlags.SERVER_TO_REDIR
).encode()
SOLICITED = Header(Command.OPLOCK_BREAK, 7, flags=HeaderFlags.SERVER_TO_REDIR).encode()


@pytest.mark.parametrize("cls", OPLOCKS)
def test_oplock_layout(cls: OplockBreak, lay: Lay, frame: Frame) -> None:
    body = lay((2, 24), (1, 1), (1, 0), (4, 0), (8, 3), (8, 4))
    message = cls(*OPLOCK)
    assert message.encode() == body
    assert cls.decode(frame(body)) == message
    assert message.command is Command.OPLOCK_BREAK


@pytest.mark.parametrize("cls", LEASES)
def test_lease_layout(cls: LeaseBreak, lay: Lay, frame: Frame) -> None:
    body = lay((2, 36), (2, 0), (4, 0), KEY, (4, 3), (8, 0))
    message = cls(*LEASE)
    assert message.encode() == body
    assert cls.decode(frame(body)) == message
    assert message.command is Command.OPLOCK_BREAK


def test_lease_notification_layout(lay: Lay, frame: Frame) -> None:
    body = lay((2, 44), (2, 5), (4, 1), KEY, (4, 5), (4, 1), (4, 0), (4, 0), (4, 0))
    assert NOTIFICATION.encode() == body
    assert LeaseBreakNotification.decode(frame(body)) == NOTIFICATION


@pytest.mark.parametrize(
    "message", [OplockBreakAcknowledgment(*OPLOCK), LeaseBreakAcknowledgment(*LEASE)]
)
def test_what_clients_send(message: Message, frame: Frame) -> None:
    assert decode_acknowledgment(frame(message.encode())) == message


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (UNSOLICITED, OplockBreakNotification(*OPLOCK)),
        (SOLICITED, OplockBreakResponse(*OPLOCK)),
        (UNSOLICITED, NOTIFICATION),
        (SOLICITED, LeaseBreakResponse(*LEASE)),
    ],
)
def test_what_servers_send(header: bytes, message: Message) -> None:
    assert decode_break(memoryview(header + message.encode())) == message


@pytest.mark.parametrize("decode", [decode_acknowledgment, decode_break])
@pytest.mark.parametrize("body", [b"", b"\x18", b"\x17\x00" + bytes(30), b"\x24\x00", b"\x2c\x00"])
def test_malformed(decode: Callable[[memoryview], Message], body: bytes, frame: Frame) -> None:
    with pytest.raises(WireError):
        decode(frame(body))


@pytest.mark.parametrize("message", MESSAGES)
@given(data=st.data())
def test_any_bytes(
    message: Message, data: st.DataObject, fuzz_message: Callable[..., None]
) -> None:
    fuzz_message(data, message)


@given(data=st.binary(max_size=120))
def test_any_bytes_at_all(data: bytes) -> None:
    for decode in (decode_acknowledgment, decode_break):
        try:
            message = decode(memoryview(data))
        except WireError:
            continue
        assert message.command is Command.OPLOCK_BREAK
