"""Files that are to be deleted, and cannot be."""

import asyncio
import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.opens.file_table import FileTable
from smbquic.server.server import Server
from smbquic.storage.local.file import LocalFile
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    DispositionFlags,
    DispositionInformation,
    DispositionInformationEx,
    RenameInformation,
)
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.privileges import as_nobody
from tests.unit.server.file_information import Information
from tests.unit.server.smb_client import Client

ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE
DELETE = DispositionInformation(True)
DELETE_EX = DispositionInformationEx(
    int(DispositionFlags.DELETE | DispositionFlags.POSIX_SEMANTICS)
)


@dataclass(eq=False)
class LateClose:
    """An open, as far as it can be closed later."""

    owner: Any
    file_state: Any


@pytest.fixture
def locked(root: Path) -> Iterator[Path]:
    """A folder that nobody may change, with a file and an empty folder in it."""
    folder = root / "locked"
    (folder / "inner").mkdir(parents=True)
    (folder / "file").write_bytes(b"content")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


async def mark(client: Client, file_id: FileId, wanted: Information) -> NtStatus:
    """Ask for a deletion on the last close."""
    kind = 13 if isinstance(wanted, DispositionInformation) else 64
    request = SetInfoRequest(InfoType.FILE, kind, file_id, wanted.encode())
    status: NtStatus = (await client.call(request)).status
    return status


async def rename(client: Client, file_id: FileId, name: str) -> NtStatus:
    wanted = RenameInformation(name).encode()
    response = await client.call(SetInfoRequest(InfoType.FILE, 10, file_id, wanted))
    status: NtStatus = response.status
    return status


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


async def close(client: Client, file_id: FileId) -> NtStatus:
    status: NtStatus = (await client.call(CloseRequest(file_id))).status
    return status


@pytest.mark.parametrize("name", ["locked\\file", "locked\\inner"])
@pytest.mark.parametrize("wanted", [DELETE, DELETE_EX])
async def test_who_asks_for_what_the_disk_refuses_is_told(
    client: Client, locked: Path, name: str, wanted: Information
) -> None:
    file_id = await client.open(name)

    with as_nobody():
        assert await mark(client, file_id, wanted) == NtStatus.ACCESS_DENIED
    assert await close(client, file_id) == NtStatus.SUCCESS
    assert names(locked) == ["file", "inner"]


async def test_a_folder_that_is_not_empty_is_called_so_first(client: Client, locked: Path) -> None:
    (locked / "inner" / "file").touch()
    file_id = await client.open("locked\\inner")

    with as_nobody():
        assert await mark(client, file_id, DELETE) == NtStatus.DIRECTORY_NOT_EMPTY


async def test_a_create_that_would_delete_on_close_is_refused(client: Client, locked: Path) -> None:
    with as_nobody():
        for name in ("locked\\file", "locked\\inner"):
            response = await client.create(name, create_options=ON_CLOSE)
            assert response.status == NtStatus.ACCESS_DENIED
    response = await client.create("", create_options=ON_CLOSE)
    assert response.status == NtStatus.CANNOT_DELETE


async def test_a_stream_is_deleted_where_its_file_cannot_be(client: Client, locked: Path) -> None:
    stream = await client.open("locked\\file:s")
    await close(client, stream)
    (locked / "file").chmod(0o444)
    with as_nobody():
        response = await client.create("locked\\file:s", create_options=ON_CLOSE)
    assert response.status == NtStatus.ACCESS_DENIED

    (locked / "file").chmod(0o644)
    stream = await client.open("locked\\file:s", create_options=ON_CLOSE)
    assert await close(client, stream) == NtStatus.SUCCESS
    gone = await client.create("locked\\file:s", create_disposition=CreateDisposition.FILE_OPEN)
    assert gone.status == NtStatus.OBJECT_NAME_NOT_FOUND


async def test_what_fails_at_the_last_close_is_told_logged_and_counted(
    client: Client, server: Server, locked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    set_mode(locked, 0o755)
    first, last = await client.open("locked\\file"), await client.open("locked\\file")
    assert await mark(client, first, DELETE) == NtStatus.SUCCESS
    set_mode(locked, 0o555)

    with as_nobody():
        assert await close(client, first) == NtStatus.SUCCESS
        assert await close(client, last) == NtStatus.ACCESS_DENIED
    assert await close(client, last) == NtStatus.FILE_CLOSED
    assert (locked / "file").exists()
    assert server.files.failed_deletions == 1
    (warning,) = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
    assert "locked\\\\file" in warning.getMessage()
    assert "Permission denied" in warning.getMessage()


async def test_a_folder_that_was_filled_meanwhile_stays(
    client: Client, server: Server, root: Path
) -> None:
    (root / "folder").mkdir()
    folder = await client.open("folder")
    assert await mark(client, folder, DELETE) == NtStatus.SUCCESS
    (root / "folder" / "late").touch()

    # As Windows, whose CLOSE succeeds.
    assert await close(client, folder) == NtStatus.SUCCESS
    assert (root / "folder" / "late").exists()
    assert server.files.failed_deletions == 1


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOTEMPTY, NtStatus.SUCCESS),
        (errno.EIO, NtStatus.IO_DEVICE_ERROR),
        (errno.EDQUOT, NtStatus.DISK_FULL),
    ],
)
async def test_what_a_disk_fails_with_is_told(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch, number: int, status: NtStatus
) -> None:
    def fail(file: LocalFile) -> None:
        raise OSError(number, os.strerror(number))

    file_id = await client.open("file")
    assert await mark(client, file_id, DELETE) == NtStatus.SUCCESS
    monkeypatch.setattr(LocalFile, "delete", fail)
    assert await close(client, file_id) == status
    assert server.files.failed_deletions == 1


async def test_a_folder_moves_where_nothing_is_open_in_it_any_more(
    client: Client, root: Path
) -> None:
    for name in ("former", "other"):
        (root / name).mkdir()
    (root / "former" / "file").touch()
    moved = await client.open("former\\file")
    assert await rename(client, moved, "other\\file") == NtStatus.SUCCESS

    former, other = await client.open("former"), await client.open("other")
    assert await rename(client, former, "former 2") == NtStatus.SUCCESS
    assert await rename(client, other, "other 2") == NtStatus.ACCESS_DENIED
    await close(client, moved)
    assert await rename(client, other, "other 2") == NtStatus.SUCCESS


async def test_what_is_closed_later_is_waited_for() -> None:
    table = FileTable(Limits(), lambda *_: False)
    closed: list[object] = []

    async def run(close: object, entry: object) -> None:
        await asyncio.sleep(0)
        closed.append(entry)

    lock = asyncio.Lock()
    await lock.acquire()
    coroutines = SimpleNamespace(can_wait=lambda: False, lock=lock, run=run)
    entries: list[Any] = []
    for number in range(3):
        owner = SimpleNamespace(
            session=number, tree=SimpleNamespace(share=SimpleNamespace(coroutines=coroutines))
        )
        opens: dict[object, None] = {}
        entry: Any = LateClose(owner, SimpleNamespace(opens=opens))
        opens[entry] = None
        entries.append(entry)
        assert table.close(entry) is None
    await asyncio.sleep(0)
    # One has been closed meanwhile, the owner of another one is back.
    entries[1].file_state.opens.clear()
    entries[2].owner.session = 7
    assert closed == []

    lock.release()
    await table.wait_closed()
    assert closed == entries[:1]
    await table.wait_closed()


async def test_what_others_have_deleted_is_no_failure(
    client: Client, server: Server, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "file").touch()
    file_id = await client.open("file")
    assert await mark(client, file_id, DELETE) == NtStatus.SUCCESS
    (root / "file").unlink()

    assert await close(client, file_id) == NtStatus.SUCCESS
    assert server.files.failed_deletions == 0
    assert not [entry for entry in caplog.records if entry.levelno >= logging.WARNING]


@dataclass
class KeyedFile:
    """A file of a storage, as far as its key and its streams go."""

    key: str
    stream: str = ""
    whole: Any = None


def test_a_file_stays_known_while_one_of_its_streams_is_open() -> None:
    table = FileTable(Limits(), lambda *_: False)
    file = KeyedFile("file")
    stream = table.state(KeyedFile("file:s", "s", whole=file))  # type: ignore[arg-type]
    whole = stream.whole
    assert whole is not None
    table.discard(whole)
    assert table.states() == [stream, whole]
    table.discard(stream)
    assert whole.streams == []
    table.discard(whole)
    assert table.states() == []


def test_a_state_that_was_removed_before_leaves_the_one_that_has_its_key() -> None:
    table = FileTable(Limits(), lambda *_: False)
    former = table.state(KeyedFile("file"))  # type: ignore[arg-type]
    table.discard(former)
    current = table.state(KeyedFile("file"))  # type: ignore[arg-type]
    table.discard(former)
    assert table.get("file") is current
