from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import (
    FIXED_SIZES,
    DirectoryEntry,
    decode_entries,
    encode_entry,
    entry_encoder,
)
from smbquic.wire.fscc.file_information import FileInformationClass as Class
from tests.unit.wire.structures import Field

Lay = Callable[..., bytes]

ENTRY = DirectoryEntry(
    "naïve.text",
    11,
    0x1D0000000000001,
    0x1D0000000000002,
    0x1D0000000000003,
    0x1D0000000000004,
    5_000_000_000,
    5_000_003_584,
    FileAttributes.ARCHIVE,
    99,
    0,
    "NAVE~1.TEX",
    0x1122334455667788,
)
COMMON = [
    *((4, 0), (4, 11)),
    *((8, 0x1D0000000000001), (8, 0x1D0000000000002)),
    *((8, 0x1D0000000000003), (8, 0x1D0000000000004)),
    *((8, 5_000_000_000), (8, 5_000_003_584), (4, 0x20), (4, 20)),
]
SHORT: list[Field] = [(1, 20), (1, 0), "NAVE~1.TEX", bytes(4)]
EA = (4, 99)
TAG = (4, 0)
ID = (8, 0x1122334455667788)
ID_128 = (16, 0x1122334455667788)

LAYOUTS: dict[Class, Sequence[Field]] = {
    Class.FileDirectoryInformation: COMMON,
    Class.FileFullDirectoryInformation: [*COMMON, EA],
    Class.FileBothDirectoryInformation: [*COMMON, EA, *SHORT],
    Class.FileNamesInformation: [(4, 0), (4, 11), (4, 20)],
    Class.FileIdBothDirectoryInformation: [*COMMON, EA, *SHORT, (2, 0), ID],
    Class.FileIdFullDirectoryInformation: [*COMMON, EA, (4, 0), ID],
    Class.FileIdExtdDirectoryInformation: [*COMMON, EA, TAG, ID_128],
    Class.FileId64ExtdDirectoryInformation: [*COMMON, EA, TAG, ID],
    Class.FileId64ExtdBothDirectoryInformation: [*COMMON, EA, TAG, ID, *SHORT],
    Class.FileIdAllExtdDirectoryInformation: [*COMMON, EA, TAG, ID, ID_128],
    Class.FileIdAllExtdBothDirectoryInformation: [*COMMON, EA, TAG, ID, ID_128, *SHORT],
}
# What each class leaves out.
NO_SHORT = {"short_name": ""}
NO_EA = {"ea_size": 0}
NO_ID = {"file_id": 0}
LEFT_OUT: dict[Class, dict[str, Any]] = {
    Class.FileDirectoryInformation: {**NO_SHORT, **NO_EA, **NO_ID},
    Class.FileFullDirectoryInformation: {**NO_SHORT, **NO_ID},
    Class.FileBothDirectoryInformation: NO_ID,
    Class.FileIdBothDirectoryInformation: {},
    Class.FileIdFullDirectoryInformation: NO_SHORT,
    Class.FileIdExtdDirectoryInformation: NO_SHORT,
    Class.FileId64ExtdDirectoryInformation: NO_SHORT,
    Class.FileId64ExtdBothDirectoryInformation: {},
    Class.FileIdAllExtdDirectoryInformation: NO_SHORT,
    Class.FileIdAllExtdBothDirectoryInformation: {},
}

SIZES = st.integers(0, 2**63 - 1)
ENTRIES = st.builds(
    DirectoryEntry,
    st.text(min_size=1, max_size=20),
    st.integers(0, 2**32 - 1),
    SIZES,
    SIZES,
    SIZES,
    SIZES,
    SIZES,
    SIZES,
    st.sampled_from([0x10, 0x20, 0x80]),
    st.integers(0, 2**32 - 1),
    st.just(0),
    st.text(st.characters(max_codepoint=0x7F), max_size=12),
    st.integers(0, 2**64 - 1),
)


def expected(information_class: Class, entry: DirectoryEntry) -> DirectoryEntry:
    if information_class is Class.FileNamesInformation:
        return DirectoryEntry(entry.file_name, entry.file_index)
    return replace(entry, **LEFT_OUT[information_class])


@pytest.mark.parametrize(("information_class", "fields"), LAYOUTS.items())
def test_layout(information_class: Class, fields: Sequence[Field], lay: Lay) -> None:
    wire = lay(*fields, "naïve.text")
    assert encode_entry(information_class, ENTRY) == wire
    assert FIXED_SIZES[information_class] == len(wire) - 20
    assert decode_entries(information_class, wire) == [expected(information_class, ENTRY)]


def test_every_class_that_lists_folders_is_there() -> None:
    assert set(FIXED_SIZES) == set(LAYOUTS)


@pytest.mark.parametrize("information_class", [Class.FileBasicInformation, 0, 63, 255])
def test_other_classes(information_class: int) -> None:
    with pytest.raises(KeyError):
        encode_entry(information_class, ENTRY)
    with pytest.raises(KeyError):
        entry_encoder(information_class)
    with pytest.raises(KeyError):
        decode_entries(information_class, b"")


@pytest.mark.parametrize(
    ("information_class", "offset"),
    [
        (Class.FileFullDirectoryInformation, 64),
        (Class.FileBothDirectoryInformation, 64),
        (Class.FileIdBothDirectoryInformation, 64),
        (Class.FileIdFullDirectoryInformation, 64),
        (Class.FileIdExtdDirectoryInformation, 68),
        (Class.FileId64ExtdDirectoryInformation, 68),
    ],
)
def test_reparse_tag(information_class: Class, offset: int) -> None:
    link = DirectoryEntry(
        "link", file_attributes=FileAttributes.REPARSE_POINT, reparse_tag=0xA000000C
    )
    wire = encode_entry(information_class, link)
    assert wire[offset : offset + 4] == b"\x0c\x00\x00\xa0"
    assert decode_entries(information_class, wire) == [link]


@pytest.mark.parametrize("information_class", LAYOUTS)
def test_many_entries(information_class: Class) -> None:
    entries = [replace(ENTRY, file_name="x" * (length + 1)) for length in range(20)]
    encode = entry_encoder(information_class)
    chain = encode_chain((encode(entry) for entry in entries), 8)
    assert decode_entries(information_class, memoryview(chain)) == [
        expected(information_class, entry) for entry in entries
    ]


def test_no_entries() -> None:
    assert decode_entries(Class.FileIdFullDirectoryInformation, b"") == []


def test_short_name_too_long() -> None:
    wire = bytearray(encode_entry(Class.FileBothDirectoryInformation, ENTRY))
    wire[68] = 25
    with pytest.raises(WireError, match="25 bytes"):
        decode_entries(Class.FileBothDirectoryInformation, wire)


def test_short_name_of_odd_size() -> None:
    wire = bytearray(encode_entry(Class.FileBothDirectoryInformation, ENTRY))
    wire[68] = 5
    with pytest.raises(WireError, match="UTF-16"):
        decode_entries(Class.FileBothDirectoryInformation, wire)


def test_short_name_of_two_units_a_character() -> None:
    entry = replace(ENTRY, short_name="\U0001f600~1")
    wire = encode_entry(Class.FileBothDirectoryInformation, entry)
    [decoded] = decode_entries(Class.FileBothDirectoryInformation, wire)
    assert decoded.short_name == "\U0001f600~1"


def test_name_outside() -> None:
    wire = encode_entry(Class.FileDirectoryInformation, ENTRY)
    with pytest.raises(WireError, match="its name ends at"):
        decode_entries(Class.FileDirectoryInformation, wire[:-1])


@pytest.mark.parametrize("following", [1, 8, 63])
def test_next_entry_too_near(following: int, lay: Lay) -> None:
    wire = encode_entry(Class.FileDirectoryInformation, ENTRY)
    with pytest.raises(WireError, match=f"cannot be at {following}"):
        decode_entries(Class.FileDirectoryInformation, lay((4, following)) + wire[4:])


def test_next_entry_cut_short(lay: Lay) -> None:
    wire = encode_entry(Class.FileDirectoryInformation, ENTRY)
    with pytest.raises(WireError, match="are there in all"):
        decode_entries(Class.FileDirectoryInformation, lay((4, 80)) + wire[4:])


@pytest.mark.parametrize("information_class", LAYOUTS)
@given(entries=st.lists(ENTRIES, max_size=4))
def test_round_trip(information_class: Class, entries: list[DirectoryEntry]) -> None:
    chain = encode_chain((encode_entry(information_class, entry) for entry in entries), 8)
    assert decode_entries(information_class, chain) == [
        expected(information_class, entry) for entry in entries
    ]


@pytest.mark.parametrize("information_class", LAYOUTS)
@given(data=st.data())
def test_any_bytes(
    information_class: Class, data: st.DataObject, fuzz: Callable[..., None]
) -> None:
    def encode(entries: list[DirectoryEntry]) -> bytes:
        return encode_chain((encode_entry(information_class, entry) for entry in entries), 8)

    fuzz(
        data,
        lambda message: decode_entries(information_class, message),
        encode,
        encode([ENTRY, replace(ENTRY, file_name="b")]),
    )
