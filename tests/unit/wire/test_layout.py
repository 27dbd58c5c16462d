from typing import Annotated, ClassVar

import pytest

from smbquic.wire.cursor import Buffer
from smbquic.wire.layout import (
    U8,
    U16,
    U32,
    Array,
    Bytes,
    ContextList,
    Layout,
    Payload,
    U16List,
    VariablePart,
    count_of,
    length_of,
    offset_of,
    unused,
)


class Declared:
    title: ClassVar[str] = "no field"
    count: U16
    spare: ClassVar = unused(U32)
    data_offset: ClassVar = offset_of("data", U8)
    data_length: ClassVar = length_of("data", U8)
    data: Payload


def test_fields_are_in_the_order_of_their_declaration() -> None:
    layout = Layout.of(Declared, 11, at_least_one_byte=True)
    assert list(layout.fixed) == ["count", "spare", "data_offset", "data_length"]
    assert list(layout.parts) == ["data"]
    assert layout.packing == "<HH4xBB"
    assert layout.size == 10
    assert layout.start == 74


@pytest.mark.parametrize("size", [9, 12, 0])
def test_fields_have_to_fill_the_structure(size: int) -> None:
    with pytest.raises(TypeError, match="Declared: the fields have 10 bytes"):
        Layout.of(Declared, size, at_least_one_byte=False)


class Unpointed:
    data_offset: ClassVar = offset_of("data", U16)
    data: Payload


class Misspelled:
    data_offset: ClassVar = offset_of("date", U8)
    data_length: ClassVar = length_of("data", U8)
    data: Payload


@pytest.mark.parametrize("declared", [Unpointed, Misspelled])
def test_a_part_needs_to_be_pointed_at(declared: type) -> None:
    with pytest.raises(TypeError, match="fields are needed for"):
        Layout.of(declared, 4, at_least_one_byte=False)


class Unaligned:
    data_offset: ClassVar = offset_of("data", U8)
    data_length: ClassVar = length_of("data", U8)
    data: Annotated[Buffer, VariablePart(align=8)]


def test_the_first_part_follows_the_fixed_one() -> None:
    with pytest.raises(TypeError, match="cannot begin at 68"):
        Layout.of(Unaligned, 4, at_least_one_byte=False)


class Listed:
    numbers_count: ClassVar = count_of("numbers", U16)
    numbers: U16List


class CountsFirst:
    numbers_count: ClassVar = count_of("numbers", U16)
    numbers: Annotated[list[int], Array(8, list, bytes, counts_first=True)]


@pytest.mark.parametrize(("declared", "size"), [(Listed, 4), (CountsFirst, 12)])
def test_the_first_element_of_an_array_may_count(declared: type, size: int) -> None:
    layout = Layout.of(declared, size, at_least_one_byte=False)
    assert layout.size == 4
    with pytest.raises(TypeError, match=f"the fields have {size} bytes"):
        Layout.of(declared, 16 - size, at_least_one_byte=False)


def _contexts(message: memoryview, offset: int, count: int) -> list[int]:
    return [offset] * count


Contexts = Annotated[list[int], ContextList(_contexts, bytes, bool)]


class ArrayLast:
    data_offset: ClassVar = offset_of("data", U8)
    data_length: ClassVar = length_of("data", U8)
    numbers_count: ClassVar = count_of("numbers", U16)
    data: Bytes
    numbers: U16List


class ContextsFirst:
    contexts_offset: ClassVar = offset_of("contexts", U8)
    contexts_count: ClassVar = count_of("contexts", U8)
    data_offset: ClassVar = offset_of("data", U8)
    data_length: ClassVar = length_of("data", U8)
    contexts: Contexts
    data: Bytes


@pytest.mark.parametrize(
    ("declared", "reason"),
    [(ArrayLast, "has to be the first part"), (ContextsFirst, "have to be the last part")],
)
def test_arrays_come_first_and_contexts_last(declared: type, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        Layout.of(declared, 6, at_least_one_byte=False)
