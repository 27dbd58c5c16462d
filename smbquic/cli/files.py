"""`smbquic get`, `put`, `cp`, `mv`, `rm`, `mkdir`, `rmdir`: changing what a share holds."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePath

import click

from smbquic.cli.client import SHARE_URL, Client, client_command
from smbquic.cli.command import command, option
from smbquic.cli.failure import PartialFailure, describe
from smbquic.cli.loop import run
from smbquic.cli.output import emit, printable, size, warn
from smbquic.cli.progress import Bar, progress_bar
from smbquic.client.names import check_listed, join
from smbquic.client.share import Share
from smbquic.client.tree import TreeResult
from smbquic.client.url import SmbUrl
from smbquic.errors import SmbError

Action = Callable[[Share, str], Awaitable[None]]

_recursive = option("-r", "--recursive", is_flag=True, help="Folders with all below them.")


class _Report:
    """Counts what a command did, and ends it: in words or JSON, with an error if some failed."""

    def __init__(self, client: Client, verb: str) -> None:
        self._client = client
        self._verb = verb
        self._started = time.monotonic()
        self._total = TreeResult()

    def add(self, result: TreeResult) -> None:
        """Take in what became of one argument, and say what failed."""
        self._total.files += result.files
        self._total.folders += result.folders
        self._total.bytes += result.bytes
        self._total.skipped += result.skipped
        for path, error in result.failures:
            self.fail(path, error)
        for path in result.skipped:
            warn(f"{printable(path)}: left out, it is neither a file nor a folder")

    def fail(self, path: str, error: Exception) -> None:
        """One thing that failed, while the others go on."""
        self._total.failures.append((path, error))
        warn(f"{printable(path)}: {describe(error)}")

    def end(self) -> None:
        """Raises `PartialFailure` if anything failed."""
        seconds = time.monotonic() - self._started
        total = self._total
        if self._client.as_json:
            emit(
                {
                    "files": total.files,
                    "folders": total.folders,
                    "bytes": total.bytes,
                    "seconds": round(seconds, 3),
                    "skipped": total.skipped,
                    "failures": [
                        {"path": path, "error": describe(error)} for path, error in total.failures
                    ],
                }
            )
        else:
            click.echo(
                f"{self._verb} {total.files} files, {size(total.bytes)} in {seconds:.2f} s"
                f" ({size(total.bytes / max(seconds, 1e-6))}/s)"
            )
        if total.failures:
            raise PartialFailure(f"{len(total.failures)} failed, the rest is done")


def _one_file(count: int) -> TreeResult:
    return TreeResult(files=1, bytes=count)


@command("get")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@click.argument("target", type=click.Path(path_type=Path))
@_recursive
@client_command
def get(client: Client, urls: tuple[SmbUrl, ...], target: Path, *, recursive: bool) -> None:
    """Copy from a share to this machine.

    \b
    smbquic get smb+quic://alice@fs.example/data/report.pdf .
    smbquic get -r smb+quic://alice@fs.example/data/reports ./reports

    A file appears under its name only when it is whole.
    """
    if len(urls) > 1 and not target.is_dir():
        raise click.UsageError(f"{target} is not a folder, and there are several things to get")
    report = _Report(client, "got")

    async def work() -> None:
        for url in urls:
            async with client.share(url) as share:
                entry = await share.stat(url.path)
                name = check_listed(PurePath(url.path).name or url.share)
                place = target / name if target.is_dir() else target
                with progress_bar(name, show=not client.as_json) as bar:
                    if not entry.is_directory:
                        await share.get(url.path, place, progress=bar.file)
                        report.add(_one_file(entry.size))
                    elif recursive:
                        report.add(await share.get_tree(url.path, place, progress=bar.tree))
                    else:
                        raise click.UsageError(f"{url} is a folder; use -r")

    run(work())
    report.end()


@command("put")
@click.argument("sources", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.argument("url", type=SHARE_URL)
@_recursive
@client_command
def put(client: Client, sources: tuple[Path, ...], url: SmbUrl, *, recursive: bool) -> None:
    """Copy from this machine to a share.

    \b
    smbquic put report.pdf smb+quic://alice@fs.example/data/in/
    smbquic put -r ./reports smb+quic://alice@fs.example/data/reports

    A file appears under its name only when it is whole and on the server's disk.
    """
    for source in sources:
        if source.is_dir() and not recursive:
            raise click.UsageError(f"{source} is a folder; use -r")
    report = _Report(client, "put")

    async def work() -> None:
        async with client.share(url) as share:
            into = await _is_folder(share, url.path)
            if len(sources) > 1 and not into:
                raise click.UsageError(
                    f"{url} is not a folder, and there are several things to put"
                )
            for source in sources:
                place = join(url.path, source.resolve().name) if into else url.path
                with progress_bar(source.name, show=not client.as_json) as bar:
                    await _put_one(share, source, place, bar, report)

    run(work())
    report.end()


async def _put_one(share: Share, source: Path, place: str, bar: Bar, report: _Report) -> None:
    if source.is_dir():
        report.add(await share.put_tree(source, place, progress=bar.tree))
    else:
        count = source.stat().st_size
        await share.put(source, place, progress=bar.file)
        report.add(_one_file(count))


async def _is_folder(share: Share, path: str) -> bool:
    try:
        return (await share.stat(path)).is_directory
    except FileNotFoundError:
        return False


def _same_share(source: SmbUrl, target: SmbUrl) -> None:
    """Renames and copies stay within one share. Raises a usage error."""

    def place(url: SmbUrl) -> tuple[str, str, int, str]:
        return url.transport, url.host.casefold(), url.port, url.share.casefold()

    if place(source) != place(target):
        raise click.UsageError("both URLs must be on one share; between shares use get and put")


@command("cp")
@click.argument("source", type=SHARE_URL)
@click.argument("target", type=SHARE_URL)
@_recursive
@client_command
def cp(client: Client, source: SmbUrl, target: SmbUrl, *, recursive: bool) -> None:
    """Copy within a share.

    \b
    smbquic cp smb+quic://alice@fs.example/data/a.txt \\
               smb+quic://alice@fs.example/data/b.txt
    """
    _same_share(source, target)
    report = _Report(client, "copied")

    async def work() -> None:
        async with client.share(source) as share:
            entry = await share.stat(source.path)
            place = target.path
            if await _is_folder(share, place):
                place = join(place, PurePath(source.path).name)
            with progress_bar(entry.name, show=not client.as_json) as bar:
                if not entry.is_directory:
                    await share.copy(source.path, place, progress=bar.file)
                    report.add(_one_file(entry.size))
                elif recursive:
                    report.add(await share.copy_tree(source.path, place, progress=bar.tree))
                else:
                    raise click.UsageError(f"{source} is a folder; use -r")

    run(work())
    report.end()


@command("mv")
@click.argument("source", type=SHARE_URL)
@click.argument("target", type=SHARE_URL)
@option("-f", "--force", is_flag=True, help="Replace a file that has the name already.")
@client_command
def mv(client: Client, source: SmbUrl, target: SmbUrl, *, force: bool) -> None:
    """Rename or move within a share.

    \b
    smbquic mv smb+quic://alice@fs.example/data/a.txt \\
               smb+quic://alice@fs.example/data/b.txt
    """
    _same_share(source, target)

    async def work() -> str:
        async with client.share(source) as share:
            place = target.path
            if place != source.path and await _is_folder(share, place):
                place = join(place, PurePath(source.path).name)
            await share.rename(source.path, place, replace=force)
            return place

    moved = run(work())
    if client.as_json:
        emit({"from": source.path, "to": moved})


@command("rm")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@_recursive
@client_command
def rm(client: Client, urls: tuple[SmbUrl, ...], *, recursive: bool) -> None:
    """Delete files, or folders with -r.

    \b
    smbquic rm smb+quic://alice@fs.example/data/old.txt
    """

    async def remove(share: Share, path: str) -> None:
        if recursive and (await share.stat(path)).is_directory:
            await share.rmtree(path)
        else:
            await share.remove(path)

    _each(client, urls, "deleted", remove)


@command("mkdir")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@option("-p", "--parents", is_flag=True, help="Make missing parents too; existing is fine.")
@client_command
def mkdir(client: Client, urls: tuple[SmbUrl, ...], *, parents: bool) -> None:
    """Make folders.

    \b
    smbquic mkdir -p smb+quic://alice@fs.example/data/a/b
    """

    async def make(share: Share, path: str) -> None:
        await (share.makedirs(path) if parents else share.mkdir(path))

    _each(client, urls, "made", make)


@command("rmdir")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@client_command
def rmdir(client: Client, urls: tuple[SmbUrl, ...]) -> None:
    """Delete empty folders.

    \b
    smbquic rmdir smb+quic://alice@fs.example/data/a
    """

    async def remove(share: Share, path: str) -> None:
        await share.rmdir(path)

    _each(client, urls, "deleted", remove)


def _each(client: Client, urls: tuple[SmbUrl, ...], verb: str, action: Action) -> None:
    """One action for each URL; with several, one that fails does not stop the others."""
    done: list[str] = []
    failures: list[tuple[str, Exception]] = []

    async def work() -> None:
        for url in urls:
            async with client.share(url) as share:
                try:
                    await action(share, url.path)
                except (SmbError, OSError) as error:
                    if len(urls) == 1:
                        raise
                    failures.append((url.path, error))
                    warn(f"{printable(url.path)}: {describe(error)}")
                else:
                    done.append(url.path)

    run(work())
    if client.as_json:
        emit(
            {
                verb: done,
                "failures": [{"path": path, "error": describe(error)} for path, error in failures],
            }
        )
    if failures:
        raise PartialFailure(f"{len(failures)} of {len(urls)} failed")


COMMANDS = (get, put, cp, mv, rm, mkdir, rmdir)
