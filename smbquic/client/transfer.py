"""Whole files, up and down, with many requests under way at once.

Every copy is written under a temporary name and takes its real one only when it is whole, so that
nobody ever sees half a file under the name of a whole one. What fails leaves the target as it was.
All transfers of a share together have at most `WINDOW` chunks in memory.
"""

import asyncio
import logging
import stat
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

from smbquic.client import requests
from smbquic.client.chunks import ProgressCounter, read_exactly
from smbquic.client.concurrency import run_each, run_window
from smbquic.client.file import WINDOW, File, read_size, verify_unchanged, write_size
from smbquic.client.files import ShareFiles
from smbquic.client.local import (
    Disk,
    InplaceFile,
    PartialFile,
    Source,
    WriteBack,
    WrittenFiles,
    in_thread,
    sync_folder,
)
from smbquic.client.names import to_wire
from smbquic.client.remote_part import (
    RemoteInplaceFile,
    RemotePartialFile,
    inplace_request,
)
from smbquic.client.reopening import open_file
from smbquic.client.results import Progress
from smbquic.client.resume import MARGIN, RemoteResumablePart, ResumablePart
from smbquic.client.sparse import (
    Range,
    chunks,
    is_sparse,
    local_ranges,
    make_sparse,
    remote_ranges,
)
from smbquic.client.streams import read_chunks
from smbquic.client.tree_connect import check
from smbquic.errors import OpenLostError, RemoteProtocolError, UnflushedError
from smbquic.ntstatus import NtStatus
from smbquic.options.transfer import DEFAULTS, TransferOptions
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.wire.create import CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.message import Message

log = logging.getLogger(__name__)

_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE
ATTEMPTS = 3
"""How often a file is put whose server loses what was there of it."""


# --- down ---------------------------------------------------------------------------------------


async def get(
    share: ShareFiles,
    path: str,
    target: Path,
    *,
    progress: Progress | None = None,
    expected: int | None = None,
    written: WrittenFiles | None = None,
    options: TransferOptions = DEFAULTS,
) -> int:
    """See `Share.get`. A file of the `expected` size costs one round trip, if it is small.

    With `expected`, the caller flushes the folder of `target` to the disk. `written`
    knows the other files of the transfer.
    """
    # A slot is taken before memory everywhere: otherwise two files could wait for each other.
    return await share.open_slots.run(
        lambda: _get(share, path, target, progress, expected, written, options)
    )


async def _get(
    share: ShareFiles,
    path: str,
    target: Path,
    progress: Progress | None,
    expected: int | None,
    written: WrittenFiles | None,
    options: TransferOptions,
) -> int:
    if expected is not None and 0 < expected <= read_size(share.tree):
        async with share.memory.hold(expected):
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
                kind = InplaceFile if options.inplace else PartialFile
                store = partial(kind.store, target, data, modified, written, options.fsync)
                await (in_thread(store) if options.fsync else share.disk.call(store))
                ProgressCounter(progress, expected).add(expected)
                return expected
    async with _open_and_read(share, path) as (file, head):
        part = await in_thread(_local_part, target, file, options, undo=PartialFile.discard)
        try:
            start = await part.begin(file) if isinstance(part, ResumablePart) else 0
            await _receive(share, file, head, part, start, progress)
            await in_thread(part.commit, to_unix_ns(file.opened.last_write_time), written)
            if isinstance(part, ResumablePart):
                await in_thread(part.remove_others)
        except BaseException as error:
            await in_thread(part.abandon, error)
            raise
    if expected is None and options.fsync:
        await in_thread(sync_folder, target.parent)
    return file.opened.end_of_file


@asynccontextmanager
async def _open_and_read(share: ShareFiles, path: str) -> AsyncIterator[tuple[File, memoryview]]:
    """Open a file and read its first bytes in the same message; closes it at the end.

    That is all of a small file. The READ costs one credit, and of an empty file it fails.
    """
    size = min(CREDIT_SIZE, read_size(share.tree))
    opening = requests.create(to_wire(path), requests.READ, options=_FILE)
    file, [reading] = await open_file(
        share.share_tree, path, lambda: opening, requests.read(0, size)
    )
    async with file:
        check(reading, path, (NtStatus.END_OF_FILE,))
        is_empty = reading.status == NtStatus.END_OF_FILE
        head = memoryview(b"" if is_empty else reading.body.data)
        yield file, head[: file.opened.end_of_file]


def _local_part(target: Path, file: File, options: TransferOptions) -> PartialFile:
    """Make the file that an open one is copied to."""
    if options.inplace:
        return InplaceFile(target, options.fsync)
    if options.resume and file.opened.end_of_file > MARGIN and not is_sparse(file):
        is_now = file.opened
        # Not the time of creation: Samba may make that of others, which reading changes.
        times = (is_now.last_write_time, is_now.change_time)
        return ResumablePart(target, (file.path, is_now.end_of_file, *times), options.fsync)
    return PartialFile(target, options.fsync)


async def _receive(
    share: ShareFiles,
    file: File,
    head: memoryview,
    part: PartialFile,
    start: int,
    progress: Progress | None,
) -> None:
    """Fill `part`, which has `start` bytes, with an open file that begins with `head`."""
    size: int = file.opened.end_of_file
    step = read_size(share.tree)
    counter = ProgressCounter(progress, size)
    disk = Disk()

    async def fetch(chunk: Range) -> None:
        offset, count = chunk
        async with share.memory.hold(count):
            data = await read_exactly(file, offset, count)
            await disk.call(part.write_at, offset, data)
        write_back.add(count)
        counter.add(count)

    async with WriteBack(part) as write_back:
        if head and not start and not (size > step and is_sparse(file)):
            await disk.call(part.write_at, 0, head)
            start = len(head)
        ranges = [(start, size)]
        if size > step and not start and is_sparse(file):
            ranges = await remote_ranges(file, size)
            await disk.call(part.truncate, size)
        if done := size - sum(end - begin for begin, end in ranges):
            counter.add(done)
        await run_window(chunks(ranges, step), fetch, limit=WINDOW)
    await file.close_unchanged()


async def stream(
    share: ShareFiles, path: str, *, progress: Progress | None = None
) -> AsyncGenerator[memoryview, None]:
    """See `Share.stream`."""
    async with _open_and_read(share, path) as (file, head):
        size, step = file.opened.end_of_file, read_size(share.tree)
        counter = ProgressCounter(progress, size)

        async def fetch(offset: int) -> memoryview:
            if offset < len(head):
                return head
            count = min(step, size - offset)
            async with share.memory.hold(count):
                return await read_exactly(file, offset, count)

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


# --- up -----------------------------------------------------------------------------------------


async def put(
    share: ShareFiles,
    source: Path,
    path: str,
    *,
    progress: Progress | None = None,
    expected: int | None = None,
    options: TransferOptions = DEFAULTS,
) -> int:
    """See `Share.put`. The caller may know how large the file is about to be."""
    if expected is None:
        expected = await in_thread(_size, source)
        if expected is None:
            return await _put(share, source, path, 0, progress, options)
    size = expected
    return await share.open_slots.run(lambda: _put(share, source, path, size, progress, options))


async def _put(
    share: ShareFiles,
    source: Path,
    path: str,
    expected: int,
    progress: Progress | None,
    options: TransferOptions,
) -> int:
    limit = write_size(share.tree)
    async with share.memory.hold(min(expected, limit)):
        loaded = await share.disk.call(Source.load, source, limit, undo=_close_source)
        if not isinstance(loaded, Source):
            data, modified = loaded
            await _put_again_if_lost(
                lambda: _put_small(share, data, path, modified, inplace=options.inplace)
            )
            ProgressCounter(progress, len(data)).add(len(data))
            return len(data)
    try:
        if loaded.is_stream:
            stream_chunks = read_chunks(loaded.descriptor, write_size(share.tree))
            async with aclosing(stream_chunks):
                return await put_stream(share, stream_chunks, path, progress=progress)
        await _put_again_if_lost(lambda: _put_large(share, loaded, path, progress, options))
        return loaded.size
    finally:
        await in_thread(loaded.close)


async def _put_again_if_lost(attempt: Callable[[], Awaitable[None]]) -> None:
    """Put a file, and again if the server has lost what was there of it, as by a restart."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except (OpenLostError, UnflushedError) as error:
            log.info("the file is put again: %s", error)
    return await attempt()


def _size(path: Path) -> int | None:
    """Return the size of a regular file, None for what is none and can be read only once.

    What is wrong with it is for `Source.load` to say.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _close_source(loaded: Source | tuple[bytes, int]) -> None:
    if isinstance(loaded, Source):
        loaded.close()


async def put_bytes(share: ShareFiles, data: Buffer, path: str) -> None:
    """See `Share.write_bytes`."""
    if len(data) <= write_size(share.tree):
        await _put_again_if_lost(partial(_put_small, share, data, path, None))
    else:
        await _put_again_if_lost(partial(_put_data, share, data, path))


async def _put_data(share: ShareFiles, data: Buffer, path: str) -> None:
    """Put what takes several requests to write."""
    part = RemotePartialFile(share, path)
    try:
        file, _ = await part.begin()
        await file.write(data)
        await file.flush()
        await part.commit()
    except BaseException:
        await part.discard()
        raise


async def _put_small(
    share: ShareFiles, data: Buffer, path: str, modified: int | None, *, inplace: bool = False
) -> None:
    """Two round trips: write it all, then give it its name. In its place it takes only one."""
    middle: list[Message] = []
    if data:
        middle.append(requests.write(0, data))
    if modified is not None:
        middle.append(requests.set_basic(last_write_time=modified))
    middle.append(requests.flush())
    if inplace:
        _, *answers = await share.once(inplace_request(path), *middle, path=path)
        if data and answers[0].body.count < len(data):
            raise RemoteProtocolError(f"{path}: the server wrote only a part of {len(data)} bytes")
        return
    part = RemotePartialFile(share, path)
    try:
        # It is quicker to put a small file again than to have the server keep its part open.
        file, answers = await part.begin(*middle, durable=False)
        written = answers[0].body.count if data else 0
        if written < len(data):
            await file.write_at(written, memoryview(data)[written:])
            await file.flush()
        await part.commit()
    except BaseException as error:
        await part.abandon(error)
        raise


def _remote_part(
    share: ShareFiles, path: str, source: Source, options: TransferOptions
) -> RemotePartialFile:
    """Return the file on the share that a local one is copied to."""
    if options.inplace:
        return RemoteInplaceFile(share, path)
    if options.resume and source.size > MARGIN and not source.has_holes:
        return RemoteResumablePart(share, path, source.state)
    return RemotePartialFile(share, path)


async def _put_large(
    share: ShareFiles,
    source: Source,
    path: str,
    progress: Progress | None,
    options: TransferOptions,
) -> None:
    size, step = source.size, write_size(share.tree)
    counter = ProgressCounter(progress, size)
    disk = Disk()
    part = _remote_part(share, path, source, options)
    try:
        file, _ = await part.begin()

        async def load(offset: int, count: int) -> bytes:
            return await disk.call(source.read_at, offset, count)

        async def store(chunk: Range) -> None:
            offset, count = chunk
            async with share.memory.hold(count):
                await file.write_at(offset, await load(offset, count))
            counter.add(count)

        start = await part.start(size, load) if isinstance(part, RemoteResumablePart) else 0
        ranges = [(start, size)]
        if source.has_holes:
            ranges = await in_thread(local_ranges, source.descriptor, size)
            await make_sparse(file, size)
        if done := size - sum(end - begin for begin, end in ranges):
            counter.add(done)
        await run_window(chunks(ranges, step), store, limit=WINDOW)
        await in_thread(source.verify)
        # Samba keeps what a file's name makes of it when it becomes sparse: hidden, for a dot.
        attributes = FileAttributes.ARCHIVE if source.has_holes else None
        await part.seal(source.modified, attributes=attributes)
        await part.commit()
        if isinstance(part, RemoteResumablePart):
            await part.remove_others()
    except BaseException as error:
        await part.abandon(error)
        raise
    finally:
        part.release()


async def put_stream(
    share: ShareFiles, chunks: AsyncIterator[Buffer], path: str, *, progress: Progress | None = None
) -> int:
    """See `Share.put_stream`."""
    step = write_size(share.tree)
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
                async with share.memory.hold(len(data)):
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
