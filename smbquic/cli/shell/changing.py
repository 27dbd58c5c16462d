"""The verbs that change what is on the share."""

import re
import time
from collections.abc import Awaitable, Callable

from smbquic.cli.report import Arguments
from smbquic.cli.shell.masks import find
from smbquic.cli.shell.state import Shell
from smbquic.cli.shell.verb import VerbError
from smbquic.client.concurrency import run_each
from smbquic.client.stat import Stat
from smbquic.errors import NotFoundError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes

CONCURRENCY = 16
"""Files that are deleted at once."""
NO_CHANGE = "-1"
"""The time that is left as it is."""

_LETTERS = {
    "r": FileAttributes.READONLY,
    "h": FileAttributes.HIDDEN,
    "s": FileAttributes.SYSTEM,
    "a": FileAttributes.ARCHIVE,
}
_KEPT = (
    FileAttributes.READONLY
    | FileAttributes.HIDDEN
    | FileAttributes.SYSTEM
    | FileAttributes.ARCHIVE
    | FileAttributes.NOT_CONTENT_INDEXED
    | FileAttributes.TEMPORARY
    | FileAttributes.OFFLINE
)
"""The attributes that can be set."""
_MODE = re.compile(r"([+-])([rhsa]+)")
_TIME = re.compile(r"(\d\d|\d{4}):(\d\d):(\d\d)-(\d\d):(\d\d):(\d\d)", re.ASCII)


async def delete(shell: Shell, *masks: str) -> None:
    """Delete files; folders that match stay."""

    async def remove(path: str, entry: Stat) -> None:
        await shell.share.remove(path)

    await _delete(shell, masks, remove, folders=False)


async def deltree(shell: Shell, *masks: str) -> None:
    """Delete files, and folders with all below them."""

    async def remove(path: str, entry: Stat) -> None:
        if entry.is_directory and not entry.is_link:
            await shell.share.rmtree(path)
        elif entry.is_directory:
            await shell.share.rmdir(path)
        else:
            await shell.share.remove(path)

    await _delete(shell, masks, remove, folders=True)


async def _delete(
    shell: Shell,
    masks: tuple[str, ...],
    remove: Callable[[str, Stat], Awaitable[None]],
    *,
    folders: bool,
) -> None:
    """Delete what matches. Of several files, one that fails does not stop the others."""
    found = [each for mask in masks for each in await find(shell.share, *shell.remote_mask(mask))]
    if len(found) > 1 and not folders:
        found = [(path, entry) for path, entry in found if not entry.is_directory]
    if not found:
        raise NotFoundError(NtStatus.NO_SUCH_FILE, "", " ".join(masks))
    arguments = Arguments(len(found))

    async def attempt(each: tuple[str, Stat]) -> None:
        with arguments.attempt(each[0]):
            await remove(*each)

    await run_each(found, attempt, limit=CONCURRENCY)
    arguments.raise_failures()


async def mkdir(shell: Shell, folder: str) -> None:
    """Make a folder."""
    await shell.share.mkdir(shell.remote(folder))


async def rmdir(shell: Shell, folder: str) -> None:
    """Delete an empty folder."""
    await shell.share.rmdir(shell.remote(folder))


async def rename(shell: Shell, file: str, new: str, force: str = "") -> None:
    """Give a file or folder another name, or another place."""
    await shell.share.rename(shell.remote(file), shell.remote(new), replace=bool(force))


async def hardlink(shell: Shell, file: str, new: str) -> None:
    """Give a file a second name."""
    await shell.share.link(shell.remote(file), shell.remote(new))


async def symlink(shell: Shell, target: str, new: str) -> None:
    """Make a symbolic link. The target is seen from the folder of the link."""
    await shell.share.symlink(target, shell.remote(new))


async def setmode(shell: Shell, file: str, *modes: str) -> None:
    """Set and remove attributes: read-only, hidden, system, archive."""
    path = shell.remote(file)
    attributes = (await shell.share.stat(path)).attributes & _KEPT
    for mode in modes:
        parts = list(_MODE.finditer(mode))
        if "".join(part[0] for part in parts) != mode:
            raise VerbError(f"{mode!r} is no mode: write +rhsa to set attributes, -rhsa to remove")
        for part in parts:
            for letter in part[2]:
                bit = _LETTERS[letter]
                attributes = attributes | bit if part[1] == "+" else attributes & ~bit
    await shell.share.set_attributes(path, attributes)


async def utimes(
    shell: Shell, file: str, created: str, accessed: str, modified: str, changed: str
) -> None:
    """Set the times of a file or folder; they are those of this machine's time zone."""
    await shell.share.utime(
        shell.remote(file),
        created=_nanoseconds(created),
        accessed=_nanoseconds(accessed),
        modified=_nanoseconds(modified),
        changed=_nanoseconds(changed),
    )


def _nanoseconds(text: str) -> int | None:
    """Return a time of smbclient in nanoseconds since 1970; None for one that stays."""
    if text == NO_CHANGE:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise VerbError(f"{text!r} is no time: write YYYY:MM:DD-HH:MM:SS, or -1 for no change")
    year, *rest = found.groups()
    if len(year) == 2:
        year = f"{19 if int(year) >= 70 else 20}{year}"
    try:
        moment = time.strptime(":".join([year, *rest]), "%Y:%m:%d:%H:%M:%S")
        return int(time.mktime(moment)) * 1_000_000_000
    except (ValueError, OverflowError):
        raise VerbError(f"{text!r} is no time of the calendar") from None
