"""What a mount does with the files and folders of its share, by their paths there.

It is the only module of the mount that makes requests by path: what caches comes between here.
"""

import os
from collections.abc import Callable
from dataclasses import replace

from smbquic.client import requests
from smbquic.client.file import File
from smbquic.client.mount.attributes import WRITE_BITS, changed_attributes, is_symlink
from smbquic.client.names import to_wire
from smbquic.client.reopening import open_file
from smbquic.client.share import Share
from smbquic.client.stat import Stat, Volume
from smbquic.client.tree_connect import check
from smbquic.errors import (
    DeniedError,
    ExistsError,
    FileExpectedError,
    NotFoundError,
    StatusError,
)
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID, QueryOnDiskIdResponse
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    AttributeTagInformation,
    FileInformationClass,
    LinkInformation,
)
from smbquic.wire.message import Message
from smbquic.wire.query_info import InfoType

_ITSELF = CreateOptions.FILE_OPEN_REPARSE_POINT
_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE


class MountedShare:
    """The share of a mount. Paths are those on the share; a link is meant itself."""

    def __init__(self, share: Share) -> None:
        self.share = share

    # --- looking ------------------------------------------------------------------------------

    async def stat(self, path: str) -> Stat:
        """Return what the server says about a file, folder or link. Raises `NotFoundError`."""
        opening = requests.create(to_wire(path), requests.STAT, options=_ITSELF)
        opening.contexts.append(CreateContext(CREATE_QUERY_ON_DISK_ID))
        [response] = await self.share.once(opening, path=path)
        stat = _opened(path, response.body)
        if not stat.is_link:
            return stat
        return replace(stat, reparse_tag=await self._reparse_tag(path))

    async def _reparse_tag(self, path: str) -> int:
        query = requests.query(
            InfoType.FILE,
            FileInformationClass.FileAttributeTagInformation,
            AttributeTagInformation.SIZE,
        )
        opening = requests.create(to_wire(path), requests.STAT, options=_ITSELF)
        _, answer = await self.share.once(opening, query, path=path)
        return AttributeTagInformation.decode(memoryview(answer.body.buffer)).reparse_tag

    async def listing(self, path: str) -> list[Stat]:
        """Return what is in a folder."""
        return [entry async for entry in self.share.scandir(path)]

    async def readlink(self, path: str) -> str:
        """Return where a symbolic link leads, as the server has it."""
        return await self.share.readlink(path)

    async def volume(self) -> Volume:
        """Return what the server says about the volume."""
        return await self.share.volume()

    # --- opening ------------------------------------------------------------------------------

    async def open(self, path: str, flags: int) -> tuple[File, Stat]:
        """Open a file with the flags of `open`, O_TRUNC too."""
        others = [requests.truncate(0)] if flags & os.O_TRUNC else []
        return await self._open(path, lambda: _opening(path, flags), *others)

    async def create(self, path: str, flags: int, mode: int) -> tuple[File, Stat]:
        """Make a file and open it; with O_EXCL, raise `ExistsError` for one that is there.

        A file that is there is not made again, and only O_TRUNC makes it empty.
        """
        disposition = CreateDisposition.FILE_OPEN_IF
        if flags & os.O_EXCL:
            disposition = CreateDisposition.FILE_CREATE
        readonly = changed_attributes(FileAttributes(0), mode) or 0
        others = [requests.truncate(0)] if flags & os.O_TRUNC and not flags & os.O_EXCL else []

        def opening() -> CreateRequest:
            return _opening(path, flags, disposition, readonly)

        return await self._open(path, opening, *others)

    async def _open(
        self, path: str, opening: Callable[[], CreateRequest], *others: Message
    ) -> tuple[File, Stat]:
        file, responses = await open_file(self.share.share_tree, path, opening, *others)
        try:
            for response in responses:
                check(response, path)
        except StatusError:
            await file.close()
            raise
        stat = _opened(path, file.opened)
        return file, replace(stat, size=0) if others else stat

    # --- changing -----------------------------------------------------------------------------

    async def mkdir(self, path: str) -> None:
        """Make a folder."""
        await self.share.mkdir(path)

    async def unlink(self, path: str) -> None:
        """Delete a file or a link, also one that has the attribute READONLY."""
        try:
            await self.share.remove(path)
        except FileExpectedError:
            # A link to a folder is a folder for the server.
            if not is_symlink(await self.stat(path)):
                raise
            await self.share.rmdir(path)
        except DeniedError:
            if not await self._made_writable(path):
                raise
            await self.share.remove(path)

    async def _made_writable(self, path: str) -> bool:
        """Clear READONLY, which keeps a file from being deleted or replaced; False without it."""
        try:
            stat = await self.stat(path)
        except NotFoundError:
            return False
        changed = changed_attributes(stat.attributes, WRITE_BITS)
        if stat.is_directory or changed is None:
            return False
        await self._set_attributes(path, changed)
        return True

    async def rmdir(self, path: str) -> None:
        """Delete an empty folder."""
        await self.share.rmdir(path)

    async def rename(self, path: str, new_path: str, *, replace: bool) -> None:
        """Rename a file or folder. With `replace`, what has the new name is replaced as by POSIX.

        An empty folder is replaced in two steps, as SMB replaces files only.
        """
        try:
            await self.share.rename(path, new_path, replace=replace)
        except (DeniedError, ExistsError):
            if not replace or not await self._made_replaceable(new_path):
                raise
            await self.share.rename(path, new_path, replace=True)

    async def _made_replaceable(self, path: str) -> bool:
        """Remove what keeps a name from being given to another file; False if there is nothing."""
        try:
            stat = await self.stat(path)
        except NotFoundError:
            return False
        if stat.is_directory and not is_symlink(stat):
            await self.share.rmdir(path)
            return True
        return await self._made_writable(path)

    async def link(self, path: str, new_path: str) -> None:
        """Give a file a further name. [MS-FSCC] 2.4.28"""
        information = LinkInformation(to_wire(new_path)).encode()
        await self.share.once(
            requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES, options=_ITSELF),
            requests.change(FileInformationClass.FileLinkInformation, information),
            path=path,
        )

    async def symlink(self, target: str, path: str, *, folder: bool) -> None:
        """Make a symbolic link with the name `path`; `folder` says that it leads to a folder."""
        await self.share.symlink(target, path, target_is_directory=folder)

    async def truncate(self, path: str, size: int) -> None:
        """Make a file `size` bytes long."""
        opening = requests.create(to_wire(path), requests.WRITE, options=_FILE)
        await self.share.once(opening, requests.truncate(size), path=path)

    async def utime(self, path: str, accessed: int | None, modified: int | None) -> None:
        """Set times in nanoseconds; None leaves one as it is."""
        await self.share.once(
            requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES, options=_ITSELF),
            requests.set_basic(last_access_time=accessed, last_write_time=modified),
            path=path,
        )

    async def chmod(self, path: str, mode: int) -> None:
        """Set or clear READONLY of a file, as `mode` wants it; nothing else of it is kept."""
        stat = await self.stat(path)
        if stat.is_directory or is_symlink(stat):
            return
        changed = changed_attributes(stat.attributes, mode)
        if changed is not None:
            await self._set_attributes(path, changed)

    async def _set_attributes(self, path: str, attributes: FileAttributes) -> None:
        await self.share.once(
            requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES, options=_ITSELF),
            requests.set_basic(attributes=attributes),
            path=path,
        )


def _opening(
    path: str,
    flags: int,
    disposition: CreateDisposition = CreateDisposition.FILE_OPEN,
    attributes: int = 0,
) -> CreateRequest:
    access = _ACCESS[flags & os.O_ACCMODE]
    if flags & os.O_TRUNC:
        access |= requests.WRITE
    return requests.create(
        to_wire(path), access, disposition=disposition, options=_FILE, attributes=attributes
    )


_ACCESS = {
    os.O_RDONLY: requests.READ,
    os.O_WRONLY: requests.WRITE | requests.STAT,
    os.O_RDWR: requests.READ | requests.WRITE,
}


def _opened(path: str, response: CreateResponse) -> Stat:
    """Return what a CREATE response says, with the number of the file where it has one."""
    stat = Stat.of(path.rpartition("/")[2], response)
    data = find(response.contexts, CREATE_QUERY_ON_DISK_ID)
    if data is None:
        return stat
    return replace(stat, file_id=QueryOnDiskIdResponse.decode(data).disk_file_id)
