"""Completes the names on a share, if that needs no password to be typed and is soon done."""

import asyncio
import contextlib
import io

import click
from click.shell_completion import CompletionItem

from smbquic.cli.client import URL, Client
from smbquic.cli.command import NO_SPACE
from smbquic.cli.loop import run
from smbquic.cli.options import given_options
from smbquic.client.names import to_local
from smbquic.client.url import SmbUrl
from smbquic.config.profile import split_name
from smbquic.errors import SmbError
from smbquic.options.client import PasswordOptions, SessionOptions

_TIMEOUT = 0.75
"""Seconds; the start of the program takes about as much."""


def remote_names(context: click.Context, text: str) -> list[CompletionItem[str]]:
    """Return the completions of ``NAME:PATH``; none if the server does not answer soon."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return run(_completed(context, text))
        except (SmbError, OSError, LookupError, ValueError, click.ClickException):
            return []


async def _completed(context: click.Context, text: str) -> list[CompletionItem[str]]:
    named = split_name(text)
    assert named is not None
    folder, slash, begun = named[1].rpartition("/")
    above = f"{named[0]}:{folder}{slash}"
    url = URL.convert(above, None, context)
    listing = asyncio.create_task(_listed(_client(context), url))
    done, _ = await asyncio.wait({listing}, timeout=_TIMEOUT)
    if not done:
        # The event loop cancels it once more when it ends: then it does not wait for a logoff.
        listing.cancel()
        await asyncio.sleep(0)
        return []
    found = listing.result()
    return [
        CompletionItem(
            above + name + ("/" if is_folder else ""), NO_SPACE if is_folder else "plain"
        )
        for name, is_folder in sorted(found)
        # A name that could control the terminal is left out.
        if name.startswith(begun) and name.isprintable()
    ]


def _client(context: click.Context) -> Client:
    sources = PasswordOptions(**given_options(context, PasswordOptions))
    return Client(given_options(context, SessionOptions), sources, interactive=False)


async def _listed(client: Client, url: SmbUrl) -> list[tuple[str, bool]]:
    async with client.share(url.need_share()) as share:
        return [
            (to_local(entry.name), entry.is_directory) async for entry in share.scandir(url.path)
        ]
