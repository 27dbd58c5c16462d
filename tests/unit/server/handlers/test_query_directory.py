import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pytest
from smbprotocol import file_info as auditor  # type: ignore[import-untyped]

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.handlers import query_directory
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.directory_information import (
    FIXED_SIZES,
    DirectoryEntry,
    decode_entries,
)
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.negotiate import Dialect
from smbquic.wire.query_directory import QueryDirectoryFlags, QueryDirectoryRequest
from tests.unit.server.smb_client import Client, Connect

ID_BOTH = FileInformationClass.FileIdBothDirectoryInformation
NAMES = FileInformationClass.FileNamesInformation
FOLDER = CreateOptions.FILE_DIRECTORY_FILE
RESTART = QueryDirectoryFlags.RESTART_SCANS
REOPEN = QueryDirectoryFlags.REOPEN
SINGLE = QueryDirectoryFlags.RETURN_SINGLE_ENTRY


class DirectoryQueryFields(TypedDict, total=False):
    """Parameters of `query` that a test sets."""

    room: int
    file_information_class: int
    flags: int
    file_index: int


def query(
    file_id: FileId,
    pattern: str = "*",
    *,
    room: int = 65536,
    file_information_class: int = ID_BOTH,
    flags: int = 0,
    file_index: int = 0,
) -> QueryDirectoryRequest:
    return QueryDirectoryRequest(
        file_information_class, file_id, pattern, room, flags=flags, file_index=file_index
    )


async def listing(
    client: Client, file_id: FileId, pattern: str = "*", **fields: Unpack[DirectoryQueryFields]
) -> list[DirectoryEntry]:
    """All entries, by as many requests as it takes."""
    return [
        entry
        async for response in responses(client, file_id, pattern, **fields)
        for entry in decode_entries(
            fields.get("file_information_class", ID_BOTH), response.body.buffer
        )
    ]


async def responses(
    client: Client, file_id: FileId, pattern: str = "*", **fields: Unpack[DirectoryQueryFields]
) -> AsyncIterator[Response]:
    while True:
        response = await client.call(query(file_id, pattern, **fields))
        if response.status == NtStatus.NO_MORE_FILES:
            return
        assert response.status == NtStatus.SUCCESS, response.status.label
        yield response


def names(entries: list[DirectoryEntry]) -> list[str]:
    return [entry.file_name for entry in entries]


def fill(root: Path, *files: str) -> None:
    for name in files:
        (root / name).write_bytes(name.encode())


def inode(path: Path) -> int:
    return path.stat().st_ino


@pytest.fixture
async def folder(client: Client, root: Path) -> FileId:
    file_id: FileId = await client.open("", create_options=FOLDER)
    return file_id


async def test_own_and_parent_folder_come_first(client: Client, root: Path, folder: FileId) -> None:
    fill(root, "a", "b")
    (root / "sub").mkdir()
    inner = await client.open("sub", create_options=FOLDER)

    entries = await listing(client, folder)
    assert names(entries)[:2] == [".", ".."]
    assert sorted(names(entries)[2:]) == ["a", "b", "sub"]
    own, parent = await listing(client, inner)
    assert (own.file_name, own.file_id) == (".", inode(root / "sub"))
    assert (parent.file_name, parent.file_id) == ("..", inode(root))
    assert own.file_attributes & FileAttributes.DIRECTORY


@pytest.mark.parametrize("information_class", sorted(FIXED_SIZES))
async def test_every_class_tells_what_the_disk_says(
    client: Client, root: Path, folder: FileId, information_class: int
) -> None:
    fill(root, "Größe \U0001f600.bin")
    stat = (root / "Größe \U0001f600.bin").stat()

    (entry,) = await listing(client, folder, "*.bin", file_information_class=information_class)

    assert entry.file_name == "Größe \U0001f600.bin"
    assert (entry.file_index, entry.short_name) == (0, "")
    if information_class == NAMES:
        return
    assert entry.end_of_file == stat.st_size == 16
    assert entry.allocation_size == stat.st_blocks * 512
    assert entry.last_write_time == from_unix_ns(stat.st_mtime_ns)
    assert entry.last_access_time == from_unix_ns(stat.st_atime_ns)
    assert entry.change_time == from_unix_ns(stat.st_ctime_ns)
    assert 0 < entry.creation_time <= entry.change_time
    assert entry.file_attributes == FileAttributes.NORMAL
    if information_class not in (1, 2, 3):
        assert entry.file_id == stat.st_ino


@pytest.mark.parametrize(
    ("information_class", "structure"),
    [
        (1, auditor.FileDirectoryInformation),
        (2, auditor.FileFullDirectoryInformation),
        (3, auditor.FileBothDirectoryInformation),
        (12, auditor.FileNamesInformation),
        (37, auditor.FileIdBothDirectoryInformation),
        (38, auditor.FileIdFullDirectoryInformation),
    ],
)
async def test_another_library_reads_the_chain(
    client: Client, root: Path, folder: FileId, information_class: int, structure: Any
) -> None:
    wanted = {".", "..", *(f"file{'x' * length}" for length in range(9))}
    fill(root, *(wanted - {".", ".."}))

    response = await client.call(query(folder, file_information_class=information_class))

    data, found = bytes(response.body.buffer), set()
    while True:
        entry = structure()
        entry.unpack(data)
        found.add(entry["file_name"].get_value().decode("utf-16-le"))
        following = entry["next_entry_offset"].get_value()
        assert following % 8 == 0
        if not following:
            break
        data = data[following:]
    assert found == wanted


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", {".", "..", "A.txt", "b.TXT", "c.md", "nodot"}),
        ("", {".", "..", "A.txt", "b.TXT", "c.md", "nodot"}),
        ("*.*", {".", "..", "A.txt", "b.TXT", "c.md", "nodot"}),
        ("*.txt", {"A.txt", "b.TXT"}),
        ("<.txt", {"A.txt", "b.TXT"}),
        ("?.md", {"c.md"}),
        (">>>>>", {"nodot"}),
        ("B.txt", {"b.TXT"}),
        (".", {"."}),
        ("..", {".."}),
    ],
)
async def test_patterns(
    client: Client, root: Path, folder: FileId, pattern: str, expected: set[str]
) -> None:
    fill(root, "A.txt", "b.TXT", "c.md", "nodot")

    assert set(names(await listing(client, folder, pattern))) == expected


@pytest.mark.parametrize("pattern", ["nothing", "nothing*", "trailing.", "a" * 255])
async def test_nothing_is_no_such_file_at_first_and_no_more_files_then(
    client: Client, folder: FileId, pattern: str
) -> None:
    first = await client.call(query(folder, pattern))
    second = await client.call(query(folder, pattern))

    assert first.status == NtStatus.NO_SUCH_FILE
    assert second.status == NtStatus.NO_MORE_FILES


async def test_the_end_is_no_more_files_again_and_again(
    client: Client, root: Path, folder: FileId
) -> None:
    fill(root, "a")
    assert (await client.call(query(folder))).status == NtStatus.SUCCESS

    for _ in range(2):
        assert (await client.call(query(folder))).status == NtStatus.NO_MORE_FILES


@pytest.mark.parametrize("pattern", ["a\\b", "a/b", "a:b", "x" * 256])
async def test_what_is_no_name_is_no_pattern(client: Client, folder: FileId, pattern: str) -> None:
    response = await client.call(query(folder, pattern))

    assert response.status == NtStatus.OBJECT_NAME_INVALID


async def test_the_pattern_stays_until_the_search_is_started_anew(
    client: Client, root: Path, folder: FileId
) -> None:
    fill(root, "a1", "a2", "b1")

    one = await listing(client, folder, "a*", flags=SINGLE)
    assert sorted(names(one)) == ["a1", "a2"]
    assert (await client.call(query(folder, "b*"))).status == NtStatus.NO_MORE_FILES
    again = await client.call(query(folder, "", flags=RESTART))
    assert len(decode_entries(ID_BOTH, again.body.buffer)) == 2
    other = await client.call(query(folder, "b*", flags=REOPEN))
    assert names(decode_entries(ID_BOTH, other.body.buffer)) == ["b1"]
    none = await client.call(query(folder, "c*", flags=RESTART))
    assert none.status == NtStatus.NO_SUCH_FILE


async def test_a_refused_pattern_leaves_the_search_alone(
    client: Client, root: Path, folder: FileId
) -> None:
    fill(root, "xa", "xb")
    first = await client.call(query(folder, "x?", flags=SINGLE))

    assert (await client.call(query(folder, "a:b", flags=RESTART))).status == (
        NtStatus.OBJECT_NAME_INVALID
    )
    second = await client.call(query(folder, flags=SINGLE))

    got = [names(decode_entries(ID_BOTH, r.body.buffer))[0] for r in (first, second)]
    assert sorted(got) == ["xa", "xb"]


async def test_an_index_is_not_followed(client: Client, root: Path, folder: FileId) -> None:
    fill(root, "xa", "xb")

    flags = SINGLE | QueryDirectoryFlags.INDEX_SPECIFIED
    entries = await listing(client, folder, "x?", flags=flags, file_index=1)

    assert sorted(names(entries)) == ["xa", "xb"]


@pytest.mark.parametrize("room", [300, 1000, 65536])
async def test_thousands_of_entries_each_come_once(
    client: Client, root: Path, folder: FileId, room: int
) -> None:
    wanted = [f"{number:0{1 + number % 60}}" for number in range(3000)]
    for name in wanted:
        os.close(os.open(root / name, os.O_CREAT))

    got, count = [], 0
    async for response in responses(client, folder, room=room):
        assert len(response.body.buffer) <= room
        got += decode_entries(ID_BOTH, response.body.buffer)
        count += 1

    assert sorted(names(got)) == sorted([".", "..", *wanted])
    assert count > 3000 * 106 // room


async def test_what_is_held_does_not_grow_with_the_folder(
    client: Client, root: Path, folder: FileId
) -> None:
    fill(root, *(f"{number}" for number in range(1000)))

    await client.call(query(folder, flags=SINGLE))

    (session,) = client.server.sessions.values()
    (entry,) = session.opens.values()
    assert entry.enumeration.search.waiting is None
    assert iter(entry.enumeration.search.entries) is entry.enumeration.search.entries


async def test_a_name_that_does_not_fit_at_all_is_cut_and_comes_again(
    client: Client, root: Path, folder: FileId
) -> None:
    fill(root, "long enough")
    fixed = FIXED_SIZES[ID_BOTH]

    cut = await client.call(query(folder, "long*", room=fixed + 8))
    whole = await client.call(query(folder, "long*"))

    assert cut.status == NtStatus.BUFFER_OVERFLOW
    assert bytes(cut.body.buffer[fixed:]) == "long".encode("utf-16-le")
    assert names(decode_entries(ID_BOTH, whole.body.buffer)) == ["long enough"]
    assert (await client.call(query(folder))).status == NtStatus.NO_MORE_FILES


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"room": FIXED_SIZES[ID_BOTH] - 1}, NtStatus.INFO_LENGTH_MISMATCH),
        ({"room": 0}, NtStatus.INFO_LENGTH_MISMATCH),
        ({"file_information_class": 4}, NtStatus.INVALID_INFO_CLASS),
        ({"file_information_class": 200}, NtStatus.INVALID_INFO_CLASS),
    ],
)
async def test_refusals(
    client: Client, folder: FileId, fields: DirectoryQueryFields, status: NtStatus
) -> None:
    assert (await client.call(query(folder, **fields))).status == status


async def test_more_than_was_negotiated_is_refused(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    folder = await client.open("", create_options=FOLDER)

    response = await client.call(query(folder, room=65537))

    assert response.status == NtStatus.INVALID_PARAMETER
    assert (await client.call(query(folder, room=65536))).status == NtStatus.SUCCESS


async def test_what_just_fits(client: Client, root: Path, folder: FileId) -> None:
    fill(root, "x1", "x2", "x345")
    whole = len((await client.call(query(folder, "x?"))).body.buffer)
    first = FIXED_SIZES[ID_BOTH] + 4
    assert whole == first + -first % 8 + first

    for room, found in ((whole, 2), (whole - 1, 1), (first, 1)):
        response = await client.call(query(folder, "x?", room=room, flags=RESTART))
        assert response.status == NtStatus.SUCCESS
        assert len(decode_entries(ID_BOTH, response.body.buffer)) == found
    response = await client.call(query(folder, "x?", room=first - 1, flags=RESTART))
    assert response.status == NtStatus.BUFFER_OVERFLOW


async def test_a_file_has_no_entries(client: Client) -> None:
    file_id = await client.open("file")

    assert (await client.call(query(file_id))).status == NtStatus.INVALID_PARAMETER


async def test_the_right_to_list_is_needed(client: Client) -> None:
    folder = await client.open(
        "", create_options=FOLDER, desired_access=AccessMask.FILE_READ_ATTRIBUTES
    )

    assert (await client.call(query(folder))).status == NtStatus.ACCESS_DENIED


async def test_others_have_a_turn_while_a_long_listing_is_made(
    client: Client, root: Path, folder: FileId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_directory, "TIME_SLICE", 0.0)
    wanted = [f"file {number}" for number in range(200)]
    fill(root, *wanted)

    long = client.send(query(folder))
    short = client.send(EchoRequest())
    assert (await client.fetch())[0].message_id == short

    response = await client.answer(long)
    assert sorted(names(decode_entries(ID_BOTH, response.body.buffer))[2:]) == sorted(wanted)


async def test_a_close_does_not_cut_the_listing_before_it(
    client: Client, root: Path, folder: FileId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_directory, "TIME_SLICE", 0.0)
    fill(root, *(f"file {number}" for number in range(50)))

    asked = client.send(query(folder))
    closed = client.send(CloseRequest(folder))

    assert (await client.answer(closed)).status == NtStatus.SUCCESS
    response = await client.answer(asked)
    assert len(decode_entries(ID_BOTH, response.body.buffer)) == 52
    assert (await client.call(query(folder))).status == NtStatus.FILE_CLOSED


async def test_attributes_that_were_set_are_listed(
    client: Client, root: Path, folder: FileId
) -> None:
    await client.open("new", file_attributes=FileAttributes.HIDDEN)

    (entry,) = await listing(client, folder, "new")

    assert entry.file_attributes == FileAttributes.HIDDEN | FileAttributes.ARCHIVE


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="nothing tells what is open")
async def test_a_listing_that_is_not_finished_is_let_go_of_at_once(
    client: Client, server: Server, root: Path
) -> None:
    for number in range(20):
        (root / f"file{number}").touch()
    before = open_files()
    file_id = await client.open("", create_options=FOLDER)
    assert (await client.call(query(file_id, room=512))).status == NtStatus.SUCCESS
    [session] = server.sessions.values()
    [kept] = session.opens.values()  # as by somebody who has not heard yet that it is closed
    assert open_files() > before
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS
    assert open_files() == before
    assert kept.enumeration.search is None
