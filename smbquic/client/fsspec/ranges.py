"""Parts of open files, read with many requests under way at once."""

from collections.abc import Iterator, Sequence

from smbquic.client.chunks import read_exactly, read_step
from smbquic.client.concurrency import run_window
from smbquic.client.file import WINDOW, File
from smbquic.client.share import Share


async def read_ranges(share: Share, file: File, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return the parts of a file, each from its first byte up to the second number.

    `StatusError` END_OF_FILE if the file is shorter than that by now.
    """
    step = read_step(share)
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
