"""Which changes the watches of a folder get, and under which filters. [MS-FSA] 2.1.5.11"""

from enum import IntFlag
from pathlib import Path
from typing import Protocol

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.storage import Change, ChangeKind
from smbquic.wire.change_notify import CompletionFilter
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition
from smbquic.wire.fscc.extended_attributes import FullEaInformation
from smbquic.wire.fscc.file_information import (
    AllocationInformation,
    BasicInformation,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    PositionInformation,
    RenameInformation,
)
from smbquic.wire.fscc.notify_information import NotifyAction
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, share_of
from tests.unit.server.watching import (
    ADDED,
    DIRECTORY,
    MODIFIED,
    NAMES,
    NEW,
    OLD,
    REMOVED,
    SilentSource,
    changes,
    make,
    notify,
    pending,
    remove,
    set_info,
    watched,
)

File = FileInformationClass


class Filter(IntFlag):
    """Kinds of changes. [MS-SMB2] 2.2.35"""

    FILE_NAME = 0x1
    ATTRIBUTES = 0x4
    SIZE = 0x8
    LAST_WRITE = 0x10
    LAST_ACCESS = 0x20
    CREATION = 0x40
    EA = 0x80
    SECURITY = 0x100


class Information(Protocol):
    """A structure that SET_INFO takes."""

    def encode(self) -> bytes:
        """Return its bytes."""


async def test_another_connection_is_told_too(client: Client, connect: Connect) -> None:
    other = await connect()
    folder = await watched(client)
    await make(other, "a")
    assert changes(await client.call(notify(folder))) == [(ADDED, "a")]


async def test_so_is_another_share_on_the_same_storage(client: Client, connect: Connect) -> None:
    reader = await connect(share="ro")
    folder = await watched(reader)
    await make(client, "a")
    assert changes(await reader.call(notify(folder))) == [(ADDED, "a")]


async def test_filters(client: Client) -> None:
    folder = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_DIR_NAME)
    await make(client, "a")
    await make(client, "sub", create_options=DIRECTORY)
    assert changes(await client.call(notify(folder))) == [(ADDED, "sub")]


async def test_depth(client: Client) -> None:
    await make(client, "sub", create_options=DIRECTORY)
    flat, deep = await watched(client), await watched(client, tree=True)
    inner = await watched(client, "sub")
    await make(client, r"sub\a")
    await make(client, "b")
    assert changes(await client.call(notify(flat))) == [(ADDED, "b")]
    assert changes(await client.call(notify(deep))) == [(ADDED, r"sub\a"), (ADDED, "b")]
    assert changes(await client.call(notify(inner))) == [(ADDED, "a")]


async def test_the_watched_folder_itself_is_no_change_in_it(client: Client) -> None:
    await make(client, "sub", create_options=DIRECTORY)
    inner = await watched(client, "sub", tree=True)
    root = await watched(client)
    basic = BasicInformation(0, 0, 0, 0, 2).encode()
    for name in ("", "sub", r"sub\a"):
        file_id = await client.open(name)
        await client.call(set_info(file_id, FileInformationClass.FileBasicInformation, basic))
    assert changes(await client.call(notify(root))) == [(MODIFIED, "sub")]
    assert changes(await client.call(notify(inner))) == [(ADDED, "a"), (MODIFIED, "a")]


async def test_a_rename_is_a_pair(client: Client) -> None:
    file_id = await client.open("old")
    folder = await watched(client, what=NAMES)
    rename = RenameInformation(replace_if_exists=False, file_name="new").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    assert changes(await client.call(notify(folder))) == [(OLD, "old"), (NEW, "new")]


async def test_a_renamed_file_is_modified_when_it_is_closed(client: Client) -> None:
    file_id = await client.open("old")
    folders = {bit: await watched(client, what=bit) for bit in Filter}
    rename = RenameInformation(replace_if_exists=False, file_name="new").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    assert changes(await client.call(notify(folders[Filter.FILE_NAME])))
    waiting = {bit: await pending(client, notify(folder)) for bit, folder in folders.items()}
    await client.call(CloseRequest(file_id))
    for bit in (Filter.ATTRIBUTES, Filter.CREATION):
        assert changes(await client.answer(waiting.pop(bit))) == [(MODIFIED, "new")]
    await client.is_quiet()
    assert not [bit for bit, sent in waiting.items() if sent in client.responses]


async def test_a_move_goes_here_and_comes_there(client: Client) -> None:
    await make(client, "sub", create_options=DIRECTORY)
    file_id = await client.open("a")
    root, inner = await watched(client, what=NAMES), await watched(client, "sub", what=NAMES)
    rename = RenameInformation(replace_if_exists=False, file_name=r"sub\b").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    assert changes(await client.call(notify(root))) == [(REMOVED, "a")]
    assert changes(await client.call(notify(inner))) == [(ADDED, "b")]


async def test_a_moved_folder_is_still_watched(client: Client, root: Path) -> None:
    inner = await watched(client, "sub", what=NAMES)
    outer = await watched(client, what=NAMES)
    rename = RenameInformation(replace_if_exists=False, file_name="moved").encode()
    file_id = await client.open("sub")
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    await make(client, r"moved\a")
    (root / "moved" / "b").touch()
    await make(client, r"moved\c")
    assert changes(await client.call(notify(inner)))[::2] == [(ADDED, "a"), (ADDED, "c")]
    assert changes(await client.call(notify(outer))) == [(OLD, "sub"), (NEW, "moved")]


async def test_a_link_is_an_addition(client: Client) -> None:
    file_id = await client.open("a")
    folder = await watched(client, what=Filter.FILE_NAME)
    link = LinkInformation(replace_if_exists=False, file_name="b").encode()
    await client.call(set_info(file_id, FileInformationClass.FileLinkInformation, link))
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


@pytest.mark.parametrize(
    ("information_class", "buffer", "what"),
    [
        (File.FileBasicInformation, BasicInformation(10**16, 0, 0, 0, 0), Filter.CREATION),
        (File.FileBasicInformation, BasicInformation(0, 10**17, 0, 0, 0), Filter.LAST_ACCESS),
        (File.FileBasicInformation, BasicInformation(0, 0, 10**17, 0, 0), Filter.LAST_WRITE),
        (File.FileBasicInformation, BasicInformation(0, 0, 0, 0, 2), Filter.ATTRIBUTES),
        (File.FileEndOfFileInformation, EndOfFileInformation(5), Filter.SIZE | Filter.ATTRIBUTES),
        (File.FileAllocationInformation, AllocationInformation(5), Filter.SIZE | Filter.ATTRIBUTES),
        (File.FileFullEaInformation, FullEaInformation(b"name", b"value"), Filter.EA),
        (File.FilePositionInformation, PositionInformation(5), 0),
    ],
)
async def test_set_info_is_told_as_what_it_is(
    client: Client, information_class: int, buffer: Information, what: int
) -> None:
    file_id = await client.open("a")
    folders = {bit: await watched(client, what=bit | Filter.FILE_NAME) for bit in Filter}
    response = await client.call(set_info(file_id, information_class, buffer.encode()))
    assert response.status == NtStatus.SUCCESS
    await make(client, "b")
    for bit, folder in folders.items():
        expected = [(MODIFIED, "a")] if bit & what else []
        assert changes(await client.call(notify(folder))) == [*expected, (ADDED, "b")]


async def test_writes_are_told_once_until_they_are_asked_for(client: Client) -> None:
    file_id = await client.open("a")
    folder = await watched(client)
    for offset in range(3):
        await client.call(WriteRequest(offset=offset, file_id=file_id, data=b"x"))
    assert changes(await client.call(notify(folder))) == [(MODIFIED, "a")]
    message_id = await pending(client, notify(folder))
    await client.call(WriteRequest(offset=0, file_id=file_id, data=b"y"))
    assert changes(await client.answer(message_id)) == [(MODIFIED, "a")]


async def test_overwriting_is_a_modification(client: Client) -> None:
    await make(client, "a")
    folder = await watched(client)
    await make(client, "a", create_disposition=CreateDisposition.FILE_OVERWRITE)
    assert changes(await client.call(notify(folder))) == [(MODIFIED, "a")]


async def test_named_streams(client: Client) -> None:
    folder = await watched(client, tree=True)
    stream = await client.open("a:s")
    await client.call(WriteRequest(offset=0, file_id=stream, data=b"x"))
    await client.call(WriteRequest(offset=1, file_id=stream, data=b"y"))
    basic = BasicInformation(0, 0, 0, 0, 2).encode()
    await client.call(set_info(stream, FileInformationClass.FileBasicInformation, basic))
    rename = RenameInformation(replace_if_exists=False, file_name=":t").encode()
    await client.call(set_info(stream, FileInformationClass.FileRenameInformation, rename))
    await client.call(CloseRequest(stream))
    await remove(client, "a:t")
    await make(client, "b")
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "a"),
        (NotifyAction.FILE_ACTION_ADDED_STREAM, "a:s"),
        (NotifyAction.FILE_ACTION_MODIFIED_STREAM, "a:s"),
        (MODIFIED, "a"),
        (NotifyAction.FILE_ACTION_REMOVED_STREAM, "a:s"),
        (NotifyAction.FILE_ACTION_ADDED_STREAM, "a:t"),
        (NotifyAction.FILE_ACTION_REMOVED_STREAM, "a:t"),
        (ADDED, "b"),
    ]


async def test_streams_come_and_go_without_a_change_of_their_file(client: Client) -> None:
    await make(client, "a")
    await make(client, "b:t")
    folder = await watched(client)
    await make(client, "a:s")
    await make(client, "c")
    await remove(client, "b:t")
    await make(client, "d")
    assert changes(await client.call(notify(folder))) == [
        (NotifyAction.FILE_ACTION_ADDED_STREAM, "a:s"),
        (ADDED, "c"),
        (NotifyAction.FILE_ACTION_REMOVED_STREAM, "b:t"),
        (ADDED, "d"),
    ]


async def test_streams_have_filters_of_their_own(client: Client) -> None:
    stream = await client.open("a:s")
    names = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_NAME)
    sizes = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_SIZE)
    other = await watched(client, what=0x1FF)
    await client.call(WriteRequest(offset=0, file_id=stream, data=b"x"))
    await make(client, "b:t")
    assert changes(await client.call(notify(names))) == [
        (NotifyAction.FILE_ACTION_ADDED_STREAM, "b:t")
    ]
    assert changes(await client.call(notify(sizes))) == [
        (NotifyAction.FILE_ACTION_MODIFIED_STREAM, "a:s")
    ]
    assert changes(await client.call(notify(other))) == [(ADDED, "b")]


async def test_changes_of_others_are_told_beside_those_of_our_own(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SilentSource()
    monkeypatch.setattr(type(share_of(server).storage), "watch", lambda storage: source)
    folder = await watched(client)
    source.changes = [
        Change(ChangeKind.ADDED, "own"),
        Change(ChangeKind.CONTENT, "own"),
        Change(ChangeKind.ADDED, "other"),
        Change(ChangeKind.REMOVED, "folder", is_directory=True),
        Change(ChangeKind.RENAMED, "new", old_name="old"),
        Change(ChangeKind.METADATA, "other"),
    ]
    await make(client, "own")
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "other"),
        (REMOVED, "folder"),
        (OLD, "old"),
        (NEW, "new"),
        (MODIFIED, "other"),
        (ADDED, "own"),
    ]
    await client.call(CloseRequest(folder))
