"""Which times an open shows, and which it keeps."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.opens import times
from smbquic.storage.local import attributes, xattrs
from smbquic.wire.close import CloseFlags, CloseRequest, CloseResponse
from smbquic.wire.create import CreateDisposition
from smbquic.wire.create_contexts import AllocationSize
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AllInformation,
    AllocationInformation,
    BasicInformation,
    EndOfFileInformation,
    FileInformationClass,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.file_information import Information
from tests.unit.server.smb_client import Client

NEW_YEAR = 1_577_836_800_000_000_000
SECOND = 1_000_000_000
OLD = from_unix_ns(NEW_YEAR)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for those who show times."""
    now = 1000.0

    def pass_by(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(times, "monotonic", lambda: now)
    return pass_by


@pytest.fixture
def path(root: Path) -> Path:
    path = root / "file"
    path.write_bytes(b"content")
    os.utime(path, ns=(NEW_YEAR, NEW_YEAR))
    return path


@pytest.fixture
async def file_id(client: Client, path: Path) -> FileId:
    opened: FileId = await client.open("file")
    return opened


async def change(client: Client, file_id: FileId, structure: Information) -> None:
    kind = getattr(FileInformationClass, f"File{type(structure).__name__}")
    response = await client.call(SetInfoRequest(InfoType.FILE, kind, file_id, structure.encode()))
    assert response.status == NtStatus.SUCCESS


async def write(client: Client, file_id: FileId, content: bytes = b"new") -> None:
    assert (await client.call(WriteRequest(0, file_id, content))).status == NtStatus.SUCCESS


async def ask(client: Client, file_id: FileId, kind: int) -> Buffer:
    response = await client.call(QueryInfoRequest(InfoType.FILE, kind, 1000, file_id))
    assert response.status == NtStatus.SUCCESS
    buffer: Buffer = response.body.buffer
    return buffer


async def shown(client: Client, file_id: FileId) -> BasicInformation:
    buffer = await ask(client, file_id, FileInformationClass.FileAllInformation)
    return AllInformation.decode(buffer).basic_information


async def write_time(client: Client, file_id: FileId) -> int:
    return (await shown(client, file_id)).last_write_time


async def close(client: Client, file_id: FileId) -> CloseResponse:
    response = await client.call(CloseRequest(file_id, flags=CloseFlags.POSTQUERY_ATTRIB))
    body: CloseResponse = response.body
    return body


async def a_moment() -> None:
    """Longer than it takes the disk's clock to go on."""
    await asyncio.sleep(0.03)


def on_disk(path: Path) -> int:
    return from_unix_ns(path.stat().st_mtime_ns)


def set_on_disk(path: Path, time: int) -> int:
    """Set the time that a write at that moment would have set."""
    os.utime(path, ns=(time, time))
    return from_unix_ns(time)


# The write time


async def test_a_write_shows_after_two_seconds(
    client: Client, path: Path, file_id: FileId, wait: Callable[[float], None]
) -> None:
    await write(client, file_id)
    written = on_disk(path)

    assert written > OLD
    assert await write_time(client, file_id) == OLD
    wait(1.75)
    assert await write_time(client, file_id) == OLD
    wait(0.25)
    assert await write_time(client, file_id) == written
    assert (await close(client, file_id)).last_write_time == written


async def test_further_writes_show_when_the_file_is_closed(
    client: Client, path: Path, file_id: FileId, wait: Callable[[float], None]
) -> None:
    await write(client, file_id)
    first = set_on_disk(path, NEW_YEAR + SECOND)
    wait(3)
    assert await write_time(client, file_id) == first

    await write(client, file_id)
    await write(client, file_id)
    wait(3)

    assert await write_time(client, file_id) == first
    assert (await close(client, file_id)).last_write_time == on_disk(path) > first


async def test_others_see_what_is_on_the_disk(
    client: Client, path: Path, file_id: FileId, wait: Callable[[float], None]
) -> None:
    await write(client, file_id)

    other = await client.create("file")

    assert other.body.last_write_time == on_disk(path) > OLD
    assert await write_time(client, other.body.file_id) == on_disk(path)


@pytest.mark.parametrize(
    "what",
    [
        FlushRequest,
        EndOfFileInformation(3),
        BasicInformation(),
        BasicInformation(creation_time=OLD),
        BasicInformation(change_time=OLD),
    ],
)
async def test_what_shows_a_write_at_once(
    client: Client,
    path: Path,
    file_id: FileId,
    wait: Callable[[float], None],
    what: Information | type[FlushRequest],
) -> None:
    await write(client, file_id)

    if isinstance(what, type):
        assert (await client.call(FlushRequest(file_id))).status == NtStatus.SUCCESS
    else:
        await change(client, file_id, what)

    assert await write_time(client, file_id) == on_disk(path) > OLD


async def test_a_time_that_another_open_sets_shows_at_once(
    client: Client, path: Path, file_id: FileId, wait: Callable[[float], None]
) -> None:
    other = await client.open("file")
    await write(client, file_id)
    tomorrow = from_unix_ns(NEW_YEAR + 86_400 * SECOND)

    await change(client, other, BasicInformation(last_write_time=tomorrow))

    assert await write_time(client, file_id) == tomorrow
    assert (await close(client, file_id)).last_write_time == tomorrow


async def test_a_time_that_was_set_is_shown_whatever_is_written(
    client: Client, path: Path, file_id: FileId, wait: Callable[[float], None]
) -> None:
    wanted = from_unix_ns(NEW_YEAR + SECOND)
    await change(client, file_id, BasicInformation(last_write_time=wanted))

    await write(client, file_id)

    assert await write_time(client, file_id) == on_disk(path) == wanted


# The change time


async def test_a_new_name_shows_in_the_change_time_when_the_file_is_closed(
    client: Client, path: Path, file_id: FileId
) -> None:
    before = (await shown(client, file_id)).change_time
    await a_moment()

    await change(client, file_id, RenameInformation(file_name="new"))
    await change(client, file_id, RenameInformation(file_name="newer"))

    assert (await shown(client, file_id)).change_time == before
    assert (await close(client, file_id)).change_time > before


async def test_a_write_after_a_rename_shows_in_the_change_time(
    client: Client, path: Path, file_id: FileId
) -> None:
    before = (await shown(client, file_id)).change_time
    await change(client, file_id, RenameInformation(file_name="new"))
    await a_moment()

    await write(client, file_id)

    assert (await shown(client, file_id)).change_time > before


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
@pytest.mark.parametrize(
    "what",
    [
        BasicInformation(file_attributes=FileAttributes.HIDDEN),
        BasicInformation(last_write_time=OLD),
        RenameInformation(file_name="new"),
        EndOfFileInformation(100),
        None,
    ],
)
async def test_a_change_time_that_was_set_lasts(
    client: Client, path: Path, file_id: FileId, what: Information
) -> None:
    await change(client, file_id, BasicInformation(change_time=OLD))

    if what is None:
        await write(client, file_id)
    else:
        await change(client, file_id, what)
    assert (await shown(client, file_id)).change_time == OLD
    assert (await close(client, file_id)).change_time == OLD


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
async def test_a_change_time_is_frozen_and_thawed(
    client: Client, path: Path, file_id: FileId
) -> None:
    before = (await shown(client, file_id)).change_time
    await change(client, file_id, BasicInformation(change_time=-1))
    await write(client, file_id)
    assert (await shown(client, file_id)).change_time == before

    await change(client, file_id, BasicInformation(change_time=-2))
    await a_moment()
    await write(client, file_id)
    assert (await shown(client, file_id)).change_time > before


# What backups go by


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
@pytest.mark.parametrize("name", ["file", "file:stream"])
async def test_what_is_written_is_to_be_archived(client: Client, path: Path, name: str) -> None:
    file_id = await client.open(name)
    before = (await shown(client, file_id)).creation_time

    await write(client, file_id)

    basic = await shown(client, file_id)
    assert basic.file_attributes == FileAttributes.ARCHIVE
    assert basic.creation_time == before


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
async def test_what_is_hidden_is_to_be_archived_too(
    client: Client, path: Path, file_id: FileId
) -> None:
    await change(client, file_id, BasicInformation(file_attributes=FileAttributes.HIDDEN))

    await write(client, file_id)

    attributes = (await shown(client, file_id)).file_attributes
    assert attributes == FileAttributes.HIDDEN | FileAttributes.ARCHIVE


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
async def test_who_writes_on_may_say_that_it_is_archived(
    client: Client, path: Path, file_id: FileId
) -> None:
    await write(client, file_id)
    await change(client, file_id, BasicInformation(file_attributes=FileAttributes.NORMAL))

    await write(client, file_id)

    assert (await shown(client, file_id)).file_attributes == FileAttributes.NORMAL


async def test_a_name_hides_a_file_only_while_it_has_that(client: Client, root: Path) -> None:
    (root / ".file").write_bytes(b"content")
    file_id = await client.open(".file")

    await write(client, file_id)

    assert not (attributes.read(bytes(root / ".file")).attributes or 0) & FileAttributes.HIDDEN


# Room on the disk


async def allocation(client: Client, file_id: FileId) -> tuple[int, int]:
    buffer = await ask(client, file_id, FileInformationClass.FileStandardInformation)
    standard = StandardInformation.decode(buffer)
    return standard.allocation_size, standard.end_of_file


async def test_room_that_was_asked_for_is_shown_until_the_file_is_closed(
    client: Client, root: Path
) -> None:
    contexts = [AllocationSize(1_000_000).context()]

    created = await client.create("new", contexts=contexts)

    assert created.body.allocation_size == -(-1_000_000 // 4096) * 4096
    file_id = created.body.file_id
    assert await allocation(client, file_id) == (created.body.allocation_size, 0)
    await close(client, file_id)
    assert (await client.create("new")).body.allocation_size == 0


async def test_room_is_asked_for_and_given_back(client: Client, root: Path) -> None:
    file_id = await client.open("new", create_disposition=CreateDisposition.FILE_CREATE)

    await change(client, file_id, AllocationInformation(10_000))
    assert await allocation(client, file_id) == (12288, 0)
    await change(client, file_id, EndOfFileInformation(0))
    assert await allocation(client, file_id) == (0, 0)


@pytest.mark.skipif(not xattrs.SUPPORTED, reason="only Linux has extended attributes here")
async def test_attributes_take_no_room_of_an_empty_file(client: Client, root: Path) -> None:
    (root / "file").touch()
    os.setxattr(root / "file", "user.large", bytes(3000))

    assert (await client.create("file")).body.allocation_size == 0
