"""Parts of open files, read with many requests under way at once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from smbquic.client.chunks import read_exactly
from smbquic.client.concurrency import run_window
from smbquic.client.file import WINDOW, File, read_size

Slice = tuple[int | None, int | None]
"""The first byte of a part and the one behind its last, as in a slice of Python."""


def slices_by_file(
    paths: Sequence[str], starts: Any, ends: Any
) -> dict[str, list[tuple[int, int | None, int | None]]]:
    """Sort parts by their files, each part with its number. One start or end may be for all.

    Raises ValueError where there are not as many paths as starts and ends.
    """
    if isinstance(paths, str):
        raise TypeError("the paths are a list, one for each part")
    count = len(paths)
    starts = list(starts) if isinstance(starts, Iterable) else [starts] * count
    ends = list(ends) if isinstance(ends, Iterable) else [ends] * count
    if not count == len(starts) == len(ends):
        raise ValueError("there are not as many paths as starts and ends")
    files: dict[str, list[tuple[int, int | None, int | None]]] = {}
    for number, (path, start, end) in enumerate(zip(paths, starts, ends, strict=True)):
        files.setdefault(path, []).append((number, start, end))
    return files


async def read_ranges(file: File, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return the parts of a file, each from its first byte up to the second number.

    `StatusError` END_OF_FILE if the file is shorter than that by now.
    """
    step = read_size(file.tree)
    parts = [bytearray(max(0, end - start)) for start, end in ranges]

    def chunks() -> Iterator[tuple[int, int, int]]:
        for number, (start, end) in enumerate(ranges):
            for offset in range(start, end, step):
                yield number, offset, min(step, end - offset)

    async def fetch(chunk: tuple[int, int, int]) -> None:
        number, offset, size = chunk
        begin = offset - ranges[number][0]
        parts[number][begin : begin + size] = await read_exactly(file, offset, size)

    await run_window(chunks(), fetch, limit=WINDOW)
    return [bytes(part) for part in parts]
