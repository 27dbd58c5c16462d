from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import LocalProtocolError, WireError
from smbquic.wire.cursor import (
    Reader,
    pack_u16_list,
    padding,
    text,
    u16_list,
    unpack,
    unpack_body,
    utf16,
)


def test_reader_reads_little_endian() -> None:
    reader = Reader(bytes(range(1, 16)))
    assert reader.u8() == 0x01
    assert reader.u16() == 0x0302
    assert reader.u32() == 0x07060504
    assert reader.u64() == 0x0F0E0D0C0B0A0908
    assert reader.remaining == 0


def test_reader_takes_without_copying() -> None:
    data = bytearray(b"abcdef")
    reader = Reader(data, 1)
    taken = reader.take(3)
    data[1] = ord("x")
    assert taken.tobytes() == b"xcd"
    assert reader.remaining == 2


def test_reader_stops_at_the_end() -> None:
    reader = Reader(b"abc")
    with pytest.raises(WireError, match="4 bytes"):
        reader.u32()
    assert reader.offset == 0
    with pytest.raises(WireError, match="4 bytes are announced and 3 are left"):
        reader.take(4)


def test_reader_past_the_end() -> None:
    reader = Reader(b"abc", 1)
    reader.align(8)
    assert reader.offset == 8
    assert reader.remaining < 0
    with pytest.raises(WireError):
        reader.take(0)
    with pytest.raises(WireError):
        reader.u8()


def test_reader_lists_and_strings() -> None:
    reader = Reader(b"\x01\x00\x02\x00a\x00b\x00")
    assert reader.u16_list(2) == [1, 2]
    assert reader.text(4) == "ab"


def test_unpack_says_what_is_missing() -> None:
    with pytest.raises(WireError, match="8 bytes are needed at offset 1 and 4 are there"):
        unpack(Struct("<Q"), b"abcd", 1)


BODY = Struct("<HH")


def test_unpack_body() -> None:
    message = memoryview(bytes(64) + b"\x04\x00\x07\x00")
    assert unpack_body(BODY, message, 4, "Thing") == (4, 7)


def test_unpack_body_checks_structure_size() -> None:
    message = memoryview(bytes(64) + b"\x05\x00\x07\x00")
    with pytest.raises(WireError, match="Thing: StructureSize is 5, not 4"):
        unpack_body(BODY, message, 4, "Thing")


@pytest.mark.parametrize("size", [0, 63, 64, 67])
def test_unpack_body_cut_short(size: int) -> None:
    with pytest.raises(WireError, match=f"Thing: {size} bytes are too few"):
        unpack_body(BODY, memoryview(bytes(size)), 4, "Thing")


def test_utf16() -> None:
    assert utf16("aé😀") == b"a\x00\xe9\x00\x3d\xd8\x00\xde"
    assert text(b"a\x00\xe9\x00\x3d\xd8\x00\xde") == "aé😀"


def test_lone_surrogates_pass() -> None:
    assert text(b"\x00\xd8a\x00") == "\ud800a"
    assert utf16("\ud800a") == b"\x00\xd8a\x00"


def test_odd_sized_string() -> None:
    with pytest.raises(WireError, match="3 bytes"):
        text(b"a\x00b")


def test_longest_name() -> None:
    assert len(utf16("a" * 32767)) == 65534
    with pytest.raises(LocalProtocolError, match="32768 characters"):
        utf16("a" * 32768)


@given(st.binary(max_size=64))
def test_any_units_survive(data: bytes) -> None:
    data = data[: len(data) & ~1]
    assert utf16(text(data)) == data


@given(st.lists(st.integers(0, 0xFFFF)))
def test_u16_lists(values: list[int]) -> None:
    packed = pack_u16_list(values)
    assert len(packed) == 2 * len(values)
    assert u16_list(packed) == values


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 7), (7, 1), (8, 0), (9, 7)])
def test_padding(size: int, expected: int) -> None:
    assert padding(size) == bytes(expected)


def test_padding_to_another_boundary() -> None:
    assert padding(5, 4) == bytes(3)
