"""The works: which files there are, what is done with them, over which link."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from benchmarks.transfers.clients import Verb

SMALL = 4096
MEBIBYTE = 1 << 20
RATE = 100_000_000
"""Bits per second of the emulated link."""
DELAY = 0.025
"""Seconds, each way: a round trip takes twice that."""


@dataclass(frozen=True, slots=True)
class Work:
    """`files` of `size` bytes in `folders`; `emulated` says over which link.

    Programs that wait for each file by itself are measured only where `few` says so: with more
    files they take hours.
    """

    name: str
    title: str
    verbs: Sequence[Verb]
    files: int
    size: int = SMALL
    folders: int = 1
    emulated: bool = True
    few: bool = True

    def scaled(self, scale: float) -> "Work":
        """Return the same with fewer files, or with a smaller one."""
        files, size = self.files, self.size
        if files == 1:
            size = max(round(size * scale), 1)
        else:
            files = max(round(files * scale), 1)
        folders = min(self.folders, files)
        return replace(self, files=files, size=size, folders=folders)

    @property
    def place(self) -> str:
        """The name of its file or folder, on the share and at the client."""
        return f"{self.name}-work"

    def fill(self, folder: Path, seed: int) -> None:
        """Make the files."""
        source = random.Random(seed)
        if self.files == 1:
            with folder.open("wb") as file:
                for start in range(0, self.size, MEBIBYTE):
                    file.write(source.randbytes(min(MEBIBYTE, self.size - start)))
            return
        width = ceil(self.files / self.folders)
        for number in range(self.files):
            parent = folder / f"{number // width:03}" if self.folders > 1 else folder
            if number % width == 0:
                parent.mkdir(parents=True, exist_ok=True)
            (parent / f"file-{number:06}.txt").write_bytes(source.randbytes(self.size))


WORKS = (
    Work("small", "1,000 files of 4 KiB", ("put", "get"), 1000),
    Work(
        "tree",
        "10,000 files of 4 KiB in 200 folders",
        ("put", "get", "sync"),
        10_000,
        folders=200,
        few=False,
    ),
    Work("large", "1 GiB over the emulated link", ("put-file", "get-file"), 1, 1024 * MEBIBYTE),
    Work("local", "1 GiB", ("put-file", "get-file"), 1, 1024 * MEBIBYTE, emulated=False),
    Work("list", "a folder of 100,000 entries", ("list",), 100_000, 0),
    Work(
        "many",
        "100,000 files in 1,000 folders, which are the same",
        ("sync", "check"),
        100_000,
        16,
        1000,
        emulated=False,
    ),
)
