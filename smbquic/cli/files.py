"""`smbquic mv`, `rm`, `mkdir`, `rmdir`: rename, delete and make files and folders of a share."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.loop import run
from smbquic.cli.output import emit, shown
from smbquic.cli.report import Arguments, Shares
from smbquic.cli.urls import MissingFolder, is_folder, last_name, same_share
from smbquic.client.names import join
from smbquic.client.url import SmbUrl

if TYPE_CHECKING:
    from smbquic.client.share import Share

Action = Callable[["Share", str], Awaitable[None]]


@command("mv")
@click.argument("source", type=SHARE_URL)
@click.argument("target", type=SHARE_URL)
@option("-f", "--force", is_flag=True, help="Replace a file that already has the new name.")
@client_command
def mv(client: Client, source: SmbUrl, target: SmbUrl, *, force: bool) -> None:
    """Rename or move within a share.

    \b
    smbquic mv smb+quic://alice@fs.example/data/a.txt \\
               smb+quic://alice@fs.example/data/b.txt
    """
    same_share(source, target)

    async def work() -> str:
        async with client.share(source) as share:
            place = target.path
            if place != source.path and await is_folder(share, place):
                place = join(place, last_name(source))
            elif target.folder and not await is_folder(share, source.path):
                raise MissingFolder(target)
            await share.rename(source.path, place, replace=force)
            return place

    moved = run(work())
    if client.as_json:
        emit({"from": shown(source.path), "to": shown(moved)})


@command("rm")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@option("-r", "--recursive", is_flag=True, help="Delete folders with all below them.")
@client_command
def rm(client: Client, urls: tuple[SmbUrl, ...], *, recursive: bool) -> None:
    """Delete files, or folders with -r.

    \b
    smbquic rm smb+quic://alice@fs.example/data/old.txt
    """

    async def remove(share: "Share", path: str) -> None:
        if recursive and (await share.stat(path)).is_directory:
            await share.rmtree(path)
        else:
            await share.remove(path)

    _each(client, urls, "deleted", remove)


@command("mkdir")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@option("-p", "--parents", is_flag=True, help="Make missing parents too; no error if it exists.")
@client_command
def mkdir(client: Client, urls: tuple[SmbUrl, ...], *, parents: bool) -> None:
    """Make folders.

    \b
    smbquic mkdir -p smb+quic://alice@fs.example/data/a/b
    """

    async def make(share: "Share", path: str) -> None:
        await (share.makedirs(path) if parents else share.mkdir(path))

    _each(client, urls, "made", make)


@command("rmdir")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@client_command
def rmdir(client: Client, urls: tuple[SmbUrl, ...]) -> None:
    """Delete empty folders.

    \b
    smbquic rmdir smb+quic://alice@fs.example/data/a
    """

    async def remove(share: "Share", path: str) -> None:
        await share.rmdir(path)

    _each(client, urls, "deleted", remove)


def _each(client: Client, urls: tuple[SmbUrl, ...], verb: str, action: Action) -> None:
    """Do one action for each URL; of several, one that fails does not stop the others."""
    arguments = Arguments(len(urls))

    async def work() -> None:
        async with Shares(client) as shares:
            for url in urls:
                with arguments.attempt(url.path or url.share):
                    await action(await shares.connect(url), url.path)

    run(work())
    if client.as_json:
        done = [shown(path) for path in arguments.done]
        emit({verb: done, "failures": arguments.failed()})
    arguments.raise_failures()
