"""Completes the names on a share, if that needs no password to be typed and is soon done."""

import asyncio
import contextlib
import io
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from smbquic.cli.command import NO_SPACE
from smbquic.cli.loop import run
from smbquic.client.names import to_local
from smbquic.config.profile import split_name
from smbquic.errors import SmbError

if TYPE_CHECKING:
    from smbquic.client.share import Share

T = TypeVar("T")

OpenFolder = Callable[[str], tuple[AbstractAsyncContextManager["Share"], str]]
"""Returns the share that a ``NAME:PATH`` is on, not connected yet, and the path there."""

_TIMEOUT = 0.75
"""Seconds; the start of the program takes about as much."""


def remote_names(text: str, open_folder: OpenFolder) -> list[CompletionItem[str]]:
    """Return the completions of ``NAME:PATH``; none if the server does not answer soon."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return run(_completed(text, open_folder))
        except (SmbError, OSError, LookupError, ValueError, click.ClickException):
            return []


async def _completed(text: str, open_folder: OpenFolder) -> list[CompletionItem[str]]:
    named = split_name(text)
    assert named is not None
    folder, slash, begun = named[1].rpartition("/")
    above = f"{named[0]}:{folder}{slash}"
    found = await soon(_listed(*open_folder(above)))
    return [
        CompletionItem(
            above + name + ("/" if is_folder else ""), NO_SPACE if is_folder else "plain"
        )
        for name, is_folder in sorted(found or [])
        # A name that could control the terminal is left out.
        if name.startswith(begun) and name.isprintable()
    ]


async def soon(listing: Coroutine[Any, Any, T]) -> T | None:
    """Return what a listing returns; None if it takes longer than somebody waits who types."""
    task = asyncio.create_task(listing)
    done, _ = await asyncio.wait({task}, timeout=_TIMEOUT)
    if not done:
        # An event loop that ends cancels it once more: then it does not wait for a logoff.
        task.cancel()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        await asyncio.sleep(0)
        return None
    return task.result()


async def _listed(
    connecting: AbstractAsyncContextManager["Share"], path: str
) -> list[tuple[str, bool]]:
    async with connecting as share:
        return [(to_local(entry.name), entry.is_directory) async for entry in share.scandir(path)]
