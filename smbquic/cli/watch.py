"""`smbquic watch`: show what changes in a folder."""

import sys
from typing import Any

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.loop import run
from smbquic.cli.output import emit, printable, shown
from smbquic.client.url import SmbUrl
from smbquic.client.watch import ShareChange, ShareChangeKind

_WIDTH = 16


@command("watch")
@click.argument("url", type=SHARE_URL)
@option("-r", "--recursive", is_flag=True, help="Watch all folders below it, too.")
@client_command
def watch(client: Client, url: SmbUrl, *, recursive: bool) -> None:
    """Show what changes in a folder, until Ctrl-C.

    \b
    smbquic watch -r smb+quic://alice@fs.example/data/in
    smbquic watch --json smb+quic://alice@fs.example/data/in

    With --json, the first line is {"event": "watching"}: what happens from then on is shown, one
    line for each change. The line "overflow" says that more has changed than the server keeps:
    list the folder again.
    """

    async def work() -> None:
        async with client.share(url) as share, share.watch(url.path, recursive=recursive) as watch:
            if client.as_json:
                emit({"event": "watching", "path": shown(watch.path)})
            async for change in watch:
                show(client, change)

    run(work())


def show(client: Client, change: ShareChange) -> None:
    """Print one change as a line."""
    if client.as_json:
        emit(document(change))
    else:
        click.echo(line(change))
        sys.stdout.flush()


def document(change: ShareChange) -> dict[str, Any]:
    """Return what --json prints of a change."""
    found: dict[str, Any] = {"event": str(change.kind), "path": shown(change.path)}
    if change.old_path is not None:
        found["old_path"] = shown(change.old_path)
    return found


def line(change: ShareChange) -> str:
    """Return a change as a line."""
    text = printable(change.path)
    if change.old_path is not None:
        text = f"{printable(change.old_path)} -> {text}"
    if change.kind is ShareChangeKind.OVERFLOW:
        text = "too much has changed: list the folder again"
    return f"{change.kind:{_WIDTH}}{text}"
