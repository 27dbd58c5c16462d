"""`smbquic ls`, `tree`, `stat`: list folders, and show the attributes of a file or folder."""

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.loop import run
from smbquic.cli.output import counted, emit, printable, shown, size
from smbquic.client.names import join
from smbquic.client.stat import Stat
from smbquic.client.url import SmbUrl
from smbquic.errors import DirectoryExpectedError
from smbquic.lazy_dataclass import dataclass
from smbquic.storage.partial import is_unfinished
from smbquic.wire.fscc.attributes import FileAttributes

MOST_SORTED = 5000
"""Entries of a folder that are sorted by name before they are shown."""
PART = 1000
"""Entries of a larger one that are shown at a time."""

_LETTERS = (
    (FileAttributes.READONLY, "r"),
    (FileAttributes.HIDDEN, "h"),
    (FileAttributes.SYSTEM, "s"),
    (FileAttributes.ARCHIVE, "a"),
)

if TYPE_CHECKING:
    from smbquic.client.share import Share


def _time(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def document(entry: Stat, path: str) -> dict[str, Any]:
    """Return what --json prints of an entry."""
    return {
        "name": shown(entry.name),
        "path": shown(path),
        "type": kind_of(entry),
        "size": entry.size,
        "allocation_size": entry.allocation_size,
        "attributes": [name for name in (flag.name for flag in entry.attributes) if name],
        "created": _time(entry.creation_time),
        "accessed": _time(entry.last_access_time),
        "modified": _time(entry.last_write_time),
        "changed": _time(entry.change_time),
    }


def kind_of(entry: Stat) -> str:
    """Return whether an entry is a file, a directory or a link."""
    if entry.is_link:
        return "link"
    return "directory" if entry.is_directory else "file"


def long_line(entry: Stat) -> str:
    """Return an entry with its attributes, its size and its time."""
    letters = "".join(letter if entry.attributes & bit else "-" for bit, letter in _LETTERS)
    first = {"directory": "d", "link": "l", "file": "-"}[kind_of(entry)]
    mark = "/" if entry.is_directory else ""
    count = "" if entry.is_directory else f"{entry.size}"
    return (
        f"{first}{letters} {count:>14} {_time(entry.last_write_time)} {printable(entry.name)}{mark}"
    )


def short_line(entry: Stat) -> str:
    """Return the name of an entry; that of a folder ends with a slash."""
    return printable(entry.name) + "/" * entry.is_directory


_all = option(
    "-a", "--all", "everything", is_flag=True, help="List the temporary files of transfers too."
)


@command("ls")
@click.argument("url", type=SHARE_URL)
@option("-l", "--long", is_flag=True, help="Show attributes, sizes and times too.")
@_all
@client_command
def ls(client: Client, url: SmbUrl, *, long: bool, everything: bool) -> None:
    """List a folder.

    \b
    smbquic ls smb+quic://alice@fs.example/data/reports
    smbquic ls -l --ca ca.pem smb+quic://alice@fs.example/data

    Entries are sorted by name. A folder of more than 5,000 is shown as the server lists it, while
    the rest arrives; with --json it is sorted, too.
    """

    async def work() -> None:
        async with client.share(url) as share:
            if client.as_json:
                entries = await _entries(share, url.path, everything=everything)
                emit({"entries": [document(entry, path) for path, entry in entries]})
                return
            async for found in _in_parts(share, url.path, everything=everything):
                click.echo("\n".join(map(long_line if long else short_line, found)))

    run(work())


async def _in_parts(
    share: "Share", path: str, *, everything: bool
) -> AsyncGenerator[list[Stat], None]:
    """Yield the entries of a folder sorted by name, those of a large one as the server lists them.

    So the first are shown before the last have arrived.
    """
    found: list[Stat] = []
    most = MOST_SORTED
    try:
        async for entry in share.scandir(path):
            if everything or not is_unfinished(entry.name):
                found.append(entry)
                if len(found) > most:
                    most = PART
                    yield found
                    found = []
    except DirectoryExpectedError:
        found = [await share.stat(path)]
    if most == MOST_SORTED:
        found.sort(key=_by_name)
    if found:
        yield found


def _by_name(entry: Stat) -> str:
    return entry.name.casefold()


async def _entries(share: "Share", path: str, *, everything: bool) -> list[tuple[str, Stat]]:
    """Return the entries of a folder, sorted by name, or the file that the path names.

    The temporary files of transfers that are running or were killed are included only if
    `everything`.
    """
    try:
        found = [
            (join(path, entry.name), entry)
            async for entry in share.scandir(path)
            if everything or not is_unfinished(entry.name)
        ]
    except DirectoryExpectedError:
        return [(path, await share.stat(path))]
    return sorted(found, key=lambda pair: _by_name(pair[1]))


@command("tree")
@click.argument("url", type=SHARE_URL)
@_all
@client_command
def tree(client: Client, url: SmbUrl, *, everything: bool) -> None:
    """Show a folder and all below it.

    \b
    smbquic tree smb+quic://alice@fs.example/data

    With --json, it prints one line for each entry.
    """

    async def work() -> None:
        async with client.share(url) as share:
            files, folders = await _Tree(client, share, everything=everything).show(url.path)
        if not client.as_json:
            click.echo(f"{counted(folders, 'folder')}, {counted(files, 'file')}")

    run(work())


@dataclass(frozen=True, slots=True)
class _Tree:
    client: Client
    share: "Share"
    everything: bool

    async def show(self, path: str, indent: str = "") -> tuple[int, int]:
        """Print what is below a folder; return the numbers of files and folders."""
        files = folders = 0
        entries = await _entries(self.share, path, everything=self.everything)
        for index, (inner, entry) in enumerate(entries):
            last = index == len(entries) - 1
            if self.client.as_json:
                emit(document(entry, inner))
            else:
                mark = "/" if entry.is_directory else f"  {size(entry.size)}"
                branch = "`-- " if last else "|-- "
                click.echo(f"{indent}{branch}{printable(entry.name)}{mark}")
            if entry.is_directory and not entry.is_link:
                folders += 1
                below = indent + ("    " if last else "|   ")
                more_files, more_folders = await self.show(inner, below)
                files, folders = files + more_files, folders + more_folders
            else:
                files += 1
        return files, folders


@command("stat")
@click.argument("url", type=SHARE_URL)
@client_command
def stat(client: Client, url: SmbUrl) -> None:
    """Show the attributes, sizes and times of a file or folder.

    \b
    smbquic stat smb+quic://alice@fs.example/data/report.pdf
    """

    async def work() -> dict[str, Any]:
        async with client.share(url) as share:
            return document(await share.stat(url.path), url.path)

    found = run(work())
    if client.as_json:
        emit(found)
        return
    for line in described(found):
        click.echo(line)


def described(document: Mapping[str, Any]) -> list[str]:
    """Return a document for people: a line for each of its values."""
    return [
        f"{name.replace('_', ' '):15} "
        + printable(", ".join(value) if isinstance(value, list) else str(value))
        for name, value in document.items()
    ]
