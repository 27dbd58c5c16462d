import random
from typing import cast

import pytest

from smbquic.client.file import File
from smbquic.client.fsspec import ranges
from smbquic.client.fsspec.ranges import read_ranges, slices_by_file
from smbquic.errors import StatusError

CONTENT = random.Random(5).randbytes(1000)


class ShortFile:
    path = "file"
    tree = None

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def read_at(self, offset: int, size: int) -> memoryview:
        self.sizes.append(size)
        return memoryview(CONTENT)[offset : offset + size]


@pytest.fixture(autouse=True)
def step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "read_size", lambda tree: 100)


async def read(file: ShortFile, *parts: tuple[int, int]) -> list[bytes]:
    return await read_ranges(cast(File, file), parts)


async def test_parts_of_a_file() -> None:
    file = ShortFile()
    parts = await read(file, (0, 250), (990, 1000), (5, 5), (9, 3))
    assert parts == [CONTENT[:250], CONTENT[990:], b"", b""]
    assert sorted(file.sizes) == [10, 50, 100, 100]


async def test_a_file_that_became_shorter() -> None:
    with pytest.raises(StatusError):
        await read(ShortFile(), (950, 1050))


def test_parts_by_their_files() -> None:
    assert slices_by_file(["a", "b", "a"], [1, 2, None], [4, 5, -6]) == {
        "a": [(0, 1, 4), (2, None, -6)],
        "b": [(1, 2, 5)],
    }
    assert slices_by_file(["a", "b"], 0, None) == {"a": [(0, 0, None)], "b": [(1, 0, None)]}
    assert slices_by_file([], [], []) == {}
    with pytest.raises(ValueError, match="not as many"):
        slices_by_file(["a"], [1, 2], [3])
    with pytest.raises(TypeError):
        slices_by_file("a", 1, 2)
