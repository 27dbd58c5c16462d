"""Changes that other programs make in the folder of a share."""

import asyncio
import sys
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.storage import Change, ChangeKind
from smbquic.storage.local.inotify import Inotify
from smbquic.wire.change_notify import CompletionFilter
from smbquic.wire.close import CloseRequest
from smbquic.wire.fscc.file_information import FileInformationClass, RenameInformation
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Until, share_of
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
    is_watched,
    make,
    notify,
    pending,
    remove,
    set_info,
    watched,
)

local = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux'")


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
async def test_own_changes_are_not_told_twice_while_the_source_is_behind(
    client: Client, root: Path, server: Server, until: Until
) -> None:
    folder = await watched(client, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    source = watches._source
    assert isinstance(source, Inotify)
    many = [f"{number:03}" for number in range(500)]
    for name in many:
        (root / name).touch()
    (root / "own").touch()
    server.files.notifier.added(share_of(server).storage, "own", is_directory=False)
    assert source.behind
    await until(lambda: not source.behind)
    told = changes(await client.call(notify(folder)))
    assert sorted(told) == sorted([(ADDED, "own"), *((ADDED, name) for name in many)])
    assert not watches._own


@local
async def test_only_so_many_own_changes_are_remembered(
    client: Client, root: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.server.notify.notifier._MOST_OWN", 1)
    await watched(client, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    source = watches._source
    assert isinstance(source, Inotify)
    for number in range(1000):
        (root / f"{number:03}").touch()
    watches.report_source({"a": frozenset({ChangeKind.ADDED})})
    assert list(watches._own) == ["a"]
    watches.report_source({"b": frozenset({ChangeKind.ADDED})})
    assert source.behind
    assert not watches._own


@local
async def test_both_halves_of_a_rename_may_come_apart(
    client: Client, server: Server, until: Until
) -> None:
    folder = await watched(client)
    (watches,) = server.files.notifier._by_storage.values()
    source = watches._source
    assert isinstance(source, Inotify)
    changed: list[Change] = []
    source._take(*_event(source, 0x40, 1, b"old"), changed)
    watches.report_source({})
    assert watches._move_timer is not None
    source._take(*_event(source, 0x80, 1, b"new"), changed)
    watches._report_changes(changed, {})
    await until(lambda: watches._move_timer is None)
    assert changes(await client.call(notify(folder))) == [(OLD, "old"), (NEW, "new")]


def _event(source: Inotify, mask: int, cookie: int, name: bytes) -> tuple[int, int, int, bytes]:
    return source._descriptors[""], mask, cookie, name


@local
async def test_a_watch_that_ends_while_a_move_is_pending(
    client: Client, root: Path, server: Server, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.server.notify.notifier._MOVE_TIMEOUT", 3600.0)
    (root / "a").touch()
    folder = await watched(client, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    (root / "a").rename(root.parent / "a")
    await until(lambda: watches._move_timer is not None)
    timer = watches._move_timer
    assert timer is not None
    await client.call(CloseRequest(folder))
    assert not is_watched(server)
    assert timer.cancelled()


@local
async def test_lost_events_have_to_be_looked_up(client: Client, server: Server) -> None:
    folder = await watched(client)
    (watches,) = server.files.notifier._by_storage.values()
    watches._report_changes([Change(ChangeKind.LOST)], {})
    assert (await client.call(notify(folder))).status == NtStatus.NOTIFY_ENUM_DIR


async def test_without_a_source_there_are_the_changes_of_our_own(
    client: Client, server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(share_of(server).storage), "watch", lambda storage: None)
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


async def test_a_source_is_told_which_folders_matter_and_where_they_move(
    client: Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SilentSource()
    monkeypatch.setattr(type(share_of(server).storage), "watch", lambda storage: source)
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
async def test_a_large_tree_is_taken_in_and_given_up_besides(
    client: Client, root: Path, server: Server, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smbquic.overload.slices.SLICE", 0.0)
    for number in range(20):
        (root / f"{number:02}").mkdir()
    folder = await watched(client, tree=True, what=NAMES)
    (watches,) = server.files.notifier._by_storage.values()
    source = watches._source
    assert isinstance(source, Inotify)
    await until(lambda: len(source.folders) == 21)
    for number in range(20):
        (root / f"{number:02}" / "a").touch()
    told = changes(await client.call(notify(folder)))
    while len(told) < 20:
        told += changes(await client.call(notify(folder)))
    assert sorted(told) == [(ADDED, rf"{number:02}\a") for number in range(20)]
    await client.call(CloseRequest(folder))
    await until(lambda: source._closed)
    assert source.folders == []
