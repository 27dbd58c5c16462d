"""`smbquic head`, `tail`: the beginning and the end of a file."""

import asyncio
import os

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.content import write_output
from smbquic.cli.loop import run
from smbquic.cli.output import warn
from smbquic.client.buffered_file import BufferedFile
from smbquic.client.url import SmbUrl

LINES = 10
BLOCK = 1 << 16
"""Bytes that are searched for the beginnings of lines, or written, at a time."""
FOLLOW_INTERVAL = 1.0
"""Seconds between two looks at a file that is followed."""

_lines = option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help=f"So many lines; {LINES} by default.",
)
_bytes = option(
    "-c", "--bytes", "size", type=click.IntRange(min=0), metavar="NUMBER", help="So many bytes."
)


def _check(lines: int | None, size: int | None) -> int:
    """Return the number of lines. Raises a usage error for lines and bytes."""
    if lines is not None and size is not None:
        raise click.UsageError("use either --lines or --bytes")
    return LINES if lines is None else lines


@command("head")
@click.argument("url", type=SHARE_URL)
@_lines
@_bytes
@client_command
def head(client: Client, url: SmbUrl, *, lines: int | None, size: int | None) -> None:
    """Write the beginning of a file to standard output.

    \b
    smbquic head smb+quic://alice@fs.example/data/notes.txt
    smbquic head -c 100 smb+quic://alice@fs.example/data/photo.jpg
    """
    number = _check(lines, size)

    async def work() -> None:
        async with client.share(url) as share, share.open(url.path) as file:
            if size is not None:
                await _write(file, size)
                return
            for _ in range(number):
                line = await file.readline()
                if not line:
                    return
                await write_output(line)

    run(work())


@command("tail")
@click.argument("url", type=SHARE_URL)
@_lines
@_bytes
@option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@client_command
def tail(client: Client, url: SmbUrl, *, lines: int | None, size: int | None, follow: bool) -> None:
    """Write the end of a file to standard output.

    \b
    smbquic tail -n 20 smb+quic://alice@fs.example/data/server.log
    smbquic tail -f smb+quic://alice@fs.example/data/server.log
    """
    number = _check(lines, size)

    async def work() -> None:
        async with client.share(url) as share, share.open(url.path) as file:
            end = await file.size()
            start = await _last_lines(file, end, number) if size is None else max(end - size, 0)
            await file.seek(start)
            await _write(file)
            while follow:
                await asyncio.sleep(FOLLOW_INTERVAL)
                if await file.size() < file.tell():
                    warn(f"{url.path}: the file is shorter than it was: it is shown from its start")
                    await file.seek(0)
                await _write(file)

    run(work())


async def _write(file: BufferedFile, size: int | None = None) -> None:
    """Write up to `size` bytes from the position on, or all."""
    while size is None or size > 0:
        data = await file.read(BLOCK if size is None else min(size, BLOCK))
        if not data:
            return
        size = None if size is None else size - len(data)
        await write_output(data)


async def _last_lines(file: BufferedFile, end: int, number: int) -> int:
    """Return where the last `number` lines begin; a newline at the end begins none."""
    if not number:
        return end
    start, found = end, 0
    while start > 0:
        begin = max(start - BLOCK, 0)
        await file.seek(begin, os.SEEK_SET)
        block = await file.read(start - begin)
        place = len(block)
        while (place := block.rfind(b"\n", 0, place)) >= 0:
            if begin + place == end - 1:
                continue
            found += 1
            if found == number:
                return begin + place + 1
        start = begin
    return 0
