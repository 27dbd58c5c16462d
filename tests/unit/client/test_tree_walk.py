"""How much of the trees is looked at, and how much at once."""

import asyncio
from collections.abc import Sequence

from smbquic.client.file_tree import Entry
from smbquic.client.filters import Filters, Rule
from smbquic.client.tree_walk import FOLDERS, TreeWalk, Work
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


def test_many_folders_are_looked_at_at_once() -> None:
    assert FOLDERS >= 16
