"""Structures of smbprotocol, to compare with, and the values that fill them."""

import importlib
import uuid
from datetime import UTC, datetime
from typing import Any

from smbquic.wire.file_id import FileId

GUID = bytes(range(16))
UUID = uuid.UUID(bytes=GUID)
FILE_ID = FileId(0x1122, 0xFFFFFFFF00000009)
FILE_ID_BYTES = FILE_ID.encode()
KEY = bytes(range(24))

# One moment, in both ways of writing it.
MOMENT = datetime(2021, 7, 16, 7, 42, 53, 634690, tzinfo=UTC)
FILETIME = 132708949736346900
TIMES = dict.fromkeys(
    ("creation_time", "last_access_time", "last_write_time", "change_time"), MOMENT
)


def theirs(name: str, values: dict[str, Any]) -> Any:
    """A structure of smbprotocol, "module.Class", filled with `values`."""
    module, cls = name.split(".")
    structure = getattr(importlib.import_module(f"smbprotocol.{module}"), cls)()
    for key, value in values.items():
        structure[key] = value
    return structure


def check(ours: bytes, name: str, values: dict[str, Any]) -> None:
    """smbprotocol finds `values` in `ours`, nothing left over, and would write the same."""
    structure = theirs(name, {})
    assert structure.unpack(ours).strip(b"\0") == b""
    found = {key: structure[key].get_value() for key in values}
    assert found == values
    assert structure.pack() == ours[: len(structure.pack())]
