"""Whole files, up, down and across, with many requests under way at once.

Every copy is written under a temporary name and takes its real one only when it is whole and on the
disk, so that nobody ever sees half a file under the name of a whole one. What fails leaves the
target as it was. All transfers of a share together have at most `WINDOW` chunks in memory.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

from smbquic.client import requests
from smbquic.client.concurrency import run_each, run_to_completion
from smbquic.client.file import WINDOW, File, chunk_size, verify_unchanged
from smbquic.client.files import ShareFiles
from smbquic.client.local import Disk, PartialFile, Source, WrittenFiles, in_thread, sync_folder
from smbquic.client.names import join, parent, to_wire
from smbquic.client.results import Progress
from smbquic.client.streams import read_chunks
from smbquic.client.tree_connect import check
from smbquic.errors import NotFoundError, PathError, SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.protocol.response import Response
from smbquic.storage.partial import temporary_name
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateResponse, ShareAccess
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.message import Message

log = logging.getLogger(__name__)

_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE


def read_step(share: ShareFiles) -> int:
    """Bytes of one READ."""
    negotiated = share.tree.connection.protocol.negotiated
    assert negotiated is not None
    return chunk_size(share.tree, negotiated.max_read_size)


def write_step(share: ShareFiles) -> int:
    """Bytes of one WRITE."""
    negotiated = share.tree.connection.protocol.negotiated
    assert negotiated is not None
    return chunk_size(share.tree, negotiated.max_write_size)


class _ProgressCounter:
    """Counts the bytes that are done, and reports them."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self, count: int) -> None:
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


# --- down ---------------------------------------------------------------------------------------


async def get(
    share: ShareFiles,
    path: str,
    target: Path,
    *,
    progress: Progress | None = None,
    expected: int | None = None,
    written: WrittenFiles | None = None,
) -> int:
    """See `Share.get`. A file of the `expected` size costs one round trip, if it is small.

    With `expected`, the caller flushes the folder of `target` to the disk. `written`
    knows the other files of the transfer.
    """
    if expected is not None and 0 < expected <= read_step(share):
        async with share.slots:
            opened, reading, closed = await share.once_closed(
                requests.create(to_wire(path), requests.READ, options=_FILE),
                requests.read(0, expected),
                requests.close(attributes=True),
                path=path,
            )
            data: memoryview = reading.body.data
            if len(data) == opened.body.end_of_file:
                verify_unchanged(path, opened.body, closed.body)
                modified = to_unix_ns(opened.body.last_write_time)
                await in_thread(PartialFile.store, target, data, modified, written)
                _ProgressCounter(progress, expected).add(expected)
                return expected
    async with _open_and_read(share, path) as (file, head):
        await _get_open(share, file, head, target, progress, written)
    if expected is None:
        await in_thread(sync_folder, target.parent)
    return file.opened.end_of_file


@asynccontextmanager
async def _open_and_read(share: ShareFiles, path: str) -> AsyncIterator[tuple[File, memoryview]]:
    """Open a file and read its first bytes in the same message; closes it at the end.

    That is all of a small file. The READ costs one credit, and of an empty file it fails.
    """
    size = min(CREDIT_SIZE, read_step(share))
    opened, reading = await share.tree.compound(
        [
            requests.create(to_wire(path), requests.READ, options=_FILE),
            requests.read(0, size),
        ]
    )
    check(opened, path)
    async with File(share.tree, path, opened.body) as file:
        check(reading, path, (NtStatus.END_OF_FILE,))
        is_empty = reading.status == NtStatus.END_OF_FILE
        head = memoryview(b"" if is_empty else reading.body.data)
        yield file, head[: file.opened.end_of_file]


async def _get_open(
    share: ShareFiles,
    file: File,
    head: memoryview,
    target: Path,
    progress: Progress | None,
    written: WrittenFiles | None,
) -> None:
    size: int = file.opened.end_of_file
    step = read_step(share)
    counter = _ProgressCounter(progress, size)
    part = await in_thread(PartialFile, target, undo=PartialFile.discard)
    disk = Disk()

    async def fetch(offset: int) -> None:
        async with share.slots:
            data = await read_exactly(file, offset, min(step, size - offset))
            await disk.call(part.write_at, offset, data)
        counter.add(len(data))

    try:
        if head:
            await disk.call(part.write_at, 0, head)
            counter.add(len(head))
        rest = range(len(head), size, step)
        await _run_window(rest, fetch)
        await file.close_unchanged()
        await in_thread(part.commit, to_unix_ns(file.opened.last_write_time), written)
    except BaseException:
        await in_thread(part.discard)
        raise


async def stream(
    share: ShareFiles, path: str, *, progress: Progress | None = None
) -> AsyncGenerator[memoryview, None]:
    """See `Share.stream`."""
    async with _open_and_read(share, path) as (file, head):
        size, step = file.opened.end_of_file, read_step(share)
        counter = _ProgressCounter(progress, size)

        async def fetch(offset: int) -> memoryview:
            if offset < len(head):
                return head
            async with share.slots:
                return await read_exactly(file, offset, min(step, size - offset))

        offsets = [0, *range(len(head), size, step)] if head else range(0, size, step)
        ahead: deque[asyncio.Task[memoryview]] = deque()
        try:
            for offset in offsets:
                ahead.append(asyncio.create_task(fetch(offset)))
                if len(ahead) == WINDOW:
                    data = await ahead[0]
                    ahead.popleft()
                    counter.add(len(data))
                    yield data
            while ahead:
                data = await ahead[0]
                ahead.popleft()
                counter.add(len(data))
                yield data
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)
        await file.close_unchanged()


async def _run_window(offsets: range, work: Callable[[int], Awaitable[None]]) -> None:
    """Call `work` for each chunk, with at most `WINDOW` of them under way."""
    await run_each(offsets, work, limit=min(WINDOW, len(offsets)))


# --- up -----------------------------------------------------------------------------------------


class RemotePartialFile:
    """A file on the share that is written under a temporary name, and then takes its real one."""

    def __init__(self, share: ShareFiles, path: str) -> None:
        if path.endswith(("/", "\\")) or not path:
            raise PathError(f"{path!r} is a folder: say what the file is to be called in it")
        self._share = share
        self._path = path
        self._part = join(parent(path), temporary_name())
        self._file: File | None = None
        self._in_doubt = False

    async def begin(self, *middle: Message) -> tuple[File, list[Response]]:
        """Make it, and do `middle` to it in the same message, with these answers."""
        creating = requests.create(
            to_wire(self._part),
            requests.WRITE | requests.DELETE,
            disposition=CreateDisposition.FILE_CREATE,
            options=_FILE,
            sharing=ShareAccess(0),
        )
        opened, *others = await self._share.tree.compound([creating, *middle])
        check(opened, self._path)
        body: CreateResponse = opened.body
        self._file = File(self._share.tree, self._path, body)
        self._check(others)
        return self._file, others

    async def seal(self, modified: int) -> None:
        """Set the modification time (ns since 1970) and have it put on the disk."""
        assert self._file is not None
        file_id = self._file.file_id
        self._check(
            await self._share.tree.compound(
                [requests.set_basic(last_write_time=modified, file_id=file_id), requests.flush()]
            )
        )

    async def commit(self) -> None:
        """Give it its name, in place of what has that now, and close it.

        Only ever sent when all that came before has succeeded: servers differ in whether a
        compound goes on after a failure in its middle.
        """
        # Until the answer is here nobody knows what a deletion would hit: the part, or the whole
        # file under its name. So this is not cancelled, and without an answer nothing is deleted.
        self._in_doubt = True
        await run_to_completion(self._commit())

    async def _commit(self) -> None:
        assert self._file is not None
        renaming = requests.rename(to_wire(self._path), replace=True, file_id=self._file.file_id)
        renamed, closed = await self._share.tree.compound([renaming, requests.close()])
        self._in_doubt = False
        check(renamed, self._path)
        self._file.mark_closed()
        check(closed, self._path)

    async def discard(self) -> None:
        """Remove it after a failure, as far as the connection still works.

        Where it does not, a server of this package does so by itself; others leave it there.
        """
        if self._file is None or self._file.closed or self._in_doubt:
            return  # a CREATE that was cancelled is the connection's to clean up after
        self._file.mark_closed()
        try:
            await run_to_completion(self._delete(self._file))
        except SmbError as error:
            log.warning(
                "%s is left behind on the share, unless its server removes it: %s",
                self._part,
                error,
            )

    async def _delete(self, file: File) -> None:
        deleted, closed = await self._share.tree.compound(
            [requests.delete(file.file_id), requests.close()]
        )
        if NtStatus.FILE_CLOSED in (deleted.status, closed.status):
            # It did not get its name, and a server that goes on after that has closed it.
            with suppress(NotFoundError):
                await self._share.remove(self._part)
            return
        if closed.status.is_error:
            # Servers may fail the rest of a compound with the error of its first failure.
            await self._share.tree.request(requests.close(file.file_id), self._part)
        check(deleted, self._part)

    def _check(self, responses: Sequence[Response]) -> None:
        for response in responses:
            check(response, self._path)


async def put(
    share: ShareFiles, source: Path, path: str, *, progress: Progress | None = None
) -> int:
    """See `Share.put`."""
    async with share.slots:
        loaded = await in_thread(Source.load, source, write_step(share), undo=_close_source)
        if not isinstance(loaded, Source):
            data, modified = loaded
            await _put_small(share, data, path, modified)
            _ProgressCounter(progress, len(data)).add(len(data))
            return len(data)
    try:
        if loaded.is_stream:
            chunks = read_chunks(loaded.descriptor, write_step(share))
            async with aclosing(chunks):
                return await put_stream(share, chunks, path, progress=progress)
        await _put_large(share, loaded, path, progress)
        return loaded.size
    finally:
        await in_thread(loaded.close)


def _close_source(loaded: Source | tuple[bytes, int]) -> None:
    if isinstance(loaded, Source):
        loaded.close()


async def put_bytes(share: ShareFiles, data: Buffer, path: str) -> None:
    """See `Share.write_bytes`."""
    if len(data) <= write_step(share):
        await _put_small(share, data, path, None)
        return
    part = RemotePartialFile(share, path)
    try:
        file, _ = await part.begin()
        await file.write(data)
        await file.flush()
        await part.commit()
    except BaseException:
        await part.discard()
        raise


async def _put_small(share: ShareFiles, data: Buffer, path: str, modified: int | None) -> None:
    """Two round trips: write it all, then give it its name."""
    middle: list[Message] = []
    if data:
        middle.append(requests.write(0, data))
    if modified is not None:
        middle.append(requests.set_basic(last_write_time=modified))
    part = RemotePartialFile(share, path)
    try:
        file, answers = await part.begin(*middle, requests.flush())
        written = answers[0].body.count if data else 0
        if written < len(data):
            await file.write_at(written, memoryview(data)[written:])
            await file.flush()
        await part.commit()
    except BaseException:
        await part.discard()
        raise


async def _put_large(
    share: ShareFiles, source: Source, path: str, progress: Progress | None
) -> None:
    size, step = source.size, write_step(share)
    counter = _ProgressCounter(progress, size)
    disk = Disk()
    part = RemotePartialFile(share, path)
    try:
        file, _ = await part.begin()

        async def store(offset: int) -> None:
            async with share.slots:
                data = await disk.call(source.read_at, offset, min(step, size - offset))
                await file.write_at(offset, data)
            counter.add(len(data))

        await _run_window(range(0, size, step), store)
        await in_thread(source.verify)
        await part.seal(source.modified)
        await part.commit()
    except BaseException:
        await part.discard()
        raise


async def put_stream(
    share: ShareFiles, chunks: AsyncIterator[Buffer], path: str, *, progress: Progress | None = None
) -> int:
    """See `Share.put_stream`."""
    step = write_step(share)
    part = RemotePartialFile(share, path)
    reading = asyncio.Lock()  # one task at a time takes the next chunk, so that none is lost
    rest = memoryview(b"")
    ended = False
    size = done = 0
    try:
        file, _ = await part.begin()

        async def store(_: int) -> None:
            nonlocal rest, ended, size, done
            while True:
                async with reading:
                    while not (rest or ended):
                        chunk = await anext(chunks, None)
                        ended = chunk is None
                        rest = memoryview(chunk or b"").cast("B")
                    if not rest:
                        return
                    offset, data, rest = size, rest[:step], rest[step:]
                    size += len(data)
                async with share.slots:
                    await file.write_at(offset, data)
                done += len(data)
                if progress is not None:
                    progress(done, done)

        await run_each(range(WINDOW), store, limit=WINDOW)
        await file.flush()
        await part.commit()
    except BaseException:
        await part.discard()
        raise
    return size


# --- across -------------------------------------------------------------------------------------


async def copy(
    share: ShareFiles, path: str, new_path: str, *, progress: Progress | None = None
) -> int:
    """See `Share.copy`."""
    step = min(read_step(share), write_step(share))
    part = RemotePartialFile(share, new_path)
    async with share.open(path) as source:
        size: int = source.opened.end_of_file
        counter = _ProgressCounter(progress, size)
        try:
            file, _ = await part.begin()

            async def move(offset: int) -> None:
                async with share.slots:
                    data = await read_exactly(source, offset, min(step, size - offset))
                    await file.write_at(offset, data)
                counter.add(len(data))

            await _run_window(range(0, size, step), move)
            await source.close_unchanged()
            await part.seal(to_unix_ns(source.opened.last_write_time))
            await part.commit()
        except BaseException:
            await part.discard()
            raise
    return size
