"""Files that are written under their own names; those with temporary names are in test_transfer."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from smbquic.client import file as file_module
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed, RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import TransferOptions
from smbquic.protocol.response import Response
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.message import Message
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteResponse
from tests.unit.client.fakes import Answer, FakeServer, Received, opened
from tests.unit.client.transferring import CONTENT, deletions, renames, serve_content

RENAME = FileInformationClass.FileRenameInformation


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "CHUNK", 1024)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A local file of ten chunks."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    return path


async def test_a_small_file_in_its_place_takes_one_message(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    await share.put(tmp_path / "x", "a/y", options=TransferOptions(inplace=True))
    assert server.commands() == ["CREATE", "WRITE", "SET_INFO", "FLUSH", "CLOSE"]
    assert server.opened_names() == ["a\\y"]
    assert renames(server) == []


async def test_a_small_write_in_its_place_that_comes_short(
    share: Share, server: FakeServer, tmp_path: Path
) -> None:
    server.handlers[Command.WRITE] = lambda request: WriteResponse(1)
    (tmp_path / "x").write_bytes(b"abc")
    with pytest.raises(RemoteProtocolError, match="only a part of 3 bytes"):
        await share.put(tmp_path / "x", "y", options=TransferOptions(inplace=True))


async def test_a_large_file_in_its_place(
    share: Share, server: FakeServer, source: Path, tmp_path: Path
) -> None:
    await share.put(source, "y", options=TransferOptions(inplace=True))
    assert server.opened_names() == ["y"]
    assert (renames(server), deletions(server)) == ([], 0)
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    with pytest.raises(StatusError):
        await share.put(source, "y", options=TransferOptions(inplace=True))
    assert deletions(server) == 0
    serve_content(server)
    await share.get("y", tmp_path / "z", options=TransferOptions(inplace=True))
    assert (tmp_path / "z").read_bytes() == CONTENT


def test_what_excludes_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        TransferOptions(resume=True, inplace=True)


# --- a connection that is lost while a file gets its name ---


def losing_the_rename(monkeypatch: pytest.MonkeyPatch, *, sent: bool) -> None:
    """Lose the connection with the first rename, and have another one at once."""
    compound, lost = file_module.File.compound, [1]

    async def lose(
        file: file_module.File, build: Callable[[FileId], Sequence[Message]]
    ) -> list[Response]:
        bodies = build(file.file_id)
        if isinstance(bodies[0], SetInfoRequest) and bodies[0].file_info_class == RENAME and lost:
            lost.pop()
            error = ConnectionClosed("the cable is cut")
            error.sent = sent
            raise error
        return await compound(file, build)

    monkeypatch.setattr(file_module.File, "compound", lose)


@pytest.mark.parametrize(
    ("there", "renamed_again"), [("it", False), ("another file", True), ("nothing", True)]
)
async def test_whether_a_file_got_its_name_is_looked_up(
    share: Share,
    server: FakeServer,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    renamed_again: bool,
) -> None:
    losing_the_rename(monkeypatch, sent=True)

    def create(request: Received) -> Answer:
        if request.body.name != "y":
            return None
        if there == "nothing":
            return NtStatus.OBJECT_NAME_NOT_FOUND, None
        answer = opened(file_id=8)
        answer.creation_time += there == "another file"
        return answer

    server.handlers[Command.CREATE] = create
    await share.put(source, "y")
    assert [rename.file_name for rename in renames(server)] == ["y"] * renamed_again
    assert deletions(server) == 0
    _, looked_up = server.bodies(Command.CREATE)
    assert looked_up.name == "y"
    assert (looked_up.desired_access, looked_up.create_disposition) == (0x100080, 1)
    closed = [body.file_id for body in server.bodies(Command.CLOSE)]
    assert closed == [FileId(8, 8)] * (there != "nothing") + [FileId.RELATED] * renamed_again


async def test_a_rename_that_was_not_sent_leaves_the_part_in_doubt(
    share: Share, server: FakeServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing_the_rename(monkeypatch, sent=False)
    with pytest.raises(ConnectionClosed, match="the cable is cut"):
        await share.put(source, "y")
    assert (renames(server), deletions(server)) == ([], 0)
    assert len(server.opened_names()) == 1


async def test_a_part_has_a_name_of_its_own_and_is_nobodys_else(
    share: Share, server: FakeServer, source: Path
) -> None:
    await share.put(source, "a/b/y")
    await share.put(source, "a/b/y")
    first, second = server.bodies(Command.CREATE)
    for create in (first, second):
        assert create.name.startswith("a\\b\\.smbquic-")
        assert (create.desired_access, create.create_disposition) == (0x110182, 2)
        assert (create.create_options, create.share_access) == (0x40, 0)
    assert first.name != second.name


async def test_a_file_in_its_place_that_fails_is_closed(
    share: Share, server: FakeServer, source: Path
) -> None:
    server.handlers[Command.WRITE] = lambda request: (NtStatus.DISK_FULL, None)
    server.handlers[Command.CLOSE] = lambda request: (NtStatus.FILE_CLOSED, None)
    with pytest.raises(StatusError, match="DISK_FULL"):
        await share.put(source, "y", options=TransferOptions(inplace=True))
    assert server.commands()[-1] == "CLOSE"
    [create] = server.bodies(Command.CREATE)
    assert (create.create_disposition, create.share_access) == (5, 7)


async def test_a_part_is_made_again_if_its_connection_is_lost(
    share: Share, server: FakeServer, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeat, told = share.share_tree.repeat, list[bool]()

    async def note(work: Any, *, repeatable: bool) -> Any:
        told.append(repeatable)
        return await repeat(work, repeatable=repeatable)

    monkeypatch.setattr(share.share_tree, "repeat", note)
    await share.put(source, "y")
    assert told == [True]


async def test_a_part_that_is_refused_its_name(
    share: Share, server: FakeServer, source: Path
) -> None:
    def refuse(request: Received) -> Answer:
        refused = request.body.file_info_class == RENAME
        return (NtStatus.ACCESS_DENIED, None) if refused else None

    server.handlers[Command.SET_INFO] = refuse
    with pytest.raises(StatusError, match=r"y: .*ACCESS_DENIED"):
        await share.put(source, "y")
    assert len(renames(server)) == 1
