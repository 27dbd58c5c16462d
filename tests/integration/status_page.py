"""A server or a gateway with a status page and some clients, for a browser."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import smbquic
from smbquic.api.gateway import RunningGateway, gateway
from smbquic.api.serving import Serving
from smbquic.errors import AuthenticationError, SmbError
from smbquic.options.gateway import PoolOptions
from smbquic.options.web import WebOptions
from smbquic.pki import PkiDirectory

HOSTILE = "<img src=x onerror=alert(1)>"
"""A name that somebody chooses who would like it to be markup."""
PASSWORD = "correct horse"
WEB = WebOptions(address="127.0.0.1:0")
USERS = ("alice", "bob", "carol")
FOLDERS = {"projects": ("plans.odt", "budget.ods"), "music": ("song.flac",)}


def page_of(running: Serving | RunningGateway) -> str:
    """Return the URL of the page, with its token."""
    return f"{running.web}/#token={running.controls.token}"


@asynccontextmanager
async def served(folder: Path, pki: PkiDirectory, **options: Any) -> AsyncIterator[Serving]:
    """A server on QUIC and TCP with a status page."""
    shares: dict[str, Path] = {}
    for name in FOLDERS:
        shares[name] = folder / name
        shares[name].mkdir()
    async with smbquic.serve(
        shares,
        dict.fromkeys(USERS, PASSWORD),
        ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        server_name="fs",
        web=WEB,
        **options,
    ) as serving:
        yield serving


@asynccontextmanager
async def gateway_to(backend: str, pki: PkiDirectory, **options: Any) -> AsyncIterator[Any]:
    """A gateway with a status page."""
    async with gateway(
        [PoolOptions(name="nas", backends=[backend])],
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        web=WEB,
        **options,
    ) as running:
        yield running


@asynccontextmanager
async def clients(listeners: list[str], pki: PkiDirectory) -> AsyncIterator[None]:
    """Clients that have files open and write to them, one after the other."""
    stack = AsyncExitStack()
    try:
        files = []
        for number, user in enumerate(USERS):
            share = list(FOLDERS)[number % len(FOLDERS)]
            url = url_of(listeners[number % len(listeners)], user, share)
            connected = await stack.enter_async_context(
                smbquic.connect(url, password=PASSWORD, ca=pki.ca)
            )
            for name in FOLDERS[share]:
                opened = connected.open(f"{user} {name}", "wb")
                files.append(await stack.enter_async_context(opened))
        writing = asyncio.create_task(_write(files))
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
    finally:
        # The server may have closed their sessions.
        with suppress(SmbError):
            await stack.aclose()


async def fail_to_log_on(listener: str, pki: PkiDirectory, user: str = HOSTILE) -> None:
    """Try to log on as somebody who is no user."""
    with suppress(AuthenticationError):
        url = url_of(listener, user, next(iter(FOLDERS)))
        async with smbquic.connect(url, password="wrong", ca=pki.ca):
            raise AssertionError("a stranger was let in")


def url_of(listener: str, user: str, share: str) -> str:
    scheme, _, place = listener.partition("://")
    kind = "smb+quic" if scheme == "quic" else "smb"
    name = "".join(f"%{each:02x}" for each in user.encode())
    return f"{kind}://{name}@{place}/{share}"


async def _write(files: list[Any]) -> None:
    """Write to each file, now faster and now slower, and all of it again."""
    data = bytes(256 << 10)
    for turn in itertools.count():
        for file in files:
            await file.write_at(0, data)
            await asyncio.sleep(0.01 + 0.05 * (1 + math.sin(turn / 20)))
