"""Writes the content of files to standard output."""

import sys
from contextlib import aclosing

import click

from smbquic.cli.client import Client
from smbquic.cli.failure import ExitCode
from smbquic.cli.output import StandardOutput
from smbquic.client.streams import write_all
from smbquic.client.url import SmbUrl
from smbquic.wire.cursor import Buffer


async def write_content(client: Client, url: SmbUrl) -> None:
    """Write a file to standard output, and nothing else."""
    sys.stdout.flush()
    async with client.share(url) as share, aclosing(share.stream(url.path)) as chunks:
        async for chunk in chunks:
            await write_output(chunk)


async def write_output(data: Buffer) -> None:
    """Write some of the content to standard output."""
    try:
        await write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        # Nobody reads any more, as in `smbquic cat URL | head`: nothing to talk about.
        raise click.exceptions.Exit(ExitCode.PARTLY) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, StandardOutput.NAME) from error
