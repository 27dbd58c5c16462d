"""The connections of a file system, which it makes when they are needed and closes in the end."""

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from dataclasses import field, fields, replace
from typing import Any

from smbquic.api.client import connect, open_session
from smbquic.client.fsspec.upload import FileUpload
from smbquic.client.share import Share
from smbquic.client.stat import ShareEntry
from smbquic.client.url import SmbUrl
from smbquic.lazy_dataclass import dataclass
from smbquic.options.client import SessionOptions

CLOSE_TIMEOUT = 5.0
"""Seconds that a program waits at its end until the connections are closed."""

Connected = tuple[AbstractAsyncContextManager[Share], Share]


@dataclass
class LoopConnections:
    """What belongs to one event loop."""

    shares: dict[str, "asyncio.Task[Connected]"] = field(default_factory=dict)
    uploads: set[FileUpload] = field(default_factory=set)


class ShareConnections:
    """The shares of one server that a file system uses, connected once for each event loop.

    A connection belongs to the event loop that it was made on. One that is lost is made again by
    the share itself.
    """

    def __init__(self, url: SmbUrl, options: SessionOptions) -> None:
        self._url = url
        self._options: dict[str, Any] = {
            each.name: getattr(options, each.name) for each in fields(options)
        }
        self._process = os.getpid()
        self._loops: dict[asyncio.AbstractEventLoop, LoopConnections] = {}

    async def share(self, name: str) -> Share:
        """Return a share, connected to on the running loop. Raises what `connect` does."""
        shares = self._of_running_loop().shares
        key = name.casefold()
        connecting = shares.get(key)
        if connecting is None:
            connecting = shares[key] = asyncio.create_task(self._connect(name))
        try:
            # It is for all who wait: it goes on if one of them is cancelled.
            _, share = await asyncio.shield(connecting)
        except BaseException:
            failed = connecting.done() and (connecting.cancelled() or connecting.exception())
            if failed and shares.get(key) is connecting:
                del shares[key]
            raise
        return share

    async def start_upload(self, name: str, path: str) -> FileUpload:
        """Begin to write a file of a share, which appears when it is whole."""
        upload = FileUpload(await self.share(name), path)
        uploads = self._of_running_loop().uploads
        uploads.add(upload)
        upload.task.add_done_callback(lambda _: uploads.discard(upload))
        return upload

    def _of_running_loop(self) -> LoopConnections:
        for loop in [loop for loop in self._loops if loop.is_closed()]:
            self._loops.pop(loop, None)
        return self._loops.setdefault(asyncio.get_running_loop(), LoopConnections())

    async def _connect(self, name: str) -> Connected:
        manager = connect(replace(self._url, share=name), **self._options)
        return manager, await manager.__aenter__()

    async def list_shares(self) -> list[ShareEntry]:
        """Return the shares of the server. Raises `NotListedError` where it does not list them."""
        async with open_session(self._url, **self._options) as session:
            return await session.shares()

    async def close(self) -> None:
        """Close the connections of the running loop; those that are needed later are made again.

        What there is of files that are not whole yet is removed.
        """
        connections = self._loops.pop(asyncio.get_running_loop(), LoopConnections())
        shares = connections.shares
        for upload in list(connections.uploads):
            await upload.abort()
        for connecting in shares.values():
            if not connecting.done():
                connecting.cancel()
        done = await asyncio.gather(*shares.values(), return_exceptions=True)
        for connected in done:
            if not isinstance(connected, BaseException):
                manager, _ = connected
                await manager.__aexit__(None, None, None)

    def finalize(self) -> None:
        """Close all connections when nobody uses the file system any more, on whatever thread.

        A process that was forked has none: what it inherits belongs to its parent.
        """
        if os.getpid() != self._process:
            return
        for loop in list(self._loops):
            if not loop.is_running():
                continue  # its program has ended it, and what was on it
            if _is_running_here(loop):
                closing = loop.create_task(self.close())
                _CLOSING.add(closing)
                closing.add_done_callback(_CLOSING.discard)
                continue
            future = asyncio.run_coroutine_threadsafe(self.close(), loop)
            try:
                future.result(CLOSE_TIMEOUT)
            except TimeoutError:
                future.cancel()


_CLOSING: set["asyncio.Task[None]"] = set()
"""Tasks that would end without anybody who refers to them."""


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
