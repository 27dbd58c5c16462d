from dataclasses import replace

import pytest

from smbquic.client.stat import Stat
from smbquic.wire.create_contexts import QueryOnDiskIdResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.directory_information import DirectoryEntry
from tests.unit.client.fakes import opened

EPOCH = 116444736000000000
"""1970-01-01 as FILETIME, in units of 100 ns."""


def stat(attributes: FileAttributes) -> Stat:
    return Stat.of("x", opened(attributes=attributes))


@pytest.mark.parametrize(
    ("attributes", "is_directory", "is_link"),
    [
        (FileAttributes.ARCHIVE, False, False),
        (FileAttributes.DIRECTORY | FileAttributes.HIDDEN, True, False),
        (FileAttributes.REPARSE_POINT, False, True),
        (FileAttributes.DIRECTORY | FileAttributes.REPARSE_POINT, True, True),
    ],
)
def test_what_it_is(attributes: FileAttributes, is_directory: bool, is_link: bool) -> None:
    found = stat(attributes)
    assert (found.is_directory, found.is_link) == (is_directory, is_link)
    assert found.attributes == attributes


def test_it_has_what_a_create_response_says() -> None:
    response = opened(size=123)
    response.creation_time = EPOCH
    response.last_access_time = EPOCH + 1
    response.last_write_time = EPOCH + 10_000_000
    response.change_time = EPOCH + 30_000_000
    response.allocation_size = 4096
    assert Stat.of("name", response) == Stat(
        name="name",
        size=123,
        allocation_size=4096,
        attributes=FileAttributes.ARCHIVE,
        creation_time=0,
        last_access_time=100,
        last_write_time=1_000_000_000,
        change_time=3_000_000_000,
    )


def test_it_has_what_a_directory_entry_says() -> None:
    entry = DirectoryEntry(
        file_name="other",
        creation_time=EPOCH + 10_000_000,
        last_access_time=EPOCH + 20_000_000,
        last_write_time=EPOCH + 30_000_000,
        change_time=EPOCH + 40_000_000,
        end_of_file=7,
        allocation_size=8,
        file_attributes=FileAttributes.DIRECTORY,
        file_id=9,
        reparse_tag=10,
        ea_size=11,
    )
    found = Stat.of("other", entry)
    assert (found.size, found.allocation_size) == (7, 8)
    times = (
        found.creation_time,
        found.last_access_time,
        found.last_write_time,
        found.change_time,
    )
    assert times == (10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9)
    assert found.is_directory
    assert (found.file_id, found.reparse_tag, found.ea_size) == (9, 10, 11)


def test_a_create_response_says_nothing_of_what_only_a_listing_has() -> None:
    found = Stat.of("name", opened())
    assert (found.file_id, found.reparse_tag, found.ea_size) == (0, 0, None)
    numbered = opened()
    numbered.contexts.append(QueryOnDiskIdResponse(9, 1).context())
    assert Stat.of("name", numbered).file_id == 9
    numbered.contexts[:] = [replace(numbered.contexts[0], name=b"none")]
    assert Stat.of("name", numbered).file_id == 0
