"""Declarations of messages: each field once, in the order of the specification.

For example, a QUERY_DIRECTORY request, as the table of [MS-SMB2] 2.2.33 shows it::

    @message(33, at_least_one_byte=True)
    class ExampleRequest(Message):
        command: ClassVar[Command] = Command.QUERY_DIRECTORY
        file_information_class: U8
        flags: U8 = field(default=0, kw_only=True)
        file_index: U32 = field(default=0, kw_only=True)
        file_id: FileId
        file_name_offset: ClassVar = offset_of("file_name", U16)
        file_name_length: ClassVar = length_of("file_name", U16)
        output_buffer_length: U32
        file_name: Text

The type of a field says what is on the wire; where it begins follows from those before it. A class
variable is on the wire and not in the object: reserved bytes, and where a part of variable size
is, how long, or of how many elements. Those parts come last, in the order in which they are sent.
There are three kinds: `VariablePart`, `Array` and `ContextList`.
"""

import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import HEADER_SIZE, Buffer, pack_u16_list, text, u16_list, utf16
from smbquic.wire.file_id import FileId


@dataclass(frozen=True, slots=True)
class Fixed:
    """A field of fixed size: one or more codes of `struct`.

    `decode` makes an object of the value, or of the tuple of several, and `encode` is the
    expression of what is packed. Without, the value is what the field holds.
    """

    codes: str
    decode: Callable[[Any], Any] | None = None
    encode: str = "{}"


Meaning = Literal["offset", "length", "count"]
"""The meaning of a field that describes a variable part: the part's offset from the header of the
message, its length in bytes, or the count of its elements."""


@dataclass(frozen=True, slots=True)
class VariablePart:
    """Bytes of variable size, to which two fields of the fixed part point.

    `decode` and `encode` make an object of them and back; without, they are a slice of the
    message, and sent as the buffer that they are. `empty` is the expression of what no bytes are
    decoded to. They begin at a multiple of `align` bytes.
    """

    pointers: ClassVar[tuple[Meaning, ...]] = ("offset", "length")
    decode: Callable[[memoryview], Any] | None = None
    encode: Callable[[Any], bytes] | None = None
    empty: str = "message[:0]"
    align: int = 1


@dataclass(frozen=True, slots=True)
class Array:
    """Elements of `size` bytes each, right behind the fixed part, which has their number.

    `decode` and `encode` make the list of all of their bytes, and back. `counts_first`:
    StructureSize includes the first element, as in [MS-SMB2] 2.2.26.
    """

    pointers: ClassVar[tuple[Meaning, ...]] = ("count",)
    size: int
    decode: Callable[[memoryview], list[Any]]
    encode: Callable[[Any], bytes]
    counts_first: bool = False
    align: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class ContextList:
    """Contexts of any size, to which one field points and which another one counts.

    `decode` takes the message, the offset and the count. They begin at a multiple of 8 bytes.
    `present` returns whether a message has them: with older dialects, their fields mean
    something else ([MS-SMB2] 2.2.3).
    """

    pointers: ClassVar[tuple[Meaning, ...]] = ("count", "offset")
    decode: Callable[[memoryview, int, int], list[Any]]
    encode: Callable[[Any], bytes]
    present: Callable[[Any], bool]
    align: ClassVar[int] = 8


AnyPart = VariablePart | Array | ContextList


@dataclass(frozen=True, slots=True)
class Reserved:
    """A field that is sent as zeros and ignored when it is received."""

    codes: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A field that says where a part begins, how many bytes it has, or how many elements.

    The offset of an empty part is 0, unless `always`.
    """

    codes: str
    part: str
    meaning: Meaning
    always: bool = False


U8 = Annotated[int, Fixed("B")]
U16 = Annotated[int, Fixed("H")]
U32 = Annotated[int, Fixed("I")]
U64 = Annotated[int, Fixed("Q")]
S64 = Annotated[int, Fixed("q")]
Bool = Annotated[bool, Fixed("?")]
Bytes16 = Annotated[bytes, Fixed("16s")]
Bytes48 = Annotated[bytes, Fixed("48s")]
Text = Annotated[str, VariablePart(text, utf16, '""')]
Bytes = Annotated[bytes, VariablePart(bytes, bytes, 'b""')]
Payload = Annotated[Buffer, VariablePart()]
"""Bytes that are copied neither when they are decoded nor when they are sent."""
U16List = Annotated[list[int], Array(2, u16_list, pack_u16_list)]


def unused(kind: Any, count: int = 1) -> Any:
    """Declare a field, or several in a row, that is sent as zeros and ignored when received."""
    return Reserved(_codes(kind) * count)


def offset_of(part: str, kind: Any, *, always: bool = False) -> Any:
    """Declare the field that says where a part begins; see `Pointer`."""
    return Pointer(_codes(kind), part, "offset", always)


def length_of(part: str, kind: Any) -> Any:
    """Declare the field that says how many bytes a part has."""
    return Pointer(_codes(kind), part, "length")


def count_of(part: str, kind: Any) -> Any:
    """Declare the field that says how many elements a part has."""
    return Pointer(_codes(kind), part, "count")


_FILE_ID = Fixed("QQ", partial(tuple.__new__, FileId), "*{}")
"""A `FileId` is its two halves."""


def _codes(kind: Any) -> str:
    marker = _marker(kind)
    assert isinstance(marker, Fixed)
    return marker.codes


def _marker(annotation: Any) -> Any:
    """Return what an annotation says of the wire, None if it says nothing."""
    if annotation is FileId:
        return _FILE_ID
    return get_args(annotation)[1] if get_origin(annotation) is Annotated else None


def declared_fields(declared: type) -> dict[str, Fixed | Reserved | Pointer | AnyPart]:
    """Return what the annotations of a class say is on the wire, in their order."""
    found: dict[str, Fixed | Reserved | Pointer | AnyPart] = {}
    for name, annotation in declared.__annotations__.items():
        marker = _marker(annotation) or vars(declared).get(name)
        if isinstance(marker, Fixed | Reserved | Pointer | AnyPart):
            found[name] = marker
    return found


def packed_codes(fixed: Iterable[Fixed | Reserved | Pointer]) -> str:
    """Return the codes of `struct` for fields, with pad bytes for what is reserved."""
    return "".join(
        f"{struct.calcsize('<' + each.codes)}x" if isinstance(each, Reserved) else each.codes
        for each in fixed
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """The body of a message on the wire. `fixed` begins behind StructureSize.

    `at_least_one_byte`: where the parts are empty, there is a zero byte in their place.
    """

    name: str
    structure_size: int
    fixed: dict[str, Fixed | Reserved | Pointer]
    parts: dict[str, AnyPart]
    at_least_one_byte: bool

    @classmethod
    def of(cls, declared: type, structure_size: int, *, at_least_one_byte: bool) -> "Layout":
        """Read the annotations of a class. Raises `TypeError` for what cannot be."""
        markers = declared_fields(declared)
        fixed = {
            name: marker for name, marker in markers.items() if not isinstance(marker, AnyPart)
        }
        parts = {name: marker for name, marker in markers.items() if isinstance(marker, AnyPart)}
        layout = cls(declared.__name__, structure_size, fixed, parts, at_least_one_byte)
        layout._check_size()
        layout._check_parts()
        return layout

    def _check_size(self) -> None:
        counted = sum(
            part.size
            for part in self.parts.values()
            if isinstance(part, Array) and part.counts_first
        )
        # An odd size counts the first byte of what follows the fixed part.
        if self.size + counted != self.structure_size & ~1:
            raise TypeError(f"{self.name}: the fields have {self.size + counted} bytes")

    def _check_parts(self) -> None:
        parts = list(self.parts.values())
        if parts and not isinstance(parts[0], ContextList) and self.start % parts[0].align:
            raise TypeError(f"{self.name}: the first part cannot begin at {self.start}")
        if any(isinstance(part, Array) for part in parts[1:]):
            raise TypeError(f"{self.name}: an array has no offset, so it has to be the first part")
        if any(isinstance(part, ContextList) for part in parts[:-1]):
            raise TypeError(f"{self.name}: contexts have to be the last part")
        pointed = sorted(
            (each.part, each.meaning) for each in self.fixed.values() if isinstance(each, Pointer)
        )
        needed = sorted((name, each) for name, part in self.parts.items() for each in part.pointers)
        if pointed != needed:
            raise TypeError(f"{self.name}: fields are needed for {needed}, and are for {pointed}")

    @property
    def packing(self) -> str:
        """The format of the fixed part for `struct`, StructureSize included."""
        return f"<H{packed_codes(self.fixed.values())}"

    @property
    def size(self) -> int:
        """Bytes of the fixed part."""
        return struct.calcsize(self.packing)

    @property
    def start(self) -> int:
        """Where the parts begin, from the header of the message on."""
        return HEADER_SIZE + self.size
