"""What a mount does with the files and folders of its share, by their paths there.

Metadata, listings and contents come from a cache, as far as the server's leases allow it.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from smbquic.client import requests
from smbquic.client.cache import LeaseCache
from smbquic.client.cache.cached_file import CachedFile
from smbquic.client.mount.attributes import WRITE_BITS, changed_attributes, is_symlink
from smbquic.client.mount.errors import os_error
from smbquic.client.names import to_wire
from smbquic.client.stat import Stat, Volume
from smbquic.errors import (
    DeniedError,
    ExistsError,
    FileExpectedError,
    NotFoundError,
    StatusError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID
from smbquic.wire.fscc.file_information import AttributeTagInformation, FileInformationClass
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest

_ITSELF = CreateOptions.FILE_OPEN_REPARSE_POINT
_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE


class MountedShare:
    """The share of a mount. Paths are those on the share; a link is meant itself."""

    def __init__(self, cache: LeaseCache) -> None:
        self._cache = cache
        self.share = cache.share

    # --- looking ------------------------------------------------------------------------------

    def known_stat(self, path: str) -> Stat | None:
        """Return the same if it is known; any thread may ask."""
        return self._cache.known_stat(path)

    async def stat(self, path: str) -> Stat:
        """Return what the server says about a file, folder or link. Raises `NotFoundError`."""
        try:
            return await self._cache.stat(path)
        except StatusError as error:
            if error.status != NtStatus.STOPPED_ON_SYMLINK:
                raise
            return await self._link_stat(path)

    async def _link_stat(self, path: str) -> Stat:
        """Do the same for a link, of which the cache knows only what was listed."""
        opening = requests.create(to_wire(path), requests.STAT, options=_ITSELF)
        opening.contexts.append(CreateContext(CREATE_QUERY_ON_DISK_ID))
        query = requests.query(
            InfoType.FILE,
            FileInformationClass.FileAttributeTagInformation,
            AttributeTagInformation.SIZE,
        )
        opened, answer = await self.share.once(opening, query, path=path)
        tag = AttributeTagInformation.decode(memoryview(answer.body.buffer)).reparse_tag
        return replace(Stat.of(path.rpartition("/")[2], opened.body), reparse_tag=tag)

    async def listing(self, path: str) -> list[Stat]:
        """Return what is in a folder."""
        return [entry async for entry in self._cache.scandir(path)]

    async def readlink(self, path: str) -> str:
        """Return where a symbolic link leads, as the server has it."""
        return await self.share.readlink(path)

    async def volume(self) -> Volume:
        """Return what the server says about the volume."""
        return await self.share.volume()

    # --- opening ------------------------------------------------------------------------------

    async def open(self, path: str, flags: int) -> CachedFile:
        """Open a file with the flags of `open`, O_TRUNC too."""
        writes = flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_TRUNC
        try:
            file = await self._cache.open(path, "r+b" if writes else "rb")
        except NotFoundError as error:
            # Another program has deleted it on the server's disk, which nobody has told the cache.
            self._cache.changed(path)
            # Linux looks once more after ESTALE, and makes the file if the program asks for that.
            raise os_error(errno.ESTALE if sys.platform == "linux" else errno.ENOENT) from error
        return await _truncated(file) if flags & os.O_TRUNC else file

    async def create(self, path: str, flags: int, mode: int) -> CachedFile:
        """Make a file and open it; with O_EXCL, raise `ExistsError` for one that is there.

        A file that is there is not made again, and only O_TRUNC makes it empty.
        """
        kind = "x" if flags & os.O_EXCL else "a"
        reads = flags & os.O_ACCMODE != os.O_WRONLY
        with _name_in_use():
            file = await self._cache.open(path, f"{kind}{'+' if reads else ''}b")
        if flags & os.O_TRUNC and await file.size():
            file = await _truncated(file)
        if not mode & WRITE_BITS:
            await self.chmod(path, mode)
        return file

    def changed(self, path: str) -> None:
        """Note that attributes of a file were changed by an open of it."""
        self._cache.changed(path)

    # --- changing -----------------------------------------------------------------------------

    async def mkdir(self, path: str) -> None:
        """Make a folder."""
        with _name_in_use():
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
        await self._change(path, requests.set_basic(attributes=changed))
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
        await self._change(path, requests.link(to_wire(new_path)))

    async def symlink(self, target: str, path: str, *, folder: bool) -> None:
        """Make a symbolic link with the name `path`; `folder` says that it leads to a folder."""
        await self.share.symlink(target, path, target_is_directory=folder)

    async def truncate(self, path: str, size: int) -> None:
        """Make a file `size` bytes long."""
        opening = requests.create(to_wire(path), requests.WRITE, options=_FILE)
        await self.share.once(opening, requests.truncate(size), path=path)

    async def utime(self, path: str, accessed: int | None, modified: int | None) -> None:
        """Set times in nanoseconds; None leaves one as it is."""
        times = requests.set_basic(last_access_time=accessed, last_write_time=modified)
        await self._change(path, times)

    async def chmod(self, path: str, mode: int) -> None:
        """Set or clear READONLY of a file, as `mode` wants it; nothing else of it is kept."""
        stat = await self.stat(path)
        if stat.is_directory or is_symlink(stat):
            return
        changed = changed_attributes(stat.attributes, mode)
        if changed is not None:
            await self._change(path, requests.set_basic(attributes=changed))

    async def _change(self, path: str, request: SetInfoRequest) -> None:
        """Change something of a file or folder, or of a link itself, but for its content."""
        opening = requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES, options=_ITSELF)
        await self.share.once(opening, request, path=path)


@contextmanager
def _name_in_use() -> Iterator[None]:
    """Raise EBUSY inside for the name of a deleted file that somebody else has open still."""
    try:
        yield
    except StatusError as error:
        if error.status != NtStatus.DELETE_PENDING:
            raise
        raise os_error(errno.EBUSY) from error


async def _truncated(file: CachedFile) -> CachedFile:
    try:
        await file.truncate(0)
    except BaseException:
        await file.close()
        raise
    return file
