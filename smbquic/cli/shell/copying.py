"""The verbs that copy: from the share, to the share, and within it."""

import errno
import os
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from smbquic.cli.output import printable
from smbquic.cli.progress import progress_bar
from smbquic.cli.report import Report
from smbquic.cli.shell.masks import EVERYTHING, find, matcher
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import VerbError
from smbquic.cli.urls import is_folder
from smbquic.client.names import from_local, join
from smbquic.client.stat import Stat
from smbquic.client.tree import get_files, put_files
from smbquic.options.transfer import TransferOptions
from smbquic.storage.partial import is_unfinished

MOST_FILES = 1_000_000
"""Files and folders that one command copies: a server could list them for ever."""
_STANDARD = "-"

_Remote = tuple[str, Path, Stat]
_Local = tuple[Path, str, os.stat_result]
_Selected = TypeVar("_Selected", _Remote, _Local)


async def get(shell: Shell, file: str, local: str | None = None, *, resume: bool = False) -> None:
    """Copy a file from the share to this machine."""
    if local == _STANDARD:
        await cat(shell, file)
        return
    path = shell.remote(file)
    target = shell.local_folder if local is None else shell.local(local)
    if target.is_dir():
        target /= shell.local_name(path)
    report = Report(shell.client, "got")
    with progress_bar(path.rpartition("/")[2], show=not shell.client.as_json) as bar:
        options = TransferOptions(resume=resume)
        size = await shell.share.get(path, target, progress=bar.file, options=options)
    report.add_file(size)
    await shell.end(report)


async def reget(shell: Shell, file: str, local: str | None = None) -> None:
    """Copy a file from the share, and continue with what an interrupted reget has left."""
    await get(shell, file, local, resume=True)


async def put(shell: Shell, local: str, file: str | None = None, *, resume: bool = False) -> None:
    """Copy a file from this machine to the share."""
    source = shell.local(local)
    name = from_local(source.name)
    path = join(shell.folder, name) if file is None else shell.remote(file)
    if file is not None and await is_folder(shell.share, path):
        path = join(path, name)
    report = Report(shell.client, "put")
    with progress_bar(source.name, show=not shell.client.as_json) as bar:
        options = TransferOptions(resume=resume)
        size = await shell.share.put(source, path, progress=bar.file, options=options)
    report.add_file(size)
    await shell.end(report)


async def reput(shell: Shell, local: str, file: str | None = None) -> None:
    """Copy a file to the share, and continue with what an interrupted reput has left."""
    await put(shell, local, file, resume=True)


async def mget(shell: Shell, *masks: str) -> None:
    """Copy the files that match masks from the share; with recurse, whole folders."""
    selected = await _once(_selected, shell, masks)
    report = Report(shell.client, "got", 2)
    with progress_bar("getting", show=not shell.client.as_json) as bar:
        report.add(await get_files(shell.share, selected, progress=bar.tree))
    await shell.end(report)


async def _once(
    select: Callable[[Shell, str], AsyncGenerator[_Selected, None]],
    shell: Shell,
    masks: tuple[str, ...],
) -> Collection[_Selected]:
    """Return what masks select, each path once; without masks, all. Raises `VerbError`."""
    selected: dict[str | Path, _Selected] = {}
    for mask in masks or (EVERYTHING[0],):
        async with aclosing(select(shell, mask)) as found:
            async for each in found:
                if len(selected) >= MOST_FILES:
                    raise VerbError(
                        f"these are more than {MOST_FILES} files: copy them with smbquic copy"
                    )
                selected[each[0]] = each
    return selected.values()


async def _selected(shell: Shell, mask: str) -> AsyncGenerator[_Remote, None]:
    """Yield what a mask selects, with its local paths; a folder before what is in it."""
    wanted = matcher(shell.settings.mask)
    for path, entry in await find(shell.share, *shell.remote_mask(mask)):
        local = shell.local_folder / shell.local_name(path)
        if entry.is_directory and not entry.is_link:
            if not shell.settings.recurse or not await _confirmed(shell, "get", path):
                continue
            yield path, local, entry
            async for each in _below(shell, path, local):
                yield each
        elif wanted(entry.name) and await _confirmed(shell, "get", path):
            yield path, local, entry


async def _below(shell: Shell, path: str, local: Path) -> AsyncGenerator[_Remote, None]:
    """Yield what is to be copied of a folder and of those below it."""
    wanted = matcher(shell.settings.mask)
    places = {path: local}
    async with aclosing(shell.share.walk(path)) as folders:
        async for place, inner, files in folders:
            beside = places.pop(place)
            entered = []
            for entry in inner:
                below = join(place, entry.name)
                if entry.is_link or await _confirmed(shell, "get", below):
                    places[below] = beside / shell.local_name(below)
                    entered.append(entry)
                    yield below, places[below], entry
            inner[:] = entered
            for entry in files:
                below = join(place, entry.name)
                if is_unfinished(entry.name) or not wanted(entry.name):
                    continue
                if await _confirmed(shell, "get", below):
                    yield below, beside / shell.local_name(below), entry


async def mput(shell: Shell, *masks: str) -> None:
    """Copy the files that match masks to the share; with recurse, whole folders."""
    selected = await _once(_selected_here, shell, masks)
    report = Report(shell.client, "put", 2)
    with progress_bar("putting", show=not shell.client.as_json) as bar:
        report.add(await put_files(shell.share, selected, progress=bar.tree))
    await shell.end(report)


async def _selected_here(shell: Shell, mask: str) -> AsyncGenerator[_Local, None]:
    """Yield what a mask selects, with its paths on the share; a folder before what is in it.

    Links are followed where the mask itself matches them. Raises `FileNotFoundError` if nothing
    matches.
    """
    folder, match = shell.local(mask).parent, matcher(Path(mask).name)
    wanted = matcher(shell.settings.mask)
    matched = [entry for entry in _listed_here(folder) if match(from_local(entry.name))]
    if not matched and mask not in EVERYTHING:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder / mask))
    for entry in matched:
        path, target = Path(entry.path), join(shell.folder, from_local(entry.name))
        if entry.is_dir():
            if not shell.settings.recurse or not await _confirmed(shell, "put", entry.name):
                continue
            yield path, target, path.stat()
            async for each in _below_here(shell, path, target):
                yield each
        elif wanted(from_local(entry.name)) and await _confirmed(shell, "put", entry.name):
            yield path, target, path.stat()


async def _below_here(shell: Shell, folder: Path, path: str) -> AsyncGenerator[_Local, None]:
    """Yield what is to be copied of a folder and of those below it. Links are not followed."""
    wanted = matcher(shell.settings.mask)
    for entry in _listed_here(folder):
        beside, target = Path(entry.path), join(path, from_local(entry.name))
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and not wanted(from_local(entry.name)):
            continue
        if not await _confirmed(shell, "put", target):
            continue
        yield beside, target, entry.stat(follow_symlinks=False)
        if is_folder:
            async for each in _below_here(shell, beside, target):
                yield each


def _listed_here(folder: Path) -> list["os.DirEntry[str]"]:
    """Return what is in a folder of this machine, without the temporary files of transfers."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not is_unfinished(entry.name)]
    return sorted(found, key=lambda entry: entry.name)


async def _confirmed(shell: Shell, verb: str, path: str) -> bool:
    return await shell.confirm(f"{verb} {printable(path)}?")


async def cat(shell: Shell, *files: str) -> None:
    """Write the content of files."""
    for file in files:
        async with aclosing(shell.share.stream(shell.remote(file))) as chunks:
            async for chunk in chunks:
                await shell.output.write(chunk)


async def more(shell: Shell, file: str) -> None:
    """Write the content of a file, for the pager."""
    await cat(shell, file)


async def scopy(shell: Shell, file: str, new: str) -> None:
    """Copy a file within the share; the server does it where it can."""
    path, target = shell.remote(file), shell.remote(new)
    if await is_folder(shell.share, target):
        target = join(target, path.rpartition("/")[2])
    report = Report(shell.client, "copied")
    with progress_bar(path.rpartition("/")[2], show=not shell.client.as_json) as bar:
        report.add_file(await shell.share.copy(path, target, progress=bar.file))
    await shell.end(report)
