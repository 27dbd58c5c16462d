"""How much of the trees is looked at, and how much at once."""

import asyncio
from collections.abc import Sequence

import pytest

from smbquic.client import tree_walk as module
from smbquic.client.file_tree import Entry
from smbquic.client.filters import Filters, Rule
from smbquic.client.tree_walk import FOLDERS, TreeWalk, Work
from smbquic.errors import ConnectionClosed
from smbquic.storage.partial import temporary_name
from tests.unit.client.trees import FakeTree


class Walk(TreeWalk):
    """Writes down what it finds."""

    def __init__(
        self,
        source: FakeTree,
        target: FakeTree,
        rules: Sequence[Rule] = (),
        *,
        extras: bool = True,
    ) -> None:
        super().__init__(source, target, Filters(rules), transfers=3, extras=extras)
        self.found: list[tuple[str, str]] = []
        self.running = self.most = 0

    def pair(self, path: str, entry: Entry, other: Entry | None) -> Work | None:
        async def work() -> None:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            self.found.append(("both" if other else "source", path))

        return work

    def extra_file(self, path: str) -> Work | None:
        self.found.append(("target", path))
        return None

    async def missing_folder(self, path: str) -> None:
        self.found.append(("missing", path))

    def extra_folder(self, path: str) -> None:
        self.found.append(("extra", path))

    def skip(self, path: str, what: str) -> None:
        self.found.append((what, path))

    def fail(self, path: str, error: Exception) -> None:
        self.found.append((type(error).__name__, path))


EMPTY = (b"", 0)


async def test_what_is_where() -> None:
    source = FakeTree({"a": EMPTY, "b/c": EMPTY, "new/d": EMPTY, "f": EMPTY})
    target = FakeTree({"a": EMPTY, "b/x": EMPTY, "old/d": EMPTY, "f/y": EMPTY})
    walk = Walk(source, target)
    await walk.run()
    assert sorted(walk.found) == [
        ("FileExistsError", "f"),
        ("both", "a"),
        ("extra", "old"),
        ("missing", "new"),
        ("source", "b/c"),
        ("source", "new/d"),
        ("target", "b/x"),
        ("target", "old/d"),
    ]


async def test_extras_are_looked_at_only_if_they_matter() -> None:
    target = FakeTree({"old/d": EMPTY, "e": EMPTY})
    walk = Walk(FakeTree(), target, extras=False)
    await walk.run()
    assert walk.found == []
    assert target.listed == [""]


async def test_folders_that_filters_exclude_are_not_listed() -> None:
    source = FakeTree({"cache/a": EMPTY, "keep/a": EMPTY})
    target = FakeTree({"cache/b": EMPTY})
    walk = Walk(source, target, rules=[Rule.make("cache/", include=False)])
    await walk.run()
    assert walk.found == [("missing", "keep"), ("source", "keep/a")]
    assert "cache" not in source.listed + target.listed


async def test_no_more_files_than_asked_for_are_under_way() -> None:
    walk = Walk(FakeTree({f"{n % 7}/{n}": EMPTY for n in range(70)}), FakeTree())
    await walk.run()
    assert len([path for kind, path in walk.found if kind == "source"]) == 70
    assert walk.most == 3


@pytest.mark.parametrize(("size", "at_once"), [(4, 1), (2, 2), (0, 3)])
async def test_large_files_are_fewer_at_once(
    monkeypatch: pytest.MonkeyPatch, size: int, at_once: int
) -> None:
    monkeypatch.setattr(module, "UNDER_WAY", 4)
    walk = Walk(FakeTree({f"{n}": (bytes(size), 0) for n in range(9)}), FakeTree())
    await walk.run()
    assert walk.most == at_once


async def test_what_is_only_deleted_does_not_wait_for_large_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "UNDER_WAY", 4)
    walk = Walk(FakeTree({"large": (b"1234", 0)}), FakeTree({"old": EMPTY}))
    deleted = asyncio.Event()

    async def copy() -> None:
        async with asyncio.timeout(20):
            await deleted.wait()

    async def delete() -> None:
        deleted.set()

    walk.pair = lambda *_: copy  # type: ignore[method-assign]
    walk.extra_file = lambda _: delete  # type: ignore[method-assign,assignment]
    await walk.run()
    assert walk.found == []


async def test_neither_links_nor_parts_of_transfers_are_looked_at() -> None:
    part = temporary_name()
    source, target = FakeTree({part: EMPTY, "d/a": EMPTY}), FakeTree({part: EMPTY, "d/b": EMPTY})
    source.others = {"link": "a link", "d/device": "a device"}
    target.others = {"theirs": "a link"}
    walk = Walk(source, target)
    await walk.run()
    assert sorted(walk.found) == [
        ("a device", "d/device"),
        ("a link", "link"),
        ("source", "d/a"),
        ("target", "d/b"),
    ]


async def test_a_file_and_a_folder_of_one_name_are_kept_apart() -> None:
    source = FakeTree({"a": EMPTY, "b/in": EMPTY, "c": EMPTY, "d": EMPTY})
    target = FakeTree({"a/in": EMPTY, "b": EMPTY})
    target.others = {"c": "a link"}
    walk = Walk(source, target, extras=False)
    errors = []
    walk.fail = lambda path, error: errors.append((path, str(error)))  # type: ignore[method-assign]
    await walk.run()
    assert sorted(errors) == [
        ("a", "[Errno 17] the target has a folder of this name: 'a'"),
        ("b", "[Errno 17] the target has a file of this name: 'b'"),
    ]
    assert walk.found == [("both", "c"), ("source", "d")]


@pytest.mark.parametrize("there", [[], ["b"], ["B"]])
async def test_of_names_that_are_one_at_the_target_its_own_is_taken(there: list[str]) -> None:
    source = FakeTree({"b": EMPTY, "B": EMPTY, "a": EMPTY})
    target = FakeTree(dict.fromkeys(there, EMPTY), ignores_case=True)
    walk = Walk(source, target)
    await walk.run()
    taken = there[0] if there else "B"
    kind = "both" if there else "source"
    other = "b" if taken == "B" else "B"
    assert sorted(walk.found) == sorted(
        [("source", "a"), (kind, taken), ("NameCollisionError", other)]
    )


async def test_where_case_counts_names_are_many() -> None:
    walk = Walk(FakeTree({"b": EMPTY, "B": EMPTY}), FakeTree({"b": EMPTY}))
    await walk.run()
    assert sorted(walk.found) == [("both", "b"), ("source", "B")]


async def test_what_one_thing_fails_with_is_noted_and_the_rest_is_done() -> None:
    source = FakeTree({"a/x": EMPTY, "b/x": EMPTY, "c/x": EMPTY, "f": EMPTY})
    target = FakeTree({"b/y": EMPTY, "old/y": EMPTY})
    source.refused["a"] = PermissionError(13, "no")
    target.refused["b"] = PermissionError(13, "no")
    target.refused["old"] = PermissionError(13, "no")
    walk = Walk(source, target)

    def pair(path: str, entry: Entry, other: Entry | None) -> Work:
        async def work() -> None:
            raise OSError(5, "no")

        return work

    walk.pair = pair  # type: ignore[method-assign]
    await walk.run()
    assert sorted(walk.found) == [
        ("OSError", "c/x"),
        ("OSError", "f"),
        ("PermissionError", "a"),
        ("PermissionError", "b"),
        ("PermissionError", "old"),
        ("missing", "a"),
        ("missing", "c"),
    ]


async def test_what_ends_everything_is_raised() -> None:
    source = FakeTree({"a/x": EMPTY})
    source.refused[""] = PermissionError(13, "no")
    with pytest.raises(PermissionError):
        await Walk(source, FakeTree()).run()
    source.refused = {"a": ConnectionClosed("gone")}
    with pytest.raises(ConnectionClosed):
        await Walk(source, FakeTree()).run()
    target = FakeTree()
    target.refused[""] = PermissionError(13, "no")
    with pytest.raises(PermissionError):
        await Walk(FakeTree(), target).run()


async def test_a_target_that_is_missing_is_a_missing_folder() -> None:
    target = FakeTree({"a": EMPTY})
    target.missing = True
    walk = Walk(FakeTree({"a": EMPTY, "b/c": EMPTY}), target)
    await walk.run()
    assert walk.found[0] == ("missing", "")
    assert sorted(walk.found[1:]) == [("missing", "b"), ("source", "a"), ("source", "b/c")]


def test_many_folders_are_looked_at_at_once() -> None:
    assert FOLDERS >= 16
