from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import LocalProtocolError, WireError
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    AlignmentInformation,
    AllInformation,
    AllocationInformation,
    AttributeTagInformation,
    BasicInformation,
    CompressionInformation,
    DispositionFlags,
    DispositionInformation,
    DispositionInformationEx,
    EaInformation,
    EndOfFileInformation,
    IdInformation,
    InternalInformation,
    LinkInformation,
    ModeInformation,
    NameInformation,
    NetworkOpenInformation,
    PositionInformation,
    RenameFlags,
    RenameInformation,
    RenameInformationEx,
    StandardInformation,
    ValidDataLengthInformation,
)
from tests.unit.wire.structures import Field, SizedStructure, Structure

Lay = Callable[..., bytes]

BASIC = BasicInformation(1, -1, -2, 0x1D0000000000000, FileAttributes.ARCHIVE)
BASIC_FIELDS = [(8, 1), (8, -1), (8, -2), (8, 0x1D0000000000000), (4, 0x20), (4, 0)]
STANDARD = StandardInformation(4096, 98, 2, True, False)
STANDARD_FIELDS = [(8, 4096), (8, 98), (4, 2), (1, 1), (1, 0), (2, 0)]

NamedType = type[NameInformation | RenameInformation | RenameInformationEx]

STRUCTURES: list[tuple[Structure, Sequence[Field]]] = [
    (BASIC, BASIC_FIELDS),
    (STANDARD, STANDARD_FIELDS),
    (InternalInformation(2**64 - 1), [(8, -1)]),
    (EaInformation(7), [(4, 7)]),
    (AccessInformation(0x1F01FF), [(4, 0x1F01FF)]),
    (PositionInformation(1 << 40), [(8, 1 << 40)]),
    (ModeInformation(0x20), [(4, 0x20)]),
    (AlignmentInformation(0), [(4, 0)]),
    (NameInformation(r"\a\b"), [(4, 8), r"\a\b"]),
    (
        AllInformation(
            BASIC,
            STANDARD,
            InternalInformation(5),
            EaInformation(0),
            AccessInformation(0x80),
            PositionInformation(0),
            ModeInformation(0x20),
            AlignmentInformation(1),
            NameInformation(r"\ab"),
        ),
        [
            *BASIC_FIELDS,
            *STANDARD_FIELDS,
            *((8, 5), (4, 0), (4, 0x80), (8, 0), (4, 0x20), (4, 1), (4, 6), r"\ab"),
        ],
    ),
    (
        NetworkOpenInformation(1, 2, 3, 4, 8192, 5000, 0x80),
        [*((8, 1), (8, 2), (8, 3), (8, 4), (8, 8192), (8, 5000), (4, 0x80), (4, 0))],
    ),
    (AttributeTagInformation(0x400, 0xA000000C), [(4, 0x400), (4, 0xA000000C)]),
    (
        CompressionInformation(5000, 2, 16, 12, 4),
        [(8, 5000), (2, 2), (1, 16), (1, 12), (1, 4), bytes(3)],
    ),
    (IdInformation(9, 1 << 100), [(8, 9), (16, 1 << 100)]),
    (EndOfFileInformation(0x2F000), [(8, 0x2F000)]),
    (AllocationInformation(-1), [(8, -1)]),
    (ValidDataLengthInformation(12), [(8, 12)]),
    (DispositionInformation(True), [(1, 1)]),
    (
        DispositionInformationEx(DispositionFlags.DELETE | DispositionFlags.POSIX_SEMANTICS),
        [(4, 3)],
    ),
    (
        RenameInformation(r"new\name", True),
        [(1, 1), bytes(7), (8, 0), (4, 16), r"new\name"],
    ),
    (LinkInformation("other"), [(1, 0), bytes(7), (8, 0), (4, 10), "other"]),
    (
        RenameInformationEx("new", RenameFlags.REPLACE_IF_EXISTS | RenameFlags.POSIX_SEMANTICS),
        [(4, 3), (4, 0), (8, 0), (4, 6), "new"],
    ),
]
IDS = [type(structure).__name__ for structure, _ in STRUCTURES]


@pytest.mark.parametrize(("structure", "fields"), STRUCTURES, ids=IDS)
def test_layout(structure: Structure, fields: Sequence[Field], lay: Lay) -> None:
    wire = lay(*fields)
    assert structure.encode() == wire
    assert type(structure).decode(wire) == structure
    assert type(structure).decode(wire + b"more") == structure


@pytest.mark.parametrize("structure", [structure for structure, _ in STRUCTURES], ids=IDS)
@given(data=st.data())
def test_any_bytes(structure: Structure, data: st.DataObject, fuzz: Callable[..., None]) -> None:
    cls = type(structure)
    fuzz(data, cls.decode, cls.encode, structure.encode())


@pytest.mark.parametrize(
    ("cls", "size"),
    [
        (BasicInformation, 40),
        (StandardInformation, 24),
        (InternalInformation, 8),
        (EaInformation, 4),
        (NetworkOpenInformation, 56),
        (AllInformation, 100),
        (IdInformation, 24),
        (DispositionInformation, 1),
    ],
)
def test_sizes(cls: type[SizedStructure], size: int) -> None:
    assert size == cls.SIZE
    with pytest.raises(WireError):
        cls.decode(bytes(size - 1))


@pytest.mark.parametrize("name", ["", "a"])
def test_renames_have_24_bytes_at_least(name: str) -> None:
    for structure in (RenameInformation(name), LinkInformation(name), RenameInformationEx(name)):
        wire = structure.encode()
        assert len(wire) == 24
        assert type(structure).decode(wire) == structure


def test_a_link_is_not_a_rename() -> None:
    assert LinkInformation("a") != RenameInformation("a")
    assert isinstance(LinkInformation.decode(LinkInformation("a").encode()), LinkInformation)


def test_any_byte_but_zero_is_true() -> None:
    assert DispositionInformation.decode(b"\x80") == DispositionInformation(True)
    assert not DispositionInformation.decode(b"\x00").delete_pending


@pytest.mark.parametrize("cls", [NameInformation, RenameInformation, RenameInformationEx])
def test_name_too_long(cls: NamedType) -> None:
    with pytest.raises(LocalProtocolError):
        cls("x" * 40000).encode()


@pytest.mark.parametrize("cls", [NameInformation, RenameInformation, RenameInformationEx])
def test_name_cut_short(cls: NamedType) -> None:
    with pytest.raises(WireError):
        cls.decode(cls("long enough").encode()[:-1])
