"""`smbquic cat`: the content of a file."""

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command
from smbquic.cli.content import write_content
from smbquic.cli.loop import run
from smbquic.client.url import SmbUrl


@command("cat")
@click.argument("url", type=SHARE_URL)
@client_command
def cat(client: Client, url: SmbUrl) -> None:
    """Write a file to standard output.

    \b
    smbquic cat smb+quic://alice@fs.example/data/notes.txt
    """
    run(write_content(client, url))
