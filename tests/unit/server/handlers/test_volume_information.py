from dataclasses import replace
from struct import pack
from types import SimpleNamespace
from typing import cast

import pytest

from smbquic.server.context import Context
from smbquic.server.handlers.volume_information import VOLUME_CLASSES
from smbquic.storage import Capability, VolumeStat
from smbquic.wire.fscc.filesystem_information import (
    FileSystemAttributes,
    FsAttributeInformation,
    FsDeviceInformation,
    FsFullSizeInformation,
    FsObjectIdInformation,
    FsSectorSizeInformation,
    FsSizeInformation,
    FsVolumeInformation,
)

GIB = 1 << 30
DISK = VolumeStat(100 * GIB, 20 * GIB, 30 * GIB, 4096, 255, "disk", 7)


def told(
    information_class: int, stat: VolumeStat = DISK, capabilities: Capability = Capability.NONE
) -> bytes:
    storage = SimpleNamespace(capabilities=capabilities)
    context = SimpleNamespace(tree=SimpleNamespace(read_only=False, storage=storage))
    return VOLUME_CLASSES[information_class].build(cast(Context, context), stat)


@pytest.mark.parametrize(
    ("block_size", "unit", "sector", "physical"),
    [
        (4096, 4096, 512, 4096),
        (1 << 20, 1 << 20, 512, 4096),
        (1024, 1024, 512, 512),
        (1000, 1000, 1000, 1000),
        (0, 4096, 512, 4096),
        (1 << 40, 4096, 512, 4096),
    ],
)
def test_units_fit_the_fields(block_size: int, unit: int, sector: int, physical: int) -> None:
    stat = replace(DISK, block_size=block_size)

    size = FsSizeInformation.decode(told(3, stat))
    assert size == FsSizeInformation(100 * GIB // unit, 20 * GIB // unit, unit // sector, sector)
    full = FsFullSizeInformation.decode(told(7, stat))
    assert full.caller_available_allocation_units == 20 * GIB // unit
    assert full.actual_available_allocation_units == 30 * GIB // unit
    # Aligned, and unused blocks may be given back. [MS-FSCC] 2.5.7
    assert FsSectorSizeInformation.decode(told(11, stat)) == FsSectorSizeInformation(
        sector, physical, physical, physical, 0x1 | 0x2 | 0x8
    )


@pytest.mark.parametrize(
    ("size", "unit"), [(1, 1), ((1 << 31) - 1, (1 << 31) - 1), (1 << 31, 4096), (-1, 4096)]
)
def test_the_largest_units(size: int, unit: int) -> None:
    stat = FsSizeInformation.decode(told(3, replace(DISK, block_size=size)))

    assert stat.sectors_per_allocation_unit * stat.bytes_per_sector == unit


def test_the_name_of_a_volume_and_when_it_was_made() -> None:
    disk = replace(DISK, created=3 * 10**9)
    made = FsVolumeInformation.decode(told(1, disk))

    # FILETIMEs count 100 ns from 1601 on.
    assert made == FsVolumeInformation(116_444_736_030_000_000, 7, "disk")
    identity = FsObjectIdInformation.decode(told(8, disk))
    assert identity.object_id == pack("<IQ4s", 7, 116_444_736_030_000_000, b"smbq")


@pytest.mark.parametrize(("read_only", "characteristics"), [(False, 0x20), (True, 0x22)])
def test_the_device_is_a_mounted_disk(read_only: bool, characteristics: int) -> None:
    context = SimpleNamespace(tree=SimpleNamespace(read_only=read_only))
    device = FsDeviceInformation.decode(VOLUME_CLASSES[4].build(cast(Context, context), DISK))

    assert device == FsDeviceInformation(7, characteristics)


@pytest.mark.parametrize(
    ("capability", "flag"),
    [
        (Capability.CASE_SENSITIVE, FileSystemAttributes.FILE_CASE_SENSITIVE_SEARCH),
        (Capability.STREAMS, FileSystemAttributes.FILE_NAMED_STREAMS),
        (
            Capability.EXTENDED_ATTRIBUTES,
            FileSystemAttributes.FILE_SUPPORTS_EXTENDED_ATTRIBUTES,
        ),
        (Capability.SECURITY_DESCRIPTORS, FileSystemAttributes.FILE_PERSISTENT_ACLS),
        (Capability.SPARSE_FILES, FileSystemAttributes.FILE_SUPPORTS_SPARSE_FILES),
        (Capability.BLOCK_REFCOUNTING, FileSystemAttributes.FILE_SUPPORTS_BLOCK_REFCOUNTING),
        (Capability.HARD_LINKS, FileSystemAttributes.FILE_SUPPORTS_HARD_LINKS),
        (Capability.SYMBOLIC_LINKS, FileSystemAttributes.FILE_SUPPORTS_REPARSE_POINTS),
    ],
)
def test_clients_are_told_of_a_capability(
    capability: Capability, flag: FileSystemAttributes
) -> None:
    with_it, without = (
        FsAttributeInformation.decode(told(5, capabilities=found)).file_system_attributes
        for found in (capability, ~capability)
    )

    assert with_it & flag
    assert not without & flag


def test_a_storage_without_capabilities_keeps_the_case_of_names() -> None:
    attributes = FsAttributeInformation.decode(told(5)).file_system_attributes

    assert attributes == (
        FileSystemAttributes.FILE_CASE_PRESERVED_NAMES | FileSystemAttributes.FILE_UNICODE_ON_DISK
    )


def test_another_volume_has_another_object_id() -> None:
    one, other = (
        FsObjectIdInformation.decode(told(8, stat)).object_id
        for stat in (DISK, replace(DISK, serial=8))
    )

    assert one != other
