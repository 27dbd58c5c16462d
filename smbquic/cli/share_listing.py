"""`smbquic shares`: the shares of a server."""

from dataclasses import asdict

import click

from smbquic.cli.client import URL, Client, client_command
from smbquic.cli.command import command
from smbquic.cli.loop import run
from smbquic.cli.output import emit, printable
from smbquic.client.stat import ShareEntry
from smbquic.client.url import SmbUrl


@command("shares")
@click.argument("url", type=URL)
@client_command
def shares(client: Client, url: SmbUrl) -> None:
    """List the shares of a server.

    \b
    smbquic shares smb://alice@fs.example

    Most servers do not list them over QUIC.
    """

    async def work() -> list[ShareEntry]:
        async with client.session(url) as session:
            return await session.shares()

    entries = sorted(run(work()), key=lambda entry: (entry.special, entry.name.casefold()))
    if client.as_json:
        emit({"shares": [asdict(entry) for entry in entries]})
        return
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        name = printable(entry.name).ljust(width)
        click.echo(f"{name}  {entry.kind:7}  {printable(entry.comment)}".rstrip())
