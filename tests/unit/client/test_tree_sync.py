"""Copies of trees that compare first, against a model, with trees in memory."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import tree_sync
from smbquic.client.file_tree import FileTree, LocalTree
from smbquic.client.results import Progress, SyncResult, TreeEvent
from smbquic.client.share import Share
from smbquic.client.tree_sync import check_tree
from smbquic.errors import ConnectionClosed, DeletionsLeftOut, DeniedError, NameCollisionError
from smbquic.ntstatus import NtStatus
from smbquic.options.filter import FilterOptions
from smbquic.options.sync import ComparisonOptions, SyncOptions
from smbquic.options.transfer import TransferOptions
from smbquic.storage.partial import temporary_name
from tests.unit.client.trees import SECOND, TREES, FakeTree, Files, folders_of


async def copy_in_memory(
    source: FileTree,
    target: FileTree,
    path: str,
    size: int,
    *,
    progress: Progress,
    options: TransferOptions,
) -> None:
    assert isinstance(source, FakeTree)
    assert isinstance(target, FakeTree)
    if path in source.refused:
        raise source.refused[path]
    assert path.rpartition("/")[0] in target.folders
    target.files[target._real(path)] = source.files[path]
    progress(size, size)


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_sync, "copy_file", copy_in_memory)


async def sync(
    source: FakeTree, target: FakeTree, *, exclude: tuple[str, ...] = (), **options: Any
) -> SyncResult:
    delete = options.pop("delete", True)
    return await tree_sync.sync_tree(
        source,
        target,
        delete=delete,
        options=SyncOptions(**options),
        filters=FilterOptions(exclude=exclude),
    )


def conflicts(source: Files, target: Files, source_folders: set[str]) -> set[str]:
    """Paths that are a file in one and a folder in the other."""
    target_folders = {folder for path in target for folder in folders_of(path)}
    return {path for path in source if path in target_folders} | {
        path for path in target if path in source_folders
    }


def expected(source: Files, target: Files, *, delete: bool, excluded: str) -> Files:
    """Return what the target is like afterwards."""
    counts = {path: value for path, value in source.items() if path.rpartition("/")[2] != excluded}
    folders = {folder for path in source for folder in folders_of(path)}
    wrong = conflicts(counts, target, folders)
    result = dict(target)
    for path, (data, modified) in counts.items():
        if path in wrong or any(folder in wrong for folder in folders_of(path)):
            continue
        there = target.get(path)
        if there is None or (len(there[0]), there[1]) != (len(data), modified):
            result[path] = (data, modified)
    if delete and not wrong:
        for path in target:
            if path not in source and path.rpartition("/")[2] != excluded:
                del result[path]
    return result


@given(TREES, TREES, st.booleans(), st.booleans())
async def test_the_target_becomes_what_the_model_says(
    source: Files, target: Files, delete: bool, filtered: bool
) -> None:
    excluded = "c.jpg" if filtered else ""
    exclude = (excluded,) if filtered else ()
    one, other = FakeTree(source), FakeTree(target)
    result = await sync(one, other, exclude=exclude, delete=delete)
    assert other.files == expected(source, target, delete=delete, excluded=excluded)
    assert one.files == source
    if delete and not filtered and not result.failures:
        assert other.folders == one.folders
    again = await sync(one, other, exclude=exclude, delete=delete)
    assert again.files == again.deleted == again.removed == again.folders == 0
    assert len(again.failures) == len(result.failures)


@given(TREES, TREES)
async def test_a_dry_run_does_nothing_and_says_what_would_be_done(
    source: Files, target: Files
) -> None:
    one, other = FakeTree(source), FakeTree(target)
    folders = set(other.folders)
    foreseen = await sync(one, other, dry_run=True)
    assert (other.files, other.folders) == (target, folders)
    done = await sync(one, other)
    for name in ("files", "bytes", "folders", "unchanged", "deleted", "removed"):
        assert getattr(foreseen, name) == getattr(done, name)


@given(TREES, TREES)
async def test_the_check_finds_what_a_sync_would_do(source: Files, target: Files) -> None:
    one, other = FakeTree(source), FakeTree(target)
    checked = await check_tree(one, other)
    foreseen = await sync(one, other, dry_run=True)
    assert checked.same == foreseen.unchanged
    assert len(checked.differ) + len(checked.missing_on_target) == foreseen.files
    if not checked.failures:
        assert len(checked.missing_on_source) == foreseen.deleted
        assert checked.equal == (source == target or foreseen.files == foreseen.deleted == 0)
    assert other.files == target


DENIED = DeniedError(NtStatus.ACCESS_DENIED, "CREATE", "b")


async def test_nothing_is_deleted_when_a_part_of_the_source_cannot_be_listed() -> None:
    source = FakeTree({"a": (b"", 0), "b/c": (b"", 0)})
    source.refused["b"] = DENIED
    target = FakeTree({"b/c": (b"", 0), "x": (b"", 0)})
    result = await sync(source, target)
    assert sorted(target.files) == ["a", "b/c", "x"]
    (path, error), (_, reason) = result.failures
    assert (path, error) == ("b", DENIED)
    assert isinstance(reason, DeletionsLeftOut)
    assert "there were errors" in str(reason)


async def test_a_source_that_is_not_there_empties_no_target() -> None:
    source, target = FakeTree(), FakeTree({"x": (b"", 0)})
    source.missing = True
    with pytest.raises(FileNotFoundError):
        await sync(source, target)
    assert list(target.files) == ["x"]


async def test_a_lost_connection_ends_it() -> None:
    source = FakeTree({"a": (b"", 0)})
    source.refused["a"] = ConnectionClosed("gone")
    with pytest.raises(ConnectionClosed):
        await sync(source, FakeTree({"x": (b"", 0)}))


async def test_nothing_is_deleted_if_it_would_be_too_much() -> None:
    source, target = FakeTree(), FakeTree({"x": (b"", 0), "y": (b"", 0)})
    result = await sync(source, target, max_delete=1)
    assert len(target.files) == 2
    assert "2 files would be deleted, and no more than 1" in str(result.failures[0][1])
    assert (await sync(source, target, max_delete=2)).deleted == 2
    assert target.files == {}


async def test_while_files_are_copied_no_more_is_deleted_than_may_be() -> None:
    source = FakeTree()
    target = FakeTree({"x": (b"", 0), "y": (b"", 0), "z": (b"", 0)})
    result = await sync(source, target, max_delete=2, delete_during=True)
    assert result.deleted == 2
    assert len(target.files) == 1
    assert result.failures


async def test_deleting_meanwhile_does_not_wait_for_errors() -> None:
    source = FakeTree({"a": (b"", 0)})
    source.refused["a"] = DENIED
    target = FakeTree({"x/y": (b"", 0)})
    result = await sync(source, target, delete_during=True)
    assert target.files == {}
    assert "nothing more is deleted" in str(result.failures[-1][1])


async def test_what_cannot_be_deleted_stops_no_other() -> None:
    target = FakeTree({"x": (b"", 0), "y": (b"", 0)})
    target.refused["x"] = DENIED
    result = await sync(FakeTree(), target)
    assert list(target.files) == ["x"]
    assert [path for path, _ in result.failures] == ["x"]


async def test_what_is_replaced_or_deleted_is_kept() -> None:
    source = FakeTree({"a": (b"new", SECOND)})
    target = FakeTree({"a": (b"old", 0), "b/c": (b"gone", 0)})
    result = await sync(source, target, backup_dir="/old")
    assert target.files == source.files
    assert target.backups == {"/old/a": (b"old", 0), "/old/b/c": (b"gone", 0)}
    assert (result.files, result.deleted, result.removed) == (1, 1, 1)


async def test_the_backup_is_no_part_of_the_target() -> None:
    source = FakeTree({"a": (b"new", SECOND)})
    for backup in ("/tree", "/tree/old"):
        with pytest.raises(ValueError, match="lies in the target"):
            await sync(source, FakeTree(), backup_dir=backup)
    target = FakeTree({"a": (b"", 0), "old/a": (b"older", 0)})
    await sync(source, target, backup_dir="/tree/old", exclude=("/old/**",))
    assert target.backups == {"/tree/old/a": (b"", 0)}
    assert target.files == {"a": (b"new", SECOND), "old/a": (b"older", 0)}


async def test_names_that_only_differ_in_case() -> None:
    source = FakeTree({"A": (b"1", 0), "a": (b"2", 0), "B": (b"3", 0)})
    target = FakeTree({"a": (b"old", 0), "b": (b"3", 0)}, ignores_case=True)
    result = await sync(source, target)
    assert target.files == {"a": (b"2", 0), "b": (b"3", 0)}
    assert result.unchanged == 1
    [(path, error)] = result.failures
    assert path == "A"
    assert isinstance(error, NameCollisionError)
    case_sensitive = FakeTree({"a": (b"old", 0), "b": (b"3", 0)})
    await sync(FakeTree({"B": (b"3", 0)}), case_sensitive)
    assert case_sensitive.files == {"B": (b"3", 0)}


async def test_contents_are_compared_where_that_is_asked_for() -> None:
    source = FakeTree({"a": (b"1", 0), "b": (b"2", 0)})
    target = FakeTree({"a": (b"x", 0), "b": (b"2", 9)})
    result = await sync(source, target, checksum=True)
    assert target.files == {"a": (b"1", 0), "b": (b"2", 9)}
    assert (result.files, result.unchanged) == (1, 1)
    target.files["a"] = (b"y", 0)
    checked = await check_tree(source, target, options=ComparisonOptions(checksum=True))
    assert checked.differ == [("a", "content")]


async def test_links_and_temporary_files_stay_where_they_are() -> None:
    source = FakeTree({"a": (b"", 0), temporary_name(): (b"", 0)})
    source.others["l"] = "a symbolic link"
    target = FakeTree({"l": (b"", 0), temporary_name(): (b"", 0)})
    target.others["x"] = "a device"
    before = set(target.files)
    result = await sync(source, target)
    assert set(target.files) == {"a", *before}
    assert result.skipped == [("l", "a symbolic link")]


async def test_events_and_progress() -> None:
    events: list[TreeEvent] = []
    seen: list[int] = []
    await tree_sync.sync_tree(
        FakeTree({"a/b": (b"xy", 0)}),
        FakeTree({"c/d": (b"", 0)}),
        report=events.append,
        progress=lambda result: seen.append(result.bytes),
    )
    assert events == [
        TreeEvent("made", "a"),
        TreeEvent("copied", "a/b", 2, "new"),
        TreeEvent("deleted", "c/d"),
        TreeEvent("removed", "c"),
    ]
    assert seen[-1] == 2


async def test_one_tree_has_to_be_on_a_share() -> None:
    with pytest.raises(ValueError, match="has to be on a share"):
        await tree_sync.sync_tree(LocalTree("/a"), LocalTree("/b"))


async def test_what_a_check_reports() -> None:
    source = FakeTree(
        {
            "differs": (b"1", 0),
            "new": (b"", 0),
            "same": (b"x", 0),
            "size": (b"xx", 0),
            "time": (b"x", 0),
            "sub/x": (b"", 0),
        }
    )
    target = FakeTree(
        {
            "differs": (b"2", 0),
            "old": (b"", 0),
            "same": (b"x", 0),
            "size": (b"x", 0),
            "time": (b"x", 9 * SECOND),
            "sub/x": (b"", 0),
        }
    )
    source.others["link"] = "a symbolic link"
    source.refused["sub"] = DENIED
    events: list[TreeEvent] = []
    result = await check_tree(source, target, report=events.append)
    assert result.same == 2
    assert result.differ == [("size", "size"), ("time", "time")]
    assert result.missing_on_target == ["new"]
    assert result.missing_on_source == ["old"]
    assert result.skipped == [("link", "a symbolic link")]
    assert result.failures == [("sub", DENIED)]
    assert sorted(events, key=lambda event: event.path) == [
        TreeEvent("skipped", "link", reason="a symbolic link"),
        TreeEvent("differs", "new", reason="missing on the target"),
        TreeEvent("differs", "old", reason="missing on the source"),
        TreeEvent("differs", "size", reason="size differs"),
        TreeEvent("failed", "sub", reason=str(DENIED)),
        TreeEvent("differs", "time", reason="time differs"),
    ]
    events.clear()
    source.refused.clear()
    options = ComparisonOptions(checksum=True)
    result = await check_tree(source, target, options=options, report=events.append)
    assert result.same == 3
    assert sorted(result.differ) == [("differs", "content"), ("size", "size")]
    assert TreeEvent("differs", "differs", reason="content differs") in events


async def test_contents_that_differ_are_backed_up_and_put_under_the_name_of_the_target() -> None:
    source = FakeTree({"A": (b"1", 0), "b": (b"2", 0)})
    target = FakeTree({"a": (b"x", 0), "b": (b"2", 0)}, ignores_case=True)
    events: list[TreeEvent] = []
    states: list[int] = []
    result = await tree_sync.sync_tree(
        source,
        target,
        options=SyncOptions(checksum=True, backup_dir="/old"),
        report=events.append,
        progress=lambda result: states.append(result.unchanged),
    )
    assert target.backups == {"/old/a": (b"x", 0)}
    assert events == [
        TreeEvent("moved", "a", reason="replaced or deleted"),
        TreeEvent("copied", "A", 1, "content"),
    ]
    assert (result.total_files, result.total_bytes, result.bytes) == (1, 1, 1)
    assert states[-1] == 1
    checked = await check_tree(source, FakeTree({"a": (b"1", 0)}, ignores_case=True))
    assert checked.same == 1


async def test_what_a_dry_run_reports() -> None:
    source = FakeTree({"a": (b"new", SECOND), "n/b": (b"1234", 0)})
    target = FakeTree({"a": (b"old", 0), "o/c": (b"gone", 0)})
    events: list[TreeEvent] = []
    result = await tree_sync.sync_tree(
        source,
        target,
        options=SyncOptions(dry_run=True, backup_dir="/old"),
        report=events.append,
    )
    assert target.backups == {}
    assert sorted(target.files) == ["a", "o/c"]
    assert sorted(events, key=lambda event: (event.path, event.action)) == [
        TreeEvent("copied", "a", 3, "time"),
        TreeEvent("made", "n"),
        TreeEvent("copied", "n/b", 4, "new"),
        TreeEvent("removed", "o"),
        TreeEvent("deleted", "o/c"),
        TreeEvent("moved", "o/c", reason="replaced or deleted"),
    ]
    assert (result.files, result.bytes, result.folders) == (2, 7, 1)
    assert (result.deleted, result.removed) == (1, 1)


async def test_what_is_skipped_or_fails_is_reported() -> None:
    source = FakeTree({"a": (b"", 0), "b": (b"", 0)})
    source.others["link"] = "a symbolic link"
    source.refused["a"] = DENIED
    events: list[TreeEvent] = []
    seen: list[int] = []
    result = await tree_sync.sync_tree(
        source,
        FakeTree(),
        report=events.append,
        progress=lambda result: seen.append(len(result.failures)),
    )
    assert TreeEvent("skipped", "link", reason="a symbolic link") in events
    assert TreeEvent("failed", "a", reason=str(DENIED)) in events
    assert (result.files, result.total_files) == (1, 2)
    assert 1 in seen


async def test_folders_that_cannot_be_removed() -> None:
    target = FakeTree({"old/x": (b"", 0), "old/keep": (b"", 0)})
    result = await sync(FakeTree(), target, exclude=("keep",))
    assert result.failures == []  # the filters have left something in it
    assert (result.deleted, result.removed) == (1, 0)
    target = FakeTree({"old/x": (b"", 0)})
    target.others["old/device"] = "a device"
    remove = target.remove_folder

    async def refuse(path: str) -> None:
        raise DENIED

    target.remove_folder = refuse  # type: ignore[method-assign]
    result = await sync(FakeTree(), target)
    assert result.failures == [("old", DENIED)]
    assert result.removed == 0

    async def gone(path: str) -> None:
        await remove(path)
        raise FileNotFoundError(path)

    target = FakeTree({}, ["old"])
    remove = target.remove_folder
    target.remove_folder = gone  # type: ignore[method-assign]
    result = await sync(FakeTree(), target)
    assert (result.failures, result.removed) == ([], 0)


async def test_a_file_that_somebody_else_deletes_first_is_deleted() -> None:
    target = FakeTree({"x": (b"", 0)})
    target.refused["x"] = FileNotFoundError("x")
    result = await sync(FakeTree(), target)
    assert (result.deleted, result.failures) == (1, [])


async def test_folders_are_removed_from_the_deepest_up() -> None:
    target = FakeTree({}, ["a", "a/b", "a/b/c", "d"])
    events: list[TreeEvent] = []
    result = await tree_sync.sync_tree(FakeTree(), target, report=events.append)
    assert result.removed == 4
    assert target.folders == {""}
    assert [event.path for event in events] == ["a/b/c", "a/b", "a", "d"]


async def test_with_filters_folders_are_made_for_what_is_in_them() -> None:
    source = FakeTree({"a/b/x": (b"", 0), "c/skip": (b"", 0), "top": (b"", 0)})
    target = FakeTree()
    target.missing = True
    result = await sync(source, target, exclude=("skip",))
    assert target.folders == {"", "a", "a/b"}
    assert sorted(target.files) == ["a/b/x", "top"]
    assert result.folders == 0


async def test_without_deletion_nothing_is_said_of_what_is_left() -> None:
    target = FakeTree({"old/x": (b"", 0)})
    result = await sync(FakeTree({"a": (b"", 0)}), target, delete=False, max_delete=0)
    assert result.failures == []
    assert sorted(target.files) == ["a", "old/x"]


async def test_the_folders_of_one_share_must_not_overlap(share: Share) -> None:
    with pytest.raises(ValueError, match="one of the two folders lies in the other"):
        await tree_sync.sync_tree(share.folder("a"), share.folder("a/b"))
