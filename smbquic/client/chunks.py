"""Chunks of files that are copied: how they are read, and how they are counted."""

from smbquic.client.file import File
from smbquic.client.results import Progress
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus


class ProgressCounter:
    """Counts the bytes of a file that are done, and reports them."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, count: int) -> None:
        """Count further bytes."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


async def read_exactly(file: File, offset: int, size: int) -> memoryview:
    """`size` bytes; `StatusError` END_OF_FILE if the file became shorter than it was."""
    data = await file.read_at(offset, size)
    if len(data) == size:
        return data
    whole = bytearray(data)
    while len(whole) < size:
        more = await file.read_at(offset + len(whole), size - len(whole))
        if not more:
            raise StatusError(NtStatus.END_OF_FILE, "READ", file.path)
        whole += more
    return memoryview(whole)
