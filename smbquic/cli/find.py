"""`smbquic find`: list what is below a folder, and has a name or a kind."""

from fnmatch import fnmatchcase

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.failure import PartialFailure, describe
from smbquic.cli.listing import document, kind_of
from smbquic.cli.loop import run
from smbquic.cli.output import counted, emit, printable, warn
from smbquic.client.names import join, split_path
from smbquic.client.stat import Stat
from smbquic.client.url import SmbUrl
from smbquic.errors import StatusError
from smbquic.storage.names import fold

_KINDS = {"f": "file", "d": "directory", "l": "link"}


@command("find")
@click.argument("url", type=SHARE_URL)
@option("--name", metavar="PATTERN", help="Only names that match, as *.jpg; case is ignored.")
@option("--type", "kind", type=click.Choice([*_KINDS]), help="Only files, folders or links.")
@option(
    "--max-depth",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Enter folders no deeper than this; 1 is for what is in the folder itself.",
)
@client_command
def find(
    client: Client, url: SmbUrl, *, name: str | None, kind: str | None, max_depth: int | None
) -> None:
    """List what is below a folder.

    \b
    smbquic find --name '*.jpg' smb+quic://alice@fs.example/data/photos
    smbquic find --type d --max-depth 1 smb+quic://alice@fs.example/data

    Each line is a path in the share; with --json it is an entry with sizes and times. Links are not
    followed. A folder that cannot be listed is reported, and the others are searched.
    """
    pattern = None if name is None else fold(name)
    failures: list[StatusError] = []

    def wanted(entry: Stat) -> bool:
        if kind is not None and kind_of(entry) != _KINDS[kind]:
            return False
        return pattern is None or fnmatchcase(fold(entry.name), pattern)

    def failed(error: StatusError) -> None:
        failures.append(error)
        warn(describe(error))

    async def work() -> None:
        above = len(split_path(url.path))
        async with client.share(url) as share:
            if not (await share.stat(url.path)).is_directory:
                raise click.UsageError(f"{url} is not a folder")
            async for place, folders, files in share.walk(url.path, onerror=failed):
                folders.sort(key=_by_name)
                for entry in sorted([*folders, *files], key=_by_name):
                    if wanted(entry):
                        _show(client, entry, join(place, entry.name))
                if max_depth is not None and len(split_path(place)) - above + 1 >= max_depth:
                    folders.clear()

    run(work())
    if failures:
        raise PartialFailure(f"{counted(len(failures), 'folder')} could not be listed")


def _by_name(entry: Stat) -> str:
    return fold(entry.name)


def _show(client: Client, entry: Stat, path: str) -> None:
    if client.as_json:
        emit(document(entry, path))
    else:
        click.echo(printable(path))
