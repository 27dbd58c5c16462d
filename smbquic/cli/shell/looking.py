"""The verbs that show what is on the share, and change nothing."""

from contextlib import aclosing, suppress

from smbquic.cli.listing import described, document, long_line
from smbquic.cli.output import counted, printable, shown, size
from smbquic.cli.shell.masks import EVERYTHING, find
from smbquic.cli.shell.state import Shell
from smbquic.cli.watch import document as change_document
from smbquic.cli.watch import line as change_line
from smbquic.client.names import join
from smbquic.client.stat import Stat
from smbquic.errors import StatusError
from smbquic.storage.names import fold
from smbquic.storage.partial import is_unfinished

_Entries = list[tuple[str, Stat]]


async def ls(shell: Shell, *masks: str) -> None:
    """List a folder, or what matches a mask."""
    for mask in masks or ("",):
        folder, entries = await _listed(shell, mask)
        await _show_entries(shell, folder, entries)
        if shell.settings.recurse:
            for path, entry in entries:
                if entry.is_directory and not entry.is_link:
                    await _show_below(shell, path)


async def _show_below(shell: Shell, path: str) -> None:
    """Show each folder from a path down, with what is in it."""
    async with aclosing(shell.share.walk(path)) as folders:
        async for place, inner, files in folders:
            inner.sort(key=lambda entry: fold(entry.name))
            wanted = (entry for entry in files if not is_unfinished(entry.name))
            entries = sorted([*inner, *wanted], key=lambda entry: fold(entry.name))
            below = [(join(place, entry.name), entry) for entry in entries]
            await _show_entries(shell, place, below, heading=True)


async def _listed(shell: Shell, mask: str) -> tuple[str, _Entries]:
    """Return what a mask matches, and the folder of it; for a folder, what is in the folder."""
    folder, name = shell.remote_mask(mask)
    entries = await find(shell.share, folder, name)
    if len(entries) == 1 and entries[0][0] == join(folder, name) and entries[0][1].is_directory:
        folder = join(folder, name)
        entries = await find(shell.share, folder, EVERYTHING[0])
    return folder, entries


async def _show_entries(
    shell: Shell, folder: str, entries: _Entries, *, heading: bool = False
) -> None:
    if shell.client.as_json:
        await shell.show({"entries": [document(entry, path) for path, entry in entries]})
        return
    if heading:
        await shell.output.line("")
        await shell.output.line(f"{printable('/' + folder)}:")
    for _, entry in entries:
        await shell.output.line(long_line(entry))


async def stat(shell: Shell, file: str) -> None:
    """Show the attributes, sizes and times of a file or folder."""
    path = shell.remote(file)
    found = document(await shell.share.stat(path), path)
    await shell.show(found, *described(found))


async def allinfo(shell: Shell, file: str) -> None:
    """Show all that the server says of a file or folder.

    What a server does not have, or does not tell, is left out.
    """
    path = shell.remote(file)
    share = shell.share
    found = document(await share.stat(path), path)
    with suppress(StatusError):
        if name := await share.short_name(path):
            found["short_name"] = shown(name)
    with suppress(StatusError):
        found["extended_attributes"] = await share.listxattr(path)
    with suppress(StatusError):
        streams = await share.streams(path)
        found["streams"] = [f"{each.name} ({each.size} bytes)" for each in streams]
    with suppress(StatusError):
        found["previous_versions"] = [
            f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in await share.snapshots(path)
        ]
    await shell.show(found, *described(found))


async def altname(shell: Shell, file: str) -> None:
    """Print the 8.3 name of a file or folder."""
    name = await shell.share.short_name(shell.remote(file))
    await shell.show({"short_name": shown(name)}, printable(name) or "there is none")


async def readlink(shell: Shell, file: str) -> None:
    """Print where a symbolic link leads."""
    target = await shell.share.readlink(shell.remote(file))
    await shell.show({"target": shown(target)}, printable(target))


async def volume(shell: Shell) -> None:
    """Show the volume behind the share."""
    found = await shell.share.volume()
    serial = f"{found.serial >> 16:04X}-{found.serial & 0xFFFF:04X}"
    result = {"label": found.label, "serial": serial, "file_system": found.file_system}
    await shell.show(result, *described(result))


async def df(shell: Shell) -> None:
    """Show how much room there is."""
    found = await shell.share.volume()
    result = {"total": found.total, "free": found.free, "available": found.available}
    line = f"{size(found.available)} of {size(found.total)} available"
    await shell.show(result, line)


async def du(shell: Shell, folder: str = "") -> None:
    """Show how much is in a folder, with all below it, and how much room there is."""
    path = shell.remote(folder)
    usage = await shell.share.usage(path)
    result = {
        "path": shown(path),
        "files": usage.files,
        "folders": usage.folders,
        "bytes": usage.bytes,
        "allocated": usage.allocated,
    }
    line = (
        f"{counted(usage.files, 'file')} in {counted(usage.folders, 'folder')},"
        f" {size(usage.bytes)}, {size(usage.allocated)} on the disk"
    )
    await shell.show(result, line)


async def notify(shell: Shell, folder: str = "") -> None:
    """Show what changes in a folder, and below it, until Ctrl-C."""
    path = shell.remote(folder)
    async with shell.share.watch(path, recursive=True) as watch:
        async for change in watch:
            await shell.show(change_document(change), change_line(change))
            await shell.output.flush()


async def showconnect(shell: Shell) -> None:
    """Show the connection that is used now."""
    share = shell.share
    peer, negotiated = share.peer, share.tree.connection.protocol.negotiated
    assert negotiated is not None
    result = {
        "url": str(shell.url),
        "transport": peer.kind,
        "address": f"{peer.remote[0]}:{peer.remote[1]}",
        "tls_cipher": peer.cipher or "none",
        "dialect": negotiated.dialect.label,
    }
    await shell.show(result, *described(result))
