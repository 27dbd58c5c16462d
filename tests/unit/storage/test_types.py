"""The numbers that a storage shares with the wire, and what it tells by saying nothing."""

import pytest

from smbquic.storage import types
from smbquic.storage.types import Action, Capability, Disposition, FileStat, VolumeStat


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("READONLY", 0x1),
        ("HIDDEN", 0x2),
        ("SYSTEM", 0x4),
        ("DIRECTORY", 0x10),
        ("ARCHIVE", 0x20),
        ("NORMAL", 0x80),
        ("TEMPORARY", 0x100),
        ("SPARSE", 0x200),
        ("REPARSE_POINT", 0x400),
        ("OFFLINE", 0x1000),
        ("NOT_CONTENT_INDEXED", 0x2000),
    ],
)
def test_attributes_are_those_of_ms_fscc_2_6(name: str, value: int) -> None:
    assert getattr(types, name) == value


def test_clients_set_no_attribute_that_says_what_a_file_is() -> None:
    assert types.SETTABLE == 0x3127
    assert types.KEPT == 0x3327


def test_dispositions_and_actions_are_those_of_ms_smb2() -> None:
    # [MS-SMB2] 2.2.13 CreateDisposition, 2.2.14 CreateAction
    assert [each.value for each in Disposition] == [0, 1, 2, 3, 4, 5]
    assert [each.name for each in Disposition][:3] == ["SUPERSEDE", "OPEN", "CREATE"]
    assert {each.name: each.value for each in Action} == {
        "SUPERSEDED": 0,
        "OPENED": 1,
        "CREATED": 2,
        "OVERWRITTEN": 3,
    }


def test_no_capability_is_none() -> None:
    assert not Capability.NONE
    assert all(each not in Capability.NONE for each in Capability)


def test_what_is_not_said_of_a_file_is_nothing() -> None:
    stat = FileStat("name", is_directory=False)

    numbers = (stat.size, stat.allocation_size, stat.attributes, stat.file_id, stat.ea_size)
    assert numbers == (0, 0, 0, 0, 0)
    times = (stat.creation_time, stat.last_access_time, stat.last_write_time, stat.change_time)
    assert times == (0, 0, 0, 0)
    assert (stat.owner, stat.group, stat.account, stat.link) == (None, None, 0, None)
    # It has the name that it was found by, and nobody's permissions are known to be less than all.
    assert (stat.links, stat.mode) == (1, 0o777)


def test_a_description_of_name_size_and_time() -> None:
    file = FileStat.of("name", is_directory=False, size=5, modified=7)
    folder = FileStat.of("name", is_directory=True)

    assert (file.size, file.allocation_size, file.attributes) == (5, 5, types.NORMAL)
    times = {file.creation_time, file.last_access_time, file.last_write_time, file.change_time}
    assert times == {7}
    assert (folder.size, folder.attributes, folder.change_time) == (0, types.DIRECTORY, 0)


def test_a_disk_of_which_nothing_is_known() -> None:
    volume = VolumeStat()

    assert (volume.total_bytes, volume.available_bytes, volume.free_bytes) == (0, 0, 0)
    assert (volume.block_size, volume.name_max, volume.file_system) == (4096, 255, "NTFS")
    assert (volume.label, volume.serial, volume.created) == ("", 0, 0)
