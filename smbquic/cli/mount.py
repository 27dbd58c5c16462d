"""`smbquic mount`: a share as a folder of this machine."""

from contextlib import nullcontext
from pathlib import Path

import click

from smbquic.cli.background import Background
from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import CliCommand, option
from smbquic.cli.mount_options import KERNEL_OPTIONS, expanded
from smbquic.cli.options import Given, takes
from smbquic.client.mount.mount_point import check_device, check_mount_point
from smbquic.client.url import SmbUrl
from smbquic.options.mount import MountOptions


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
    # Imported here: it needs a system that has FUSE.
    from smbquic.cli.mounting import Mounting

    mounting = Mounting(client, url, folder.resolve(), options)
    # Nobody can be asked in the background.
    client.password(url)
    with Background.started() if background else nullcontext() as ready:
        mounting.run(ready, context.meta[KERNEL_OPTIONS])
