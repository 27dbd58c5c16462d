"""Copies of files from one place on a share to another, or to another share."""

from smbquic.client.chunks import ProgressCounter, read_exactly
from smbquic.client.concurrency import run_window
from smbquic.client.file import WINDOW, read_size, write_size
from smbquic.client.files import ShareFiles
from smbquic.client.remote_part import KEPT_ATTRIBUTES, RemotePartialFile
from smbquic.client.results import Progress
from smbquic.client.server_side_copy import copy_content
from smbquic.client.sparse import Range, chunks, is_sparse, make_sparse, remote_ranges
from smbquic.wire.dtyp.filetime import to_unix_ns


async def copy(
    share: ShareFiles,
    path: str,
    new_path: str,
    *,
    progress: Progress | None = None,
    to: ShareFiles | None = None,
) -> int:
    """See `Share.copy`. `to` is the share that the copy goes to, if that is another one."""
    return await share.open_slots.run(lambda: _copy(share, path, new_path, progress, to or share))


async def _copy(
    share: ShareFiles, path: str, new_path: str, progress: Progress | None, to: ShareFiles
) -> int:
    step = min(read_size(share.tree), write_size(to.tree))
    part = RemotePartialFile(to, new_path)
    async with share.open(path, buffering=0) as source:
        size: int = source.opened.end_of_file
        counter = ProgressCounter(progress, size)
        try:
            file, _ = await part.begin()

            async def move(chunk: Range) -> None:
                offset, count = chunk
                async with share.memory.hold(count):
                    data = await read_exactly(source, offset, count)
                    await file.write_at(offset, data)
                counter.add(count)

            ranges = [(0, size)]
            if size > step and is_sparse(source):
                ranges = await remote_ranges(source, size)
                await make_sparse(file, size)
            if done := size - sum(end - begin for begin, end in ranges):
                counter.add(done)
            if not await copy_content(source, file, ranges, counter.add):
                await run_window(chunks(ranges, step), move, limit=WINDOW)
            await source.close_unchanged()
            is_now = source.opened
            await part.seal(
                to_unix_ns(is_now.last_write_time),
                created=to_unix_ns(is_now.creation_time),
                attributes=is_now.file_attributes & KEPT_ATTRIBUTES,
            )
            await part.commit()
        except BaseException:
            await part.discard()
            raise
    return size
