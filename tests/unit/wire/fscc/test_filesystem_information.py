from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.errors import WireError
from smbquic.wire.fscc.filesystem_information import (
    DeviceCharacteristics,
    DeviceType,
    FileSystemAttributes,
    FsAttributeInformation,
    FsControlInformation,
    FsDeviceInformation,
    FsFullSizeInformation,
    FsObjectIdInformation,
    FsSectorSizeInformation,
    FsSizeInformation,
    FsVolumeInformation,
    SectorSizeFlags,
)
from tests.unit.wire.structures import Field, SizedStructure, Structure

Lay = Callable[..., bytes]

GUID = bytes(range(16))
STRUCTURES: list[tuple[SizedStructure, int, Sequence[Field]]] = [
    (
        FsVolumeInformation(0x1D0000000000000, 0xDEADBEEF, "data", True),
        18,
        [(8, 0x1D0000000000000), (4, 0xDEADBEEF), (4, 8), (1, 1), (1, 0), "data"],
    ),
    (FsSizeInformation(1000, 500, 8, 512), 24, [(8, 1000), (8, 500), (4, 8), (4, 512)]),
    (
        FsDeviceInformation(
            DeviceType.FILE_DEVICE_DISK, DeviceCharacteristics.FILE_DEVICE_IS_MOUNTED
        ),
        8,
        [(4, 7), (4, 0x20)],
    ),
    (
        FsAttributeInformation(
            FileSystemAttributes.FILE_UNICODE_ON_DISK
            | FileSystemAttributes.FILE_CASE_PRESERVED_NAMES,
            255,
            "NTFS",
        ),
        12,
        [(4, 6), (4, 255), (4, 8), "NTFS"],
    ),
    (
        FsControlInformation(),
        48,
        [(8, 0), (8, 0), (8, 0), (8, -1), (8, -1), (4, 0), (4, 0)],
    ),
    (
        FsFullSizeInformation(1000, 500, 600, 8, 512),
        32,
        [(8, 1000), (8, 500), (8, 600), (4, 8), (4, 512)],
    ),
    (FsObjectIdInformation(GUID), 64, [GUID, bytes(48)]),
    (
        FsSectorSizeInformation(
            512,
            4096,
            4096,
            4096,
            SectorSizeFlags.ALIGNED_DEVICE | SectorSizeFlags.PARTITION_ALIGNED_ON_DEVICE,
        ),
        28,
        [(4, 512), (4, 4096), (4, 4096), (4, 4096), (4, 3), (4, 0), (4, 0)],
    ),
]
IDS = [type(structure).__name__ for structure, _, _ in STRUCTURES]


@pytest.mark.parametrize(("structure", "size", "fields"), STRUCTURES, ids=IDS)
def test_layout(structure: SizedStructure, size: int, fields: Sequence[Field], lay: Lay) -> None:
    wire = lay(*fields)
    cls = type(structure)
    assert structure.encode() == wire
    assert cls.decode(wire) == structure
    assert size == cls.SIZE
    with pytest.raises(WireError):
        cls.decode(wire[: size - 1])


@pytest.mark.parametrize("structure", [structure for structure, _, _ in STRUCTURES], ids=IDS)
@given(data=st.data())
def test_any_bytes(structure: Structure, data: st.DataObject, fuzz: Callable[..., None]) -> None:
    cls = type(structure)
    fuzz(data, cls.decode, cls.encode, structure.encode())
