"""Entries of folders, in all the forms that a client may ask for. [MS-FSCC] 2.4

The forms differ in what they leave out, so one class holds them all. This runs once per file of a
listing, which is why every form has its `Struct` and its two functions ready.
"""

from collections.abc import Callable
from operator import attrgetter
from struct import Struct
from typing import Any, NamedTuple

from smbquic.errors import WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.cursor import Buffer, text, unpack, utf16
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import FileInformationClass

_REPARSE_POINT = int(FileAttributes.REPARSE_POINT)
_SHORT_NAME_SIZE = 24


@dataclass(slots=True)
class DirectoryEntry:
    """One file or folder in a folder. [MS-FSCC] 2.4.8 and its relatives

    Times are FILETIMEs, sizes bytes, `file_attributes` compares with `FileAttributes`. What the
    form of a listing does not have is zero or empty. Forms without a ReparsePointTag have it in
    the place of the EaSize of a reparse point. `file_id` has 128 bits in forms that only have such
    a one, otherwise 64.
    """

    file_name: str
    file_index: int = 0
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    end_of_file: int = 0
    allocation_size: int = 0
    file_attributes: int = 0
    ea_size: int = 0
    reparse_tag: int = 0
    short_name: str = ""
    file_id: int = 0

    @property
    def _ea_size_or_tag(self) -> int:
        return self.reparse_tag if self.file_attributes & _REPARSE_POINT else self.ea_size

    @property
    def _short_name_length(self) -> int:
        return len(self._short_name) if self.short_name else 0

    @property
    def _short_name(self) -> bytes:
        return utf16(self.short_name)

    @property
    def _file_id_128(self) -> bytes:
        return self.file_id.to_bytes(16, "little")


_Fields = tuple[Any, ...]
_ENTRY: Callable[..., DirectoryEntry] = DirectoryEntry
_Getter = Callable[[DirectoryEntry], _Fields]

# The fields between NextEntryOffset and FileNameLength, with which all forms but one begin.
_COMMON: _Getter = attrgetter(
    "file_index",
    "creation_time",
    "last_access_time",
    "last_write_time",
    "change_time",
    "end_of_file",
    "allocation_size",
    "file_attributes",
)
_ATTRIBUTES = 8
_NAME_LENGTH = 9


def _encoder(fixed: Struct, *rest: str) -> Callable[[DirectoryEntry], bytes]:
    """Return a function that writes the common fields, and `rest` after FileNameLength."""
    pack, common = fixed.pack, _COMMON
    if not rest:

        def encode_common(entry: DirectoryEntry) -> bytes:
            name = utf16(entry.file_name)
            return pack(0, *common(entry), len(name)) + name

        return encode_common

    get: Callable[[DirectoryEntry], Any] = attrgetter(*rest)
    if len(rest) == 1:

        def encode_one_more(entry: DirectoryEntry) -> bytes:
            name = utf16(entry.file_name)
            return pack(0, *common(entry), len(name), get(entry)) + name

        return encode_one_more

    def encode(entry: DirectoryEntry) -> bytes:
        name = utf16(entry.file_name)
        return pack(0, *common(entry), len(name), *get(entry)) + name

    return encode


def _short(length: int, name: bytes) -> str:
    if length > _SHORT_NAME_SIZE:
        raise WireError(f"directory entry: a short name of {length} bytes")
    return text(name[:length])


def _ea_and_tag(fields: _Fields) -> tuple[int, int]:
    """Return EaSize and reparse tag of a form that has one field for both."""
    value: int = fields[10]
    return (0, value) if fields[_ATTRIBUTES] & _REPARSE_POINT else (value, 0)


def _decode_common(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9])


def _decode_full(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], *_ea_and_tag(fields))


def _decode_both(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], *_ea_and_tag(fields), _short(*fields[11:13]))


def _decode_id_both(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], *_ea_and_tag(fields), _short(*fields[11:13]), fields[13])


def _decode_id_full(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], *_ea_and_tag(fields), "", fields[11])


def _decode_id_extd(name: str, fields: _Fields) -> DirectoryEntry:
    file_id = int.from_bytes(fields[12], "little")
    return _ENTRY(name, *fields[1:9], fields[10], fields[11], "", file_id)


def _decode_id_64_extd(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], fields[10], fields[11], "", fields[12])


def _decode_id_64_extd_both(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], fields[10], fields[11], _short(*fields[13:15]), fields[12])


def _decode_id_all_extd_both(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, *fields[1:9], fields[10], fields[11], _short(*fields[14:16]), fields[12])


_NAMES = Struct("<III")


def _encode_names(entry: DirectoryEntry) -> bytes:
    name = utf16(entry.file_name)
    return _NAMES.pack(0, entry.file_index, len(name)) + name


def _decode_names(name: str, fields: _Fields) -> DirectoryEntry:
    return _ENTRY(name, fields[1])


class _Form(NamedTuple):
    fixed: Struct
    name_length: int
    encode: Callable[[DirectoryEntry], bytes]
    decode: Callable[[str, _Fields], DirectoryEntry]


def _form(more: str, decode: Callable[[str, _Fields], DirectoryEntry], *rest: str) -> _Form:
    """Return a form that has `rest` after the common fields, laid out as `more`."""
    fixed = Struct("<IIQQQQQQII" + more)
    return _Form(fixed, _NAME_LENGTH, _encoder(fixed, *rest), decode)


_SHORT_NAME = ("_short_name_length", "_short_name")

_FORMS: dict[int, _Form] = {
    FileInformationClass.FileDirectoryInformation: _form("", _decode_common),
    FileInformationClass.FileFullDirectoryInformation: _form("I", _decode_full, "_ea_size_or_tag"),
    FileInformationClass.FileBothDirectoryInformation: _form(
        "IBx24s", _decode_both, "_ea_size_or_tag", *_SHORT_NAME
    ),
    FileInformationClass.FileNamesInformation: _Form(_NAMES, 2, _encode_names, _decode_names),
    FileInformationClass.FileIdBothDirectoryInformation: _form(
        "IBx24s2xQ", _decode_id_both, "_ea_size_or_tag", *_SHORT_NAME, "file_id"
    ),
    FileInformationClass.FileIdFullDirectoryInformation: _form(
        "I4xQ", _decode_id_full, "_ea_size_or_tag", "file_id"
    ),
    FileInformationClass.FileIdExtdDirectoryInformation: _form(
        "II16s", _decode_id_extd, "ea_size", "reparse_tag", "_file_id_128"
    ),
    FileInformationClass.FileId64ExtdDirectoryInformation: _form(
        "IIQ", _decode_id_64_extd, "ea_size", "reparse_tag", "file_id"
    ),
    FileInformationClass.FileId64ExtdBothDirectoryInformation: _form(
        "IIQBx24s", _decode_id_64_extd_both, "ea_size", "reparse_tag", "file_id", *_SHORT_NAME
    ),
    FileInformationClass.FileIdAllExtdDirectoryInformation: _form(
        "IIQ16s", _decode_id_64_extd, "ea_size", "reparse_tag", "file_id", "_file_id_128"
    ),
    FileInformationClass.FileIdAllExtdBothDirectoryInformation: _form(
        "IIQ16sBx24s",
        _decode_id_all_extd_both,
        "ea_size",
        "reparse_tag",
        "file_id",
        "_file_id_128",
        *_SHORT_NAME,
    ),
}

FIXED_SIZES: dict[int, int] = {
    information_class: form.fixed.size for information_class, form in _FORMS.items()
}
"""How many bytes of an entry come before its name, for every class that lists a folder."""


def entry_encoder(information_class: int) -> Callable[[DirectoryEntry], bytes]:
    """Return what `encode_entry` does for one class, for loops.

    Raises KeyError for any other class.
    """
    return _FORMS[information_class].encode


def encode_entry(information_class: int, entry: DirectoryEntry) -> bytes:
    """Encode `entry` in the form of a class, with NextEntryOffset 0; see `encode_chain`.

    Raises KeyError if the class does not list a folder.
    """
    return _FORMS[information_class].encode(entry)


def decode_entries(information_class: int, data: Buffer) -> list[DirectoryEntry]:
    """Decode all entries of a listing in the form of a class. Raises `WireError`.

    Raises KeyError if the class does not list a folder.
    """
    fixed, name_length, _, decode = _FORMS[information_class]
    entries: list[DirectoryEntry] = []
    offset, end = 0, len(data)
    while offset < end:
        fields = unpack(fixed, data, offset)
        start = offset + fixed.size
        stop = start + fields[name_length]
        if stop > end:
            raise WireError(f"directory entry: its name ends at {stop} of {end}")
        entries.append(decode(text(data[start:stop]), fields))
        following = fields[0]
        if not following:
            break
        if following < fixed.size:
            raise WireError(f"directory entry: the next one cannot be at {following}")
        offset += following
    return entries
