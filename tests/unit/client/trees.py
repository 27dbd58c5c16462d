"""Trees of files in memory, and how they are drawn at random."""

import re
from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from smbquic.client.file_tree import Entry
from smbquic.storage.names import fold

SECOND = 10**9

Files = dict[str, tuple[bytes, int]]
"""The content and the time of each file, by its path."""


class FakeTree:
    """A `FileTree` in memory."""

    def __init__(
        self,
        files: Mapping[str, tuple[bytes, int]] = {},
        folders: Iterable[str] = (),
        *,
        ignores_case: bool = False,
    ) -> None:
        self.files: Files = dict(files)
        self.folders = {"", *folders, *(above for path in files for above in folders_of(path))}
        self.others: dict[str, str] = {}
        self.refused: dict[str, Exception] = {}
        self.backups: Files = {}
        self.ignores_case = ignores_case
        self.listed: list[str] = []
        self.missing = False

    def _real(self, path: str) -> str:
        """The path as it is here, whatever its case."""
        if not self.ignores_case:
            return path
        there = {fold(each): each for each in (*self.folders, *self.files)}
        return there.get(fold(path), path)

    async def list(self, folder: str) -> list[Entry]:
        folder = self._real(folder)
        self.listed.append(folder)
        if folder in self.refused:
            raise self.refused[folder]
        if self.missing or folder not in self.folders:
            raise FileNotFoundError(folder)
        found = [
            Entry(path.rpartition("/")[2], "file", len(data), modified)
            for path, (data, modified) in self.files.items()
            if path.rpartition("/")[0] == folder
        ]
        found += [
            Entry(path.rpartition("/")[2], "folder")
            for path in self.folders
            if path and path.rpartition("/")[0] == folder
        ]
        return found + [
            Entry(path.rpartition("/")[2], "other", what=what)
            for path, what in self.others.items()
            if path.rpartition("/")[0] == folder
        ]

    async def prepare(self) -> None:
        self.missing = False

    async def make_folder(self, path: str) -> None:
        self.folders |= {path, *folders_of(path)}

    async def remove_file(self, path: str) -> None:
        if path in self.refused:
            raise self.refused[path]
        del self.files[self._real(path)]

    async def remove_folder(self, path: str) -> None:
        if any(each.startswith(f"{path}/") for each in (*self.files, *self.folders)):
            raise OSError(39, "Directory not empty", path)
        self.folders.remove(path)

    async def back_up(self, path: str, backup: str) -> None:
        self.backups[f"{backup}/{path}"] = self.files.pop(path)

    async def digest(self, path: str) -> bytes:
        return self.files[self._real(path)][0]

    def holds(self, other: str) -> str | None:
        return other.removeprefix("/tree").strip("/") if other.startswith("/tree") else None


def folders_of(path: str) -> list[str]:
    """The folders that a path is in."""
    return [path[: slash.start()] for slash in re.finditer("/", path)]


NAMES = st.sampled_from(["a", "b", "c.jpg", "d"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.tuples(
    st.sampled_from([b"", b"x", b"yy", b"zz"]), st.sampled_from([0, SECOND, 2 * SECOND])
)


def without_conflicts(files: Files) -> Files:
    """Only files whose folders are no files."""
    return {
        path: value
        for path, value in files.items()
        if not any(folder in files for folder in folders_of(path))
    }


TREES = st.dictionaries(PATHS, CONTENTS, max_size=8).map(without_conflicts)
