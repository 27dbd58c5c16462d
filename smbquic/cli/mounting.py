"""One mount, from the connection to its end: loaded where there is FUSE only."""

import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType

import click

from smbquic.cli.background import Background
from smbquic.cli.client import Client
from smbquic.cli.loop import new_event_loop, notify_systemd
from smbquic.cli.output import emit
from smbquic.cli.urls import check_folder
from smbquic.client.background import LoopThread
from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.mount import fuse
from smbquic.client.mount.attributes import Ownership
from smbquic.client.mount.files import MountedShare
from smbquic.client.mount.interrupts import signals_blocked
from smbquic.client.mount.operations import MountOperations
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.options.mount import MountOptions

WITHOUT_LEASES = 1.0
"""Seconds that metadata is used from a server that grants no leases on folders, as by the client of
the Linux kernel."""


class Mounting:
    """A mount. Raises `MountError` where mfusepy or libfuse is missing."""

    def __init__(
        self,
        client: Client,
        url: SmbUrl,
        folder: Path,
        options: MountOptions,
    ) -> None:
        self._client = client
        self._url = url
        self._folder = folder
        self._options = options
        self._mfusepy: ModuleType = fuse.load()

    def run(self, background: Background | None, kernel_options: tuple[str, ...]) -> None:
        """Connect, mount, serve, and disconnect."""
        with signals_blocked():
            loop = LoopThread("mount", new_event_loop)
        try:
            stack, share = loop.run(self._connect())
            try:
                self._serve(loop, share, background, kernel_options)
            finally:
                loop.run(stack.aclose())
        finally:
            loop.stop()
        if self._client.as_json and background is None:
            emit({"event": "stopped"})

    async def _connect(self) -> tuple[AsyncExitStack, Share]:
        async with AsyncExitStack() as stack:
            share = await stack.enter_async_context(self._client.share(self._url))
            if self._url.path:
                await check_folder(share, self._url.path)
            return stack.pop_all(), share

    def _serve(
        self,
        loop: LoopThread,
        share: Share,
        background: Background | None,
        kernel_options: tuple[str, ...],
    ) -> None:
        options = self._options
        owner = Ownership(
            os.getuid() if options.uid is None else options.uid,
            os.getgid() if options.gid is None else options.gid,
            options.file_mode,
            options.dir_mode,
        )

        def ready() -> None:
            if background is not None:
                background.ready()
            elif self._client.as_json:
                emit({"event": "ready", "folder": str(self._folder)})
            else:
                click.echo(f"{self._url} is mounted on {self._folder}, Ctrl-C unmounts it")
                sys.stdout.flush()
            notify_systemd("READY=1")

        cache = LeaseCache(share, CacheLimits(ttl=WITHOUT_LEASES))
        operations = MountOperations(
            loop,
            MountedShare(cache),
            owner,
            self._url.path,
            ready,
            lambda: fuse.is_interrupted(self._mfusepy),
        )
        try:
            fuse.serve(
                self._mfusepy,
                operations,
                self._folder,
                fuse.FuseOptions(
                    str(self._url), options.read_only, options.allow_other, kernel_options
                ),
            )
        finally:
            loop.run(cache.aclose())
