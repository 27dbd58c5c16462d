"""The web listener: uvicorn's HTTP on the event loop of the server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from smbquic.observe.loop_lag import LoopLag
from smbquic.options.web import WebOptions
from smbquic.web.address import WebAddress, open_socket, remove_socket
from smbquic.web.app import make_app
from smbquic.web.bounds import CLIENT_TIMEOUT, MAX_HEADER, BoundedProtocol
from smbquic.web.page.data import PageData
from smbquic.web.source import WebSource

END_TIMEOUT = 1.0
"""Seconds that responses have to end after their connections, before they are cancelled."""


@asynccontextmanager
async def web_listener(address: str, source: WebSource, options: WebOptions) -> AsyncIterator[str]:
    """Listen at an address until the end of the ``async with``, which gets the URL.

    Raises `UrlError` and `ListenError`.
    """
    place = WebAddress.parse(address)
    listening, url = await open_socket(place, remote=options.remote)
    try:
        state, lag, data = ServerState(), LoopLag(), PageData(source)
        app = make_app(source, options, lag, data)
        connection = partial(BoundedProtocol, _config(app), state, {})
        loop = asyncio.get_running_loop()
        if place.path:
            server = await loop.create_unix_server(connection, sock=listening)
        else:
            server = await loop.create_server(connection, sock=listening)
        lag.start()
        try:
            async with data.sampling():
                yield url
        finally:
            lag.stop()
            server.close()
            await _end(state)
            await server.wait_closed()
    finally:
        listening.close()
        remove_socket(place)


def _config(app: ASGIApp) -> Config:
    # A line for each wrong request would let anybody fill the log; `Guard` logs what fails.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = Config(
        app,
        http=BoundedProtocol,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=int(CLIENT_TIMEOUT),
        h11_max_incomplete_event_size=MAX_HEADER,
    )
    config.load()
    return config


async def _end(state: ServerState) -> None:
    """Close all connections, in the middle of responses, too."""
    for connection in list(state.connections):
        if isinstance(connection, BoundedProtocol):
            connection.transport.abort()
    if state.tasks:
        # A response that goes on for long ends when its client is gone.
        _, unfinished = await asyncio.wait(state.tasks, timeout=END_TIMEOUT)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
