"""`smbquic get`, `put`, `cp`: copy files and folders.

Folders are copied as by rclone: the contents of the source go into the target, whether the target
exists already or not. A file goes into a target that is a folder, or ends with a slash.
"""

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from smbquic.cli.client import SHARE_URL, URL, Client, client_command, is_url
from smbquic.cli.command import command, option
from smbquic.cli.content import write_content
from smbquic.cli.loop import run
from smbquic.cli.options import Given, takes
from smbquic.cli.output import printable
from smbquic.cli.progress import Bar, progress_bar
from smbquic.cli.report import Report, Shares
from smbquic.cli.urls import MissingFolder, is_folder, last_name, same_share
from smbquic.client.late_imports import CLIENT, imported_meanwhile
from smbquic.client.local import WrittenFiles
from smbquic.client.names import TargetNames, from_local, join, parent, to_local
from smbquic.client.results import TreeResult
from smbquic.client.streams import read_chunks
from smbquic.client.url import SmbUrl
from smbquic.errors import DirectoryExpectedError, FileExpectedError
from smbquic.options.transfer import CopyOptions, RateOptions, TransferOptions, WriteOptions
from smbquic.storage.names import escape
from smbquic.storage.partial import is_unfinished

if TYPE_CHECKING:
    from smbquic.client.share import Share

_STANDARD = "-"
_CHUNK = 1 << 20

_recursive = option(
    "-r", "--recursive", is_flag=True, help="Copy the contents of a folder, with all subfolders."
)


class LocalPath(click.ParamType[str]):
    """A path on this machine, as it was written; ``-`` is standard input or output."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the path; a URL is a usage error."""
        text = str(value)
        if is_url(text):
            self.fail(
                f"{printable(text)} is a URL or NAME:PATH, but this has to be a path on this"
                " machine; to copy within a share use cp, and"
                f" write ./{printable(text)} for a file of this name",
                param,
                ctx,
            )
        return text

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """Let the shell complete the path; sources of `put` leave room for the URL after them."""
        after = URL.shell_complete(ctx, param, incomplete) if param.nargs != 1 else []
        return after or [CompletionItem(incomplete, "file")]


_LOCAL = LocalPath()


def _made(given: Given, kind: type[CopyOptions]) -> TransferOptions:
    """Return the options of a command line; a wrong combination is a usage error."""
    try:
        return TransferOptions(**given[kind])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


_WILDCARDS = str.maketrans({escape(each): each for each in "*?"})
"""Wildcards as they are in the path of a URL, which is of names; and what they are in a pattern."""


async def expanded(share: "Share", url: SmbUrl) -> list[SmbUrl]:
    """Return the URLs of the files that a URL with wildcards matches; else the URL itself.

    A file whose name is the same as the pattern is meant itself.
    """
    pattern = url.path.translate(_WILDCARDS)
    if not any(each in pattern for each in "*?[") or await share.exists(url.path):
        return [url]
    found = [
        path
        async for path, entry in share.glob(pattern)
        if not entry.is_directory and not is_unfinished(entry.name)
    ]
    return [replace(url, path=path) for path in sorted(found)] or [url]


@command("get")
@click.argument("urls", type=SHARE_URL, nargs=-1, required=True)
@click.argument("target", type=_LOCAL)
@_recursive
@client_command
@takes(TransferOptions, RateOptions)
def get(
    client: Client, given: Given, urls: tuple[SmbUrl, ...], target: str, *, recursive: bool
) -> None:
    """Copy from a share to this machine.

    \b
    smbquic get smb+quic://alice@fs.example/data/report.pdf .
    smbquic get 'smb+quic://alice@fs.example/data/*.pdf' .
    smbquic get -r smb+quic://alice@fs.example/data/reports ./reports
    smbquic get smb+quic://alice@fs.example/data/backup.tar - | tar x

    A file goes into TARGET if that is a folder, and is called TARGET otherwise; it appears under
    its name only when it is complete. With -r, the contents of the folder go into TARGET, whether
    TARGET exists already or not. TARGET - is standard output. Wildcards in a URL (*, ?, [a-z], and
    ** for folders of any depth) stand for all files that match; quote them.
    """
    if target == _STANDARD:
        _get_to_output(client, urls, recursive=recursive)
        return
    folder = Path(target)
    into = folder.is_dir()
    if not into:
        _check_target(target, len(urls), recursive=recursive)
    options, rate = _made(given, TransferOptions), RateOptions(**given[RateOptions])
    report = Report(client, "got", len(urls))
    written = WrittenFiles()

    async def copy(share: "Share", url: SmbUrl) -> None:
        with progress_bar(last_name(url), as_json=client.as_json) as bar:
            if recursive and len(urls) == 1:
                found = await _get_tree(share, url.path, folder, bar, options)
                if found is not None:
                    report.add(found)
                    return
            place = folder / to_local(last_name(url)) if into else folder
            with _no_folder(url, len(urls)):
                size = await share.get(
                    url.path, place, progress=bar.file, written=written, options=options
                )
            report.add_file(size)

    async def copy_all(share: "Share", url: SmbUrl) -> None:
        found = await expanded(share, url)
        if len(found) > 1 and not into:
            raise click.UsageError(f"{target} is not a folder, and {len(found)} files need one")
        if len(found) > 1:
            report.expect_several()
        for each in found:
            with report.attempt(each.path or each.share):
                await copy(share, each)

    async def work() -> None:
        async with Shares(client, rate.bwlimit) as shares:
            with imported_meanwhile(*CLIENT, _copier(recursive=recursive)):
                for url in urls:
                    with report.attempt(url.path or url.share):
                        await copy_all(await shares.connect(url), url)

    run(work())
    report.end()


def _copier(*, recursive: bool) -> str:
    """Return the module that copies folders, or the one that copies files."""
    return "smbquic.client.tree" if recursive else "smbquic.client.transfer"


async def _get_tree(
    share: "Share", path: str, target: Path, bar: Bar, options: TransferOptions
) -> TreeResult | None:
    """Copy a folder; None for a file, which is found out by listing it.

    To ask first what it is would cost a round trip.
    """
    try:
        return await share.get_tree(path, target, progress=bar.tree, options=options)
    except DirectoryExpectedError:
        return None


@contextmanager
def _no_folder(url: SmbUrl, count: int) -> Iterator[None]:
    """Raise a usage error inside the ``with`` where one of `count` URLs is of a folder."""
    try:
        yield
    except FileExpectedError as error:
        advice = "use -r" if count == 1 else "copy it with a separate command"
        raise click.UsageError(f"{url} is a folder; {advice}") from error


def _check_target(target: str, count: int, *, recursive: bool) -> None:
    """Raise a usage error where `count` URLs need a folder, and the target is none."""
    if count > 1:
        raise click.UsageError(
            f"{target} is not a folder, and several files need one; make it first"
        )
    if target.endswith("/") and not recursive:
        raise click.UsageError(f"there is no folder {target}; make it first")


def _get_to_output(client: Client, urls: tuple[SmbUrl, ...], *, recursive: bool) -> None:
    if len(urls) > 1 or recursive:
        raise click.UsageError("only a single file can be written to standard output")
    run(write_content(client, urls[0]))


@command("put")
@click.argument("sources", type=_LOCAL, nargs=-1, required=True)
@click.argument("url", type=SHARE_URL)
@_recursive
@option("-p", "--parents", is_flag=True, help="Make the folders of URL that are missing.")
@client_command
@takes(WriteOptions, RateOptions)
def put(
    client: Client,
    given: Given,
    sources: tuple[str, ...],
    url: SmbUrl,
    *,
    recursive: bool,
    parents: bool,
) -> None:
    """Copy from this machine to a share.

    \b
    smbquic put report.pdf smb+quic://alice@fs.example/data/in/
    smbquic put -r ./reports smb+quic://alice@fs.example/data/reports
    tar c . | smbquic put - smb+quic://alice@fs.example/data/backup.tar

    A file goes into URL if that is a folder or ends with a slash, and is called URL otherwise; it
    appears under its name only when it is complete and on the server's disk, and replaces a file of
    that name. With -r, the contents of the folder go into URL, whether URL exists already or not.
    SOURCE - is standard input; a FIFO is read to its end.
    """
    if _STANDARD in sources:
        _check_input(client)
    several = len(sources) > 1
    _check_folders(sources, recursive=recursive)
    options, rate = _made(given, WriteOptions), RateOptions(**given[RateOptions])
    report = Report(client, "put", len(sources))
    names = TargetNames()

    async def copy(share: "Share", source: str, *, into: bool) -> None:
        name = from_local(Path(source).name)
        if into and source == _STANDARD:
            raise click.UsageError(f"standard input has no name; write {url}NAME")
        place = join(url.path, name) if into else url.path
        names.claim(place, source)
        with progress_bar(source, as_json=client.as_json) as bar:
            report.add(await _put_one(share, source, place, bar, options))

    async def copy_all(share: "Share") -> None:
        share.limit_rate(rate.bwlimit)
        if recursive and Path(sources[0]).is_dir():
            await copy(share, sources[0], into=False)
            return
        into = await _into(share, url, parents=parents)
        if several and not into:
            raise click.UsageError(
                f"{url} is not a folder, and several files need one;"
                " write / at its end and use --parents to make it"
            )
        for source in sources:
            with report.attempt(source):
                await copy(share, source, into=into)

    async def work() -> None:
        with imported_meanwhile(*CLIENT, _copier(recursive=recursive)):
            async with client.share(url) as share:
                await copy_all(share)

    run(work())
    report.end()


def _check_folders(sources: tuple[str, ...], *, recursive: bool) -> None:
    """Raise a usage error for a folder that is not to be copied, or not alone."""
    for source in sources:
        if Path(source).is_dir() and len(sources) > 1:
            raise click.UsageError(f"{source} is a folder; copy it with a separate command")
        if Path(source).is_dir() and not recursive:
            raise click.UsageError(f"{source} is a folder; use -r")


def _check_input(client: Client) -> None:
    """Raise a usage error if standard input is closed, or is read for the password."""
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: there is nothing to copy")
    if client.reads_standard_input:
        raise click.UsageError(
            "standard input cannot be both the password and the file: use another --password-file"
        )


async def _into(share: "Share", url: SmbUrl, *, parents: bool = False) -> bool:
    """Return whether the URL is a folder that files go into; with `parents`, make missing folders.

    Raises `MissingFolder`.
    """
    if await is_folder(share, url.path):
        return True
    if not parents and url.folder:
        raise MissingFolder(url)
    if parents and (url.folder or parent(url.path)):
        await share.makedirs(url.path if url.folder else parent(url.path))
    return url.folder


async def _put_one(
    share: "Share", source: str, place: str, bar: Bar, options: TransferOptions
) -> TreeResult:
    path = Path(source)
    if path.is_dir():
        return await share.put_tree(path, place, progress=bar.tree, options=options)
    if source == _STANDARD:
        async with aclosing(read_chunks(sys.stdin.fileno(), _CHUNK)) as chunks:
            size = await share.put_stream(chunks, place, progress=bar.file)
    else:
        size = await share.put(path, place, progress=bar.file, options=options)
    return TreeResult(files=1, bytes=size)


@command("cp")
@click.argument("source", type=SHARE_URL)
@click.argument("target", type=SHARE_URL)
@_recursive
@client_command
@takes(CopyOptions, RateOptions)
def cp(client: Client, given: Given, source: SmbUrl, target: SmbUrl, *, recursive: bool) -> None:
    """Copy within a share.

    \b
    smbquic cp smb+quic://alice@fs.example/data/a.txt \\
               smb+quic://alice@fs.example/data/b.txt

    A file goes into TARGET if that is a folder or ends with a slash. With -r, the contents of the
    folder go into TARGET, whether TARGET exists already or not.
    """
    same_share(source, target)
    options, rate = _made(given, CopyOptions), RateOptions(**given[RateOptions])
    report = Report(client, "copied")

    async def work() -> None:
        async with client.share(source) as share:
            share.limit_rate(rate.bwlimit)
            entry = await share.stat(source.path)
            with progress_bar(entry.name, as_json=client.as_json) as bar:
                if entry.is_directory:
                    if not recursive:
                        raise click.UsageError(f"{source} is a folder; use -r")
                    report.add(
                        await share.copy_tree(
                            source.path, target.path, progress=bar.tree, options=options
                        )
                    )
                    return
                into = await _into(share, target)
                place = join(target.path, last_name(source)) if into else target.path
                report.add_file(await share.copy(source.path, place, progress=bar.file))

    run(work())
    report.end()
