"""Structures of impacket, built and read by their names."""

import importlib
from typing import Any

from smbquic.wire.file_id import FileId

GUID = bytes(range(16))
FILE_ID = FileId(0x1122, 0xFFFFFFFF00000009)
TIMES = {"CreationTime": 1, "LastAccessTime": 2, "LastWriteTime": 3, "ChangeTime": 4}
ATTRIBUTES = {
    **TIMES,
    "AllocationSize": 4096,
    "EndofFile": 98,
    "FileAttributes": 0x20,
}


def theirs(name: str, values: dict[str, Any]) -> Any:
    """A structure of impacket, "module.Class", filled with `values`."""
    module, cls = name.rsplit(".", 1)
    structure = getattr(importlib.import_module(f"impacket.{module}"), cls)()
    for key, value in values.items():
        structure[key] = structure_of(value)
    return structure


def structure_of(value: Any) -> Any:
    if not isinstance(value, FileId):
        return value
    return theirs(
        "smb3structs.SMB2_FILEID", {"Persistent": value.persistent, "Volatile": value.volatile}
    )


def read(wire: bytes, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `values` as impacket finds them in `wire`."""
    module, cls = name.rsplit(".", 1)
    structure = getattr(importlib.import_module(f"impacket.{module}"), cls)(wire)
    return {
        key: FileId(structure[key]["Persistent"], structure[key]["Volatile"])
        if isinstance(value, FileId)
        else structure[key]
        for key, value in values.items()
    }
