"""`smbquic mount`: a share as a folder of this machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import click

from smbquic.cli.background import Background
from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import CliCommand, option
from smbquic.cli.loop import notify_systemd
from smbquic.cli.mount_options import KERNEL_OPTIONS, expanded
from smbquic.cli.options import Given, takes
from smbquic.cli.output import emit
from smbquic.client.background import LoopThread
from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.mount import fuse
from smbquic.client.mount.attributes import Ownership
from smbquic.client.mount.files import MountedShare
from smbquic.client.mount.interrupts import signals_blocked
from smbquic.client.mount.mount_point import check_device, check_mount_point
from smbquic.client.mount.operations import MountOperations
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.errors import DirectoryExpectedError
from smbquic.ntstatus import NtStatus
from smbquic.options.mount import MountOptions

WITHOUT_LEASES = 1.0
"""Seconds that metadata is used from a server that grants no leases on folders, as by the client of
the Linux kernel."""


class MountCommand(CliCommand):
    """The command, with the options of mount(8) after ``-o``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, each option of ``-o`` as one of the command line."""
        known = {name for each in self.params for name in each.opts if name.startswith("--")}
        try:
            arguments, ctx.meta[KERNEL_OPTIONS] = expanded(args, known)
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        return super().parse_args(ctx, arguments)


@click.command("mount", cls=MountCommand)
@click.argument("url", type=SHARE_URL)
@click.argument("folder", type=click.Path(path_type=Path))
@option("--background", is_flag=True, help="Return as soon as it is mounted, and go on.")
@option(
    "-o",
    "unused",
    metavar="OPTIONS",
    expose_value=False,
    help="Options as of mount(8), with commas: ro, noexec, and those below without their dashes.",
)
@client_command
@takes(MountOptions)
@click.pass_context
def mount(
    context: click.Context,
    client: Client,
    given: Given,
    url: SmbUrl,
    folder: Path,
    *,
    background: bool,
) -> None:
    """Mount a share, or a folder of one, until FOLDER is unmounted.

    \b
    smbquic mount smb+quic://alice@fs.example/data /mnt/data
    smbquic mount -o ro,uid=1000 smb+quic://alice@fs.example/data /mnt/data

    Ctrl-C, SIGTERM and umount(8) end it. It needs libfuse, and the extra mount: pip install
    'smbquic[mount]'.
    """
    options = MountOptions(**given[MountOptions])
    check_device()
    check_mount_point(folder)
    mfusepy = fuse.load()
    # Nobody can be asked in the background.
    client.password(url)
    with Background.started() if background else _foreground() as ready:
        mounting = _Mounting(client, url, folder.resolve(), options, mfusepy)
        mounting.run(ready, context.meta[KERNEL_OPTIONS])


@contextmanager
def _foreground() -> Iterator[Background | None]:
    yield None


class _Mounting:
    """One mount, from the connection to its end."""

    def __init__(
        self,
        client: Client,
        url: SmbUrl,
        folder: Path,
        options: MountOptions,
        mfusepy: ModuleType,
    ) -> None:
        self._client = client
        self._url = url
        self._folder = folder
        self._options = options
        self._mfusepy = mfusepy

    def run(self, background: Background | None, kernel_options: tuple[str, ...]) -> None:
        """Connect, mount, serve, and disconnect."""
        with signals_blocked():
            loop = LoopThread("mount")
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
            if self._url.path and not (await share.stat(self._url.path)).is_directory:
                raise DirectoryExpectedError(NtStatus.NOT_A_DIRECTORY, "CREATE", self._url.path)
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
            notify_systemd()

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
