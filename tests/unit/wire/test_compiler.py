"""Code that is compiled of a declaration, field by field, with messages that SMB does not have."""

import traceback
from dataclasses import field
from typing import Annotated, ClassVar

import pytest

from smbquic.errors import WireError
from smbquic.wire.cursor import Buffer
from smbquic.wire.file_id import FileId
from smbquic.wire.flags import Flags
from smbquic.wire.layout import (
    U8,
    U16,
    U32,
    Bytes,
    ContextList,
    Fixed,
    Text,
    U16List,
    VariablePart,
    count_of,
    length_of,
    offset_of,
    unused,
)
from smbquic.wire.message import Message, message

HEADER = bytes(range(64))


class Colours(Flags):
    RED = 1


@message(22)
class Plain(Message):
    """Fixed fields only."""

    count: U16
    spare: ClassVar = unused(U8)
    colours: Annotated[Colours, Fixed("B", Colours)] = field(default=Colours.RED, kw_only=True)
    file_id: FileId


@message(15, at_least_one_byte=True)
class Parts(Message):
    """A copied part, then one at a multiple of 8 bytes that is not."""

    first_offset: ClassVar = offset_of("first", U8, always=True)
    first_length: ClassVar = length_of("first", U8)
    second_length: ClassVar = length_of("second", U32)
    second_offset: ClassVar = offset_of("second", U16)
    third_offset: ClassVar = offset_of("third", U8)
    third_length: ClassVar = length_of("third", U8)
    spare: ClassVar = unused(U16)
    first: Text = ""
    second: Bytes = b""
    third: Annotated[Buffer, VariablePart(align=8)] = b""


def _decode_contexts(message: memoryview, offset: int, count: int) -> list[int]:
    return list(message[offset : offset + count])


def _has_contexts(message: "ListMessage") -> bool:
    return 7 in message.numbers


@message(10)
class ListMessage(Message):
    """An array behind the fixed fields, then contexts that only some messages have."""

    numbers_count: ClassVar = count_of("numbers", U16)
    contexts_offset: ClassVar = offset_of("contexts", U32)
    contexts_count: ClassVar = count_of("contexts", U16)
    numbers: U16List
    contexts: Annotated[list[int], ContextList(_decode_contexts, bytes, _has_contexts)]


def framed(body: bytes) -> memoryview:
    return memoryview(HEADER + body)


def test_fixed_fields() -> None:
    body = bytes.fromhex("1600 0500 00 01 0700000000000000 0900000000000000")
    assert Plain(5, FileId(7, 9)).encode() == body
    assert Plain(5, FileId(7, 9)).buffers() == [body]
    decoded = Plain.decode(framed(body[:4] + b"\xff" + body[5:]))
    assert decoded == Plain(5, FileId(7, 9))
    assert type(decoded.file_id) is FileId
    assert type(decoded.colours) is Colours


def test_parts_and_where_they_are() -> None:
    value = Parts("ab", b"xyz", b"payload")
    fixed = bytes.fromhex("0f00 4e 04 03000000 5200 58 07 0000")
    assert value.encode() == fixed + b"a\0b\0" + b"xyz" + bytes(3) + b"payload"
    assert Parts.decode(framed(value.encode())) == value


def test_a_payload_is_not_copied() -> None:
    payload = memoryview(b"payload")
    buffers = Parts("ab", b"xyz", payload).buffers()
    assert len(buffers) == 2
    assert buffers[1] is payload
    received = framed(b"".join(buffers))
    third = Parts.decode(received).third
    assert isinstance(third, memoryview)
    assert third.obj is received.obj


def test_without_parts_one_byte_follows() -> None:
    assert Parts().encode() == bytes.fromhex("0f00 4e 00 00000000 0000 00 00 0000 00")
    assert Parts.decode(framed(Parts().encode())) == Parts()


def test_arrays_and_contexts() -> None:
    body = bytes.fromhex("0a00 0200 50000000 0300 0700 0800") + bytes(2) + b"abc"
    value = ListMessage([7, 8], list(b"abc"))
    assert value.encode() == body
    assert ListMessage.decode(framed(body)) == value


def test_without_contexts_their_fields_are_ignored() -> None:
    assert ListMessage([8], [1]).encode() == bytes.fromhex("0a00 0100 00000000 0000 0800")
    body = bytes.fromhex("0a00 0100 ffffffff ffff 0800")
    assert ListMessage.decode(framed(body)) == ListMessage([8], [])


@pytest.mark.parametrize("size", [0, 1, 3])
def test_an_array_with_fewer_elements_than_announced(size: int) -> None:
    body = bytes.fromhex("0a00 0200 00000000 0000") + bytes(size)
    with pytest.raises(WireError, match=f"ListMessage: 4 bytes are announced and {size} are left"):
        ListMessage.decode(framed(body))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x0f\x00" + bytes(11), "Parts: 77 bytes are too few"),
        (b"\x0e\x00" + bytes(12), "Parts: StructureSize is 14, not 15"),
        (
            bytes.fromhex("0f00 4e 03 00000000 0000 00 00 0000 6100"),
            "bytes 78 to 81 do not lie",
        ),
        (bytes.fromhex("0f00 3f 02 00000000 0000 00 00 0000 6100"), "bytes 63 to 65 do not lie"),
        (bytes.fromhex("0f00 4e 01 00000000 0000 00 00 0000 6100"), "not UTF-16"),
    ],
)
def test_what_is_no_such_message(body: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        Parts.decode(framed(body))


def test_an_empty_part_may_be_anywhere() -> None:
    body = bytes.fromhex("0f00 ff 00 00000000 ffff 01 00 0000")
    assert Parts.decode(framed(body)) == Parts()


def test_a_traceback_shows_the_compiled_source() -> None:
    with pytest.raises(WireError) as caught:
        Plain.decode(framed(b"\x00\x00" + bytes(20)))
    assert "raise wrong_size(cls, size, 22)" in "".join(traceback.format_exception(caught.value))


def test_the_methods_are_documented_and_named_as_others() -> None:
    assert Plain.encode.__qualname__ == "Plain.encode"
    assert Plain.decode.__doc__ == Message.decode.__doc__
