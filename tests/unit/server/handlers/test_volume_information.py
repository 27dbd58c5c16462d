from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.server.context import Context
from smbquic.server.handlers.volume_information import VOLUME_CLASSES
from smbquic.storage import VolumeStat
from smbquic.wire.fscc.filesystem_information import (
    FileSystemAttributes,
    FsAttributeInformation,
    FsFullSizeInformation,
    FsObjectIdInformation,
    FsSectorSizeInformation,
    FsSizeInformation,
)

GIB = 1 << 30
DISK = VolumeStat(100 * GIB, 20 * GIB, 30 * GIB, 4096, 255, "disk", 7, 0, "NTFS", False)


def told(information_class: int, stat: VolumeStat) -> bytes:
    context = SimpleNamespace(tree=SimpleNamespace(read_only=False))
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
    sectors = FsSectorSizeInformation.decode(told(11, stat))
    assert sectors.logical_bytes_per_sector == sector
    assert sectors.physical_bytes_per_sector_for_atomicity == physical
    assert sectors.file_system_effective_physical_bytes_per_sector_for_atomicity == physical


@pytest.mark.parametrize("case_sensitive", [False, True])
def test_whether_case_counts(case_sensitive: bool) -> None:
    attribute: Any = FsAttributeInformation.decode(
        told(5, replace(DISK, case_sensitive=case_sensitive))
    )

    searched = attribute.file_system_attributes & FileSystemAttributes.FILE_CASE_SENSITIVE_SEARCH
    assert bool(searched) is case_sensitive


@pytest.mark.parametrize(
    ("field", "flags"),
    [
        ("links", FileSystemAttributes.FILE_SUPPORTS_REPARSE_POINTS),
        (
            "extended",
            FileSystemAttributes.FILE_PERSISTENT_ACLS
            | FileSystemAttributes.FILE_NAMED_STREAMS
            | FileSystemAttributes.FILE_SUPPORTS_EXTENDED_ATTRIBUTES,
        ),
    ],
)
def test_what_a_volume_can_keep(field: str, flags: FileSystemAttributes) -> None:
    with_it, without = (
        FsAttributeInformation.decode(told(5, replace(DISK, **cast(Any, {field: value}))))
        for value in (True, False)
    )

    assert with_it.file_system_attributes == without.file_system_attributes | flags
    assert not without.file_system_attributes & flags


def test_another_volume_has_another_object_id() -> None:
    one, other = (
        FsObjectIdInformation.decode(told(8, stat)).object_id
        for stat in (DISK, replace(DISK, serial=8))
    )

    assert one != other
