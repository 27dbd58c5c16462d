from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.header import HEADER_SIZE, PROTOCOL_ID, Command, Header, HeaderFlags

Lay = Callable[..., bytes]


def test_sync_layout(lay: Lay) -> None:
    header = Header(
        Command.WRITE,
        message_id=0x1122334455667788,
        credit_charge=3,
        status=0xC0000022,
        credits=31,
        flags=HeaderFlags.SIGNED | HeaderFlags.RELATED_OPERATIONS,
        next_command=0x88,
        tree_id=5,
        session_id=0x40000000011,
        signature=bytes(range(16)),
    )
    expected = lay(
        b"\xfeSMB",
        (2, 64),
        (2, 3),
        (4, 0xC0000022),
        (2, 9),
        (2, 31),
        (4, 0xC),
        (4, 0x88),
        (8, 0x1122334455667788),
        (4, 0),
        (4, 5),
        (8, 0x40000000011),
        bytes(range(16)),
    )
    assert header.encode() == expected
    assert Header.decode(expected) == header
    assert len(expected) == HEADER_SIZE


def test_async_layout(lay: Lay) -> None:
    header = Header(
        Command.LOCK,
        message_id=7,
        status=0x103,
        flags=HeaderFlags.SERVER_TO_REDIR | HeaderFlags.ASYNC_COMMAND,
        async_id=0x8877665544332211,
        session_id=9,
    )
    expected = lay(
        b"\xfeSMB",
        (2, 64),
        (2, 0),
        (4, 0x103),
        (2, 10),
        (2, 0),
        (4, 3),
        (4, 0),
        (8, 7),
        (8, 0x8877665544332211),
        (8, 9),
        bytes(16),
    )
    assert header.encode() == expected
    assert Header.decode(memoryview(expected)) == header


def test_reserved_bytes_are_ignored(lay: Lay) -> None:
    wire = bytearray(Header(Command.ECHO, tree_id=1).encode())
    wire[32:36] = lay((4, 0xFEFF))
    assert Header.decode(wire) == Header(Command.ECHO, tree_id=1)


def test_command_is_known_or_a_number() -> None:
    assert Header.decode(Header(Command.READ).encode()).command is Command.READ
    assert Header.decode(Header(0x13).encode()).command is Command.SERVER_TO_CLIENT_NOTIFICATION
    assert Header.decode(Header(0x14).encode()).command == 0x14


@pytest.mark.parametrize("command", Command)
def test_every_command_has_its_number(command: Command) -> None:
    assert Header.decode(Header(command).encode()).command is command


def test_properties() -> None:
    header = Header(Command.READ, status=0x00020001)
    assert header.channel_sequence == 1
    assert not header.is_response
    assert not header.is_async
    assert not header.is_related
    assert not header.is_signed
    assert Header(Command.READ, flags=HeaderFlags.SERVER_TO_REDIR).is_response
    assert Header(Command.READ, flags=HeaderFlags.ASYNC_COMMAND).is_async
    assert Header(Command.READ, flags=HeaderFlags.RELATED_OPERATIONS).is_related
    assert Header(Command.READ, flags=HeaderFlags.SIGNED).is_signed


@pytest.mark.parametrize("size", [0, 4, 63])
def test_too_short(size: int) -> None:
    with pytest.raises(WireError, match="are there in all"):
        Header.decode(Header(Command.READ).encode()[:size])


def test_other_protocol() -> None:
    wire = Header(Command.READ).encode()
    with pytest.raises(WireError, match="protocol id"):
        Header.decode(b"\xffSMB" + wire[4:])


def test_other_size() -> None:
    wire = Header(Command.READ).encode()
    with pytest.raises(WireError, match="StructureSize is 65"):
        Header.decode(PROTOCOL_ID + b"\x41\x00" + wire[6:])


def headers(flags: int) -> st.SearchStrategy[Header]:
    """Headers with these flags, which decide between an AsyncId and a TreeId."""
    is_async = bool(flags & HeaderFlags.ASYNC_COMMAND)
    return st.builds(
        Header,
        command=st.integers(0, 0xFFFF),
        message_id=st.integers(0, 2**64 - 1),
        credit_charge=st.integers(0, 0xFFFF),
        status=st.integers(0, 2**32 - 1),
        credits=st.integers(0, 0xFFFF),
        flags=st.just(flags),
        next_command=st.integers(0, 2**32 - 1),
        tree_id=st.just(0) if is_async else st.integers(0, 2**32 - 1),
        async_id=st.integers(0, 2**64 - 1) if is_async else st.just(0),
        session_id=st.integers(0, 2**64 - 1),
        signature=st.binary(min_size=16, max_size=16),
    )


@given(st.integers(0, 2**32 - 1).flatmap(headers))
def test_round_trip(header: Header) -> None:
    assert Header.decode(header.encode()) == header


@given(data=st.data())
def test_any_bytes(data: st.DataObject, fuzz: Callable[..., None]) -> None:
    fuzz(data, Header.decode, Header.encode, Header(Command.READ, 5, tree_id=7).encode())
