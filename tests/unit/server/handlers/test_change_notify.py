"""Who watches a folder is told what happens in it, by whomever."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.server import Server
from smbquic.storage import Change, ChangeKind
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, CompletionFilter
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.fscc.notify_information import NotifyAction, decode_notifications
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest

Client = Any
Connect = Callable[..., Awaitable[Client]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

ALL = 0xFFF
NAMES = CompletionFilter.FILE_NOTIFY_CHANGE_FILE_NAME | CompletionFilter.FILE_NOTIFY_CHANGE_DIR_NAME
ADDED, REMOVED = NotifyAction.FILE_ACTION_ADDED, NotifyAction.FILE_ACTION_REMOVED
MODIFIED = NotifyAction.FILE_ACTION_MODIFIED
OLD = NotifyAction.FILE_ACTION_RENAMED_OLD_NAME
NEW = NotifyAction.FILE_ACTION_RENAMED_NEW_NAME
# Nothing that stands in the way of others who rename something in the folder.
LIST = AccessMask.FILE_LIST_DIRECTORY
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
DELETE_ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE

local = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux'")


def notify(
    folder: FileId, what: int = ALL, *, size: int = 65536, tree: bool = False
) -> ChangeNotifyRequest:
    flags = ChangeNotifyFlags.WATCH_TREE if tree else 0
    return ChangeNotifyRequest(flags, size, folder, what)


def changes(response: Any) -> list[tuple[int, str]]:
    assert response.status == NtStatus.SUCCESS, response.status.label
    return [(c.action, c.file_name) for c in decode_notifications(response.body.buffer)]


def set_info(file_id: FileId, information_class: int, buffer: bytes) -> SetInfoRequest:
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=information_class,
        additional_information=0,
        file_id=file_id,
        buffer=buffer,
    )


async def watched(client: Client, name: str = "", **fields: Any) -> FileId:
    """A folder whose changes are kept from now on."""
    folder: FileId = await client.open(name, create_options=DIRECTORY, desired_access=LIST)
    message_id = await pending(client, notify(folder, **fields))
    client.deliver(client.protocol.cancel(message_id))
    assert (await client.answer(message_id)).status == NtStatus.CANCELLED
    return folder


async def pending(client: Client, body: ChangeNotifyRequest) -> int:
    message_id: int = client.send(body)
    while message_id not in client.pending:
        await client.fetch()
    return message_id


async def make(client: Client, name: str, **fields: Any) -> None:
    file_id = await client.open(name, **fields)
    await client.call(CloseRequest(file_id))


async def remove(client: Client, name: str, **fields: Any) -> None:
    options = fields.pop("create_options", CreateOptions(0)) | DELETE_ON_CLOSE
    await make(client, name, create_options=options, create_disposition=CreateDisposition.FILE_OPEN)


async def test_the_first_change_is_told_at_once(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await make(client, "a")
    assert changes(await client.answer(message_id)) == [(ADDED, "a")]


async def test_what_happens_between_two_requests_is_kept(client: Client) -> None:
    folder = await watched(client)
    await make(client, "a")
    await make(client, "sub", create_options=DIRECTORY)
    await remove(client, "a")
    await remove(client, "sub", create_options=DIRECTORY)
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "a"),
        (ADDED, "sub"),
        (REMOVED, "a"),
        (REMOVED, "sub"),
    ]


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


async def test_requests_are_answered_in_their_order(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    first = await pending(client, notify(folder))
    second = await pending(client, notify(folder))
    await make(client, "a")
    await make(client, "b")
    assert changes(await client.answer(first)) == [(ADDED, "a")]
    assert changes(await client.answer(second)) == [(ADDED, "b")]


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
    folder = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_ATTRIBUTES)
    rename = RenameInformation(replace_if_exists=False, file_name="new").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    message_id = await pending(client, notify(folder))
    await client.call(CloseRequest(file_id))
    assert changes(await client.answer(message_id)) == [(MODIFIED, "new")]


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
    folder = await watched(client)
    link = LinkInformation(replace_if_exists=False, file_name="b").encode()
    await client.call(set_info(file_id, FileInformationClass.FileLinkInformation, link))
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


@pytest.mark.parametrize(
    ("information_class", "buffer", "what"),
    [
        (
            FileInformationClass.FileBasicInformation,
            BasicInformation(10**16, 0, 0, 0, 0).encode(),
            CompletionFilter.FILE_NOTIFY_CHANGE_CREATION,
        ),
        (
            FileInformationClass.FileBasicInformation,
            BasicInformation(0, 10**17, 0, 0, 0).encode(),
            CompletionFilter.FILE_NOTIFY_CHANGE_LAST_ACCESS,
        ),
        (
            FileInformationClass.FileBasicInformation,
            BasicInformation(0, 0, 10**17, 0, 0).encode(),
            CompletionFilter.FILE_NOTIFY_CHANGE_LAST_WRITE,
        ),
        (
            FileInformationClass.FileBasicInformation,
            BasicInformation(0, 0, 0, 0, 2).encode(),
            CompletionFilter.FILE_NOTIFY_CHANGE_ATTRIBUTES,
        ),
        (
            FileInformationClass.FileEndOfFileInformation,
            EndOfFileInformation(5).encode(),
            CompletionFilter.FILE_NOTIFY_CHANGE_SIZE,
        ),
    ],
)
async def test_set_info_is_told_as_what_it_is(
    client: Client, information_class: int, buffer: bytes, what: int
) -> None:
    file_id = await client.open("a")
    others = what | CompletionFilter.FILE_NOTIFY_CHANGE_ATTRIBUTES
    quiet = await watched(client, what=ALL & ~others)
    folder = await watched(client, what=what)
    response = await client.call(set_info(file_id, information_class, buffer))
    assert response.status == NtStatus.SUCCESS
    assert changes(await client.call(notify(folder))) == [(MODIFIED, "a")]
    await make(client, "b")
    assert changes(await client.call(notify(quiet))) == [(ADDED, "b")]


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


@pytest.mark.parametrize("size", [0, 1, 12])
async def test_what_does_not_fit_has_to_be_looked_up(client: Client, size: int) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder, size=size))
    await make(client, "a")
    response = await client.answer(message_id)
    assert response.status == NtStatus.NOTIFY_ENUM_DIR
    assert not len(response.body.buffer)
    # What the first request takes is all that is ever kept.
    message_id = await pending(client, notify(folder))
    await make(client, "b")
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_ENUM_DIR


async def test_what_just_fits_is_told(client: Client) -> None:
    # [MS-FSCC] 2.7.1: 12 bytes and the name, which ends at a multiple of four.
    folder = await watched(client, size=12 + 2 * 20)
    await make(client, "x" * 20)
    assert changes(await client.call(notify(folder, size=12 + 2 * 20))) == [(ADDED, "x" * 20)]


async def test_a_smaller_answer_than_the_first(client: Client) -> None:
    folder = await watched(client)
    await make(client, "a")
    assert (await client.call(notify(folder, size=4))).status == NtStatus.NOTIFY_ENUM_DIR
    await make(client, "b")
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


async def test_more_than_can_be_kept(client: Client) -> None:
    folder = await watched(client, size=100)
    for number in range(10):
        await make(client, f"{number:04}")
    assert (await client.call(notify(folder))).status == NtStatus.NOTIFY_ENUM_DIR
    await make(client, "b")
    assert changes(await client.call(notify(folder))) == [(ADDED, "b")]


async def test_requirements(client: Client) -> None:
    file_id = await client.open("a")
    folder = await client.open("", desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    assert (await client.call(notify(file_id))).status == NtStatus.INVALID_PARAMETER
    assert (await client.call(notify(folder))).status == NtStatus.ACCESS_DENIED
    folder = await client.open("", create_options=DIRECTORY)
    too_long = notify(folder, size=(8 << 20) + 1)
    assert (await client.call(too_long)).status == NtStatus.INVALID_PARAMETER


async def test_there_are_not_more_watches_than_allowed(
    server_with: Callable[..., Any], connect: Connect
) -> None:
    limits = Limits(failed_logon_delay=0.0, interim_delay=30.0, watches=1)
    client = await connect(to=server_with(limits))
    folder = await watched(client)
    second = await client.open("", create_options=DIRECTORY)
    assert (await client.call(notify(second))).status == NtStatus.INSUFFICIENT_RESOURCES
    await client.call(CloseRequest(folder))
    await pending(client, notify(second))


async def test_close_ends_it(client: Client, server: Server) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(CloseRequest(folder))
    response = await client.answer(message_id)
    assert response.status == NtStatus.NOTIFY_CLEANUP
    assert not server.files.notifier._by_storage


async def test_tree_disconnect_ends_it(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(TreeDisconnectRequest())
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_logoff_ends_it(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    await client.call(LogoffRequest())
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_the_end_of_the_connection_ends_it(
    client: Client, connect: Connect, server: Server
) -> None:
    other = await connect()
    folder = await other.open("", create_options=DIRECTORY)
    await pending(other, notify(folder))
    await other.close()
    assert not server.files.notifier._by_storage
    await make(client, "a")


@pytest.mark.parametrize("on_close", [True, False])
async def test_deletion_of_the_folder_ends_it(client: Client, on_close: bool) -> None:
    folder = await client.open("sub", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    if on_close:
        await remove(client, "sub", create_options=DIRECTORY)
    else:
        delete = DispositionInformation(delete_pending=True).encode()
        await client.call(set_info(folder, FileInformationClass.FileDispositionInformation, delete))
    assert (await client.answer(message_id)).status == NtStatus.DELETE_PENDING
    assert (await client.call(notify(folder))).status == NtStatus.DELETE_PENDING


async def test_cancelled_before_it_was_pending(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    cancelled = client.send(notify(folder))
    client.deliver(client.protocol.cancel(cancelled))
    waiting = client.send(notify(folder))
    assert (await client.answer(cancelled)).status == NtStatus.CANCELLED
    await make(client, "a")
    assert changes(await client.answer(waiting)) == [(ADDED, "a")]


async def test_closed_before_it_was_pending(client: Client) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = client.send(notify(folder))
    client.send(CloseRequest(folder))
    assert (await client.answer(message_id)).status == NtStatus.NOTIFY_CLEANUP


async def test_doomed_before_it_was_pending(client: Client, connect: Connect) -> None:
    other = await connect()
    folder = await client.open("sub", create_options=DIRECTORY)
    file_id = await other.open("sub", create_options=DIRECTORY | DELETE_ON_CLOSE)
    message_id = client.send(notify(folder))
    other.send(CloseRequest(file_id))
    assert (await client.answer(message_id)).status == NtStatus.DELETE_PENDING


async def test_a_folder_that_is_to_stay_after_all(client: Client) -> None:
    folder = await watched(client, "sub")
    file_id = await client.open("sub")
    for pending_deletion in (True, False):
        disposition = DispositionInformation(delete_pending=pending_deletion).encode()
        information_class = FileInformationClass.FileDispositionInformation
        await client.call(set_info(file_id, information_class, disposition))
    message_id = await pending(client, notify(folder))
    await make(client, r"sub\a")
    assert changes(await client.answer(message_id)) == [(ADDED, "a")]


async def test_an_answer_wins_over_a_later_cancel(client: Client, server: Server) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    (session,) = server.sessions.values()
    (entry,) = [entry for entry in session.opens.values() if entry.tracking.watch]
    server.files.notifier.removed(entry.storage, "gone", is_directory=False)
    (connection,) = server.connections
    connection.async_requests[message_id].cancel()
    assert changes(await client.answer(message_id)) == [(REMOVED, "gone")]


@local
async def test_local_changes_are_told(client: Client, root: Path) -> None:
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    (root / "a").touch()
    assert changes(await client.answer(message_id))[0] == (ADDED, "a")
    (root / "a").rename(root / "b")
    (root / "sub").mkdir()
    (root / "b").unlink()
    await make(client, "c")
    told = changes(await client.call(notify(folder)))
    assert [change for change in told if change != (MODIFIED, "a")] == [
        (OLD, "a"),
        (NEW, "b"),
        (ADDED, "sub"),
        (REMOVED, "b"),
        (ADDED, "c"),
    ]


@local
async def test_local_changes_are_told_as_what_they_are(client: Client, root: Path) -> None:
    (root / "a").touch()
    size = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_SIZE)
    security = await watched(client, what=CompletionFilter.FILE_NOTIFY_CHANGE_SECURITY)
    (root / "a").chmod(0o600)
    message_id = client.send(notify(security))
    assert changes(await client.answer(message_id)) == [(MODIFIED, "a")]
    (root / "a").write_bytes(b"abc")
    assert changes(await client.call(notify(size))) == [(MODIFIED, "a")]


@local
async def test_local_changes_deep_below(client: Client, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    folder = await watched(client, tree=True, what=NAMES)
    (root / "a" / "b" / "c").mkdir()
    (root / "a" / "b" / "c" / "d").touch()
    (root / "a" / "b").rename(root / "a" / "x")
    (root / "a" / "x" / "c" / "d").rename(root / "e")
    assert changes(await client.call(notify(folder)))[:1] == [(ADDED, r"a\b\c")]
    await make(client, r"a\x\c\f")
    message_id = client.send(notify(folder))
    told = changes(await client.answer(message_id))
    assert told[-1] == (ADDED, r"a\x\c\f")


@local
async def test_a_file_that_leaves_the_share(client: Client, root: Path) -> None:
    (root / "a").touch()
    folder = await client.open("", create_options=DIRECTORY)
    message_id = await pending(client, notify(folder))
    (root / "a").rename(root.parent / "a")
    assert changes(await client.answer(message_id)) == [(REMOVED, "a")]


@local
async def test_own_changes_are_not_told_twice(client: Client) -> None:
    folder = await watched(client, tree=True)
    await make(client, "sub", create_options=DIRECTORY)
    file_id = await client.open(r"sub\a")
    await client.call(WriteRequest(offset=0, file_id=file_id, data=b"x"))
    rename = RenameInformation(replace_if_exists=False, file_name="b").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    await client.call(CloseRequest(file_id))
    await remove(client, "b")
    await asyncio.sleep(0)
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "sub"),
        (ADDED, r"sub\a"),
        (MODIFIED, r"sub\a"),
        (REMOVED, r"sub\a"),
        (ADDED, "b"),
        (MODIFIED, "b"),
        (REMOVED, "b"),
    ]
    message_id = await pending(client, notify(folder))
    for _ in range(3):
        await client.open("")
    assert message_id not in client.responses


@local
async def test_both_halves_of_a_rename_may_come_apart(
    client: Client, server: Any, until: Until
) -> None:
    folder = await watched(client)
    (watches,) = server.files.notifier._by_storage.values()
    source = watches._source
    changed: list[Change] = []
    source._take(*_event(source, 0x40, 1, b"old"), changed, set())
    watches.report_source({})
    assert watches._move_timer is not None
    source._take(*_event(source, 0x80, 1, b"new"), changed, set())
    watches._report_changes(changed, {})
    await until(lambda: watches._move_timer is None)
    assert changes(await client.call(notify(folder))) == [(OLD, "old"), (NEW, "new")]


def _event(source: Any, mask: int, cookie: int, name: bytes) -> tuple[int, int, int, bytes]:
    return source._descriptors[""], mask, cookie, name


@local
async def test_a_watch_that_ends_while_a_move_is_pending(
    client: Client, root: Path, server: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.server.notify.notifier._MOVE_TIMEOUT", 3600.0)
    (root / "a").touch()
    folder = await watched(client, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    (root / "a").rename(root.parent / "a")
    await until(lambda: watches._move_timer is not None)
    await client.call(CloseRequest(folder))
    assert not server.files.notifier._by_storage
    assert watches._move_timer.cancelled()


@local
async def test_lost_events_have_to_be_looked_up(client: Client, server: Server) -> None:
    folder = await watched(client)
    (watches,) = server.files.notifier._by_storage.values()
    watches._report_changes([Change(ChangeKind.LOST)], {})
    assert (await client.call(notify(folder))).status == NtStatus.NOTIFY_ENUM_DIR


async def test_without_a_source_there_are_the_changes_of_our_own(
    client: Client, server: Any, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(server.share("data").storage), "watch", lambda storage: None)
    folder = await watched(client, tree=True)
    (root / "unseen").touch()
    await make(client, "sub", create_options=DIRECTORY)
    file_id = await client.open("sub")
    rename = RenameInformation(replace_if_exists=False, file_name="b").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    await client.call(CloseRequest(file_id))
    await make(client, r"b\c")
    assert changes(await client.call(notify(folder))) == [
        (ADDED, "sub"),
        (OLD, "sub"),
        (NEW, "b"),
        (ADDED, r"b\c"),
    ]


class Source:
    """A source of changes that has none, and notes what it is called for."""

    incomplete = False

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._ends = os.pipe()

    def fileno(self) -> int:
        return self._ends[0]

    def cover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        self.calls.append(("cover", folder, recursive))
        return iter(())

    def uncover(self, folder: str, *, recursive: bool) -> None:
        self.calls.append(("uncover", folder, recursive))

    def moved(self, old_name: str, new_name: str) -> None:
        self.calls.append(("moved", old_name, new_name))

    def read(self, *, final: bool = False) -> list[Change]:
        return []

    def close(self) -> None:
        self.calls.append(("close",))
        for end in self._ends:
            os.close(end)


async def test_a_source_is_told_which_folders_matter_and_where_they_move(
    client: Client, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source()
    monkeypatch.setattr(type(server.share("data").storage), "watch", lambda storage: source)
    folder = await watched(client, "sub", tree=True)
    file_id = await client.open("sub")
    rename = RenameInformation(replace_if_exists=False, file_name="moved").encode()
    await client.call(set_info(file_id, FileInformationClass.FileRenameInformation, rename))
    await client.call(CloseRequest(folder))

    assert source.calls == [
        ("cover", "sub", True),
        ("moved", "sub", "moved"),
        ("uncover", "moved", True),
        ("close",),
    ]


@local
async def test_a_large_tree_is_taken_in_besides(
    client: Client, root: Path, server: Any, until: Until
) -> None:
    for number in range(300):
        (root / f"{number:03}").mkdir()
    folder = await watched(client, tree=True, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    await until(lambda: len(watches._source.folders) == 301)
    for number in range(300):
        (root / f"{number:03}" / "a").touch()
    told = changes(await client.call(notify(folder)))
    while len(told) < 300:
        told += changes(await client.call(notify(folder)))
    assert sorted(told) == [(ADDED, rf"{number:03}\a") for number in range(300)]
