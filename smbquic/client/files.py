"""The files and folders of a share: operations that take one message, or a few.

Paths are relative to the share and separated by ``/`` (``\\`` works too); "" is its root.
"""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from smbquic.client import requests
from smbquic.client.concurrency import ByteBudget
from smbquic.client.file import CHUNK, WINDOW, File
from smbquic.client.listing import FolderListing
from smbquic.client.local import Disk
from smbquic.client.names import parent, to_wire
from smbquic.client.open_slots import OpenSlots
from smbquic.client.opening import BinaryMode, Opening, TextMode
from smbquic.client.reconnect import ShareTree
from smbquic.client.repeatable import are_repeatable
from smbquic.client.stat import Stat
from smbquic.client.tree_connect import TreeConnect, check
from smbquic.errors import NotFoundError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.credits import CREDIT_SIZE
from smbquic.protocol.response import Response
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import (
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    CreateResponse,
)
from smbquic.wire.create_context import CreateContext
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.message import Message

if TYPE_CHECKING:
    from smbquic.client.buffered_file import BufferedFile
    from smbquic.client.text_file import TextFile

_LIST = AccessMask.FILE_LIST_DIRECTORY | requests.STAT
_FOLDER = CreateOptions.FILE_DIRECTORY_FILE
_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE
_ITSELF = CreateOptions.FILE_OPEN_REPARSE_POINT


def _of_snapshot(opening: CreateRequest, snapshot: datetime | None) -> CreateRequest:
    """Return the CREATE, for a version of a snapshot if there is one."""
    if snapshot is not None:
        # Imported here: few programs look at previous versions.
        from smbquic.client.timewarp import timewarp

        opening.contexts.append(timewarp(snapshot))
    return opening


class ShareFiles:
    """Operations on single files and folders of a share."""

    def __init__(self, share_tree: ShareTree) -> None:
        self.share_tree = share_tree
        self.memory = ByteBudget(WINDOW * CHUNK)
        """The bytes that all transfers together may have in memory."""
        self.open_slots = OpenSlots()
        self.disk = Disk()
        """Of this machine, for small files."""

    @property
    def tree(self) -> TreeConnect:
        """The newest tree connect: what was opened on an older one is not open on it."""
        return self.share_tree.current

    async def once(self, opening: CreateRequest, *middle: Message, path: str) -> list[Response]:
        """Open something, do something to it and close it, all in one message.

        The responses, the close's left out. Raises the first error; what was opened is closed in
        any case.
        """
        *done, _ = await self.open_slots.run_beside(
            lambda: self.once_closed(opening, *middle, requests.close(), path=path)
        )
        return done

    async def once_closed(
        self, opening: CreateRequest, *others: Message, path: str
    ) -> list[Response]:
        """Do the same; the last of `others` is the CLOSE, and its response is the last, too."""
        bodies = [opening, *others]

        async def send(tree: TreeConnect) -> list[Response]:
            *done, closing = await tree.compound(bodies)
            opened = done[0].body
            if closing.status.is_error and isinstance(opened, CreateResponse):
                # Servers may fail the rest of a compound with the error of its first failure.
                await tree.compound([requests.close(opened.file_id)])
            return [*done, closing]

        responses = await self.share_tree.repeat(send, repeatable=are_repeatable(bodies))
        # A server that deletes or writes late may say only at the close that it could not.
        for response in responses:
            check(response, path)
        return responses

    # --- reading ------------------------------------------------------------------------------

    async def stat(self, path: str, *, snapshot: datetime | None = None) -> Stat:
        """Return what the server says about a file or folder. Raises `NotFoundError`.

        With `snapshot`, that is its version at a time of `Share.snapshots`.
        """
        # Imported here: a program that lists a folder starts earlier without it.
        from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID

        name = to_wire(path)
        opening = _of_snapshot(requests.create(name, requests.STAT), snapshot)
        opening.contexts.append(CreateContext(CREATE_QUERY_ON_DISK_ID))
        [response] = await self.once(opening, path=path)
        return Stat.of(name.rpartition("\\")[2], response.body)

    async def exists(self, path: str) -> bool:
        """Whether there is a file or folder of that name."""
        try:
            await self.stat(path)
        except NotFoundError:
            return False
        return True

    def scandir(
        self, path: str = "", pattern: str = "*", *, snapshot: datetime | None = None
    ) -> AsyncGenerator[Stat, None]:
        """Yield the entries of a folder while the server lists them.

        `pattern` has the server's wildcards: ``*`` and ``?``. Raises `SecurityError` for a name
        that could lead out of the folder, `RemoteProtocolError` for a listing that does not end,
        by `LONGEST_LISTING`. When the connection is lost, the listing goes on over a new one.
        """
        opening = _of_snapshot(requests.create(to_wire(path), _LIST, options=_FOLDER), snapshot)
        listing = FolderListing(self.share_tree, self.open_slots, path, opening, pattern)
        return listing.entries()

    async def listdir(self, path: str = "", pattern: str = "*") -> list[str]:
        """Return the names in a folder."""
        return [entry.name async for entry in self.scandir(path, pattern)]

    # --- one file -----------------------------------------------------------------------------

    @overload
    def open(
        self,
        path: str,
        mode: BinaryMode = "rb",
        *,
        buffering: Literal[0],
        snapshot: datetime | None = None,
    ) -> Opening[File]: ...

    @overload
    def open(
        self,
        path: str,
        mode: BinaryMode = "rb",
        buffering: Literal[-1] = -1,
        *,
        snapshot: datetime | None = None,
    ) -> "Opening[BufferedFile]": ...

    @overload
    def open(
        self,
        path: str,
        mode: TextMode,
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> "Opening[TextFile]": ...

    @overload
    def open(
        self,
        path: str,
        mode: str = "rb",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> "Opening[Any]": ...

    def open(
        self,
        path: str,
        mode: str = "rb",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        snapshot: datetime | None = None,
    ) -> Opening[Any]:
        """Open a file as the builtin `open` does; the default mode is ``rb``.

        ``async with share.open(path) as file`` or ``file = await share.open(path)``. The file is a
        `BufferedFile`, in a mode without ``b`` a `TextFile` of UTF-8 or another `encoding`, and
        with ``buffering=0`` a `File`. `buffering` is the number of bytes that are read and written
        at once (at most 1 MiB); 1 is for text, and sends each line at once. A stream of a file is
        opened as ``path:stream``, a version of a `snapshot` read as it was then.

        Raises `NotFoundError`, `ExistsError`, `DeniedError`, `FileExpectedError` for a folder,
        ValueError for a mode that is none.
        """
        # Imported here: a program that lists a folder opens no file.
        from smbquic.client.open_file import FileKind

        kind = FileKind.parse(mode, buffering, encoding, errors, newline)
        opening = requests.create(
            to_wire(path), kind.mode.access, disposition=kind.mode.disposition, options=_FILE
        )
        opening = _of_snapshot(opening, snapshot)

        async def opener() -> Any:
            # Imported here: a program that lists a folder starts earlier without it.
            from smbquic.client.reopening import open_file

            file, _ = await open_file(self.share_tree, path, lambda: opening, make=kind.make)
            if kind.mode.append:
                await file.seek(file.opened.end_of_file)
            return kind.wrapped(file)

        return Opening(opener)

    async def read_bytes(self, path: str) -> bytes:
        """Return the content of a file: one of up to 64 KiB by a single message."""
        try:
            opened, reading, _ = await self.once_closed(
                requests.create(to_wire(path), requests.READ, options=_FILE),
                requests.read(0, CREDIT_SIZE),
                requests.close(),
                path=path,
            )
        except StatusError as error:
            if error.status != NtStatus.END_OF_FILE:
                raise
            return b""  # it is empty
        if len(reading.body.data) == opened.body.end_of_file:
            return bytes(reading.body.data)
        async with self.open(path) as file:
            return await file.read()

    async def utime(
        self,
        path: str,
        *,
        modified: int | None = None,
        accessed: int | None = None,
        created: int | None = None,
        changed: int | None = None,
    ) -> None:
        """Set times, in nanoseconds since 1970; None leaves one as it is."""
        await self.once(
            requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES),
            requests.set_basic(
                creation_time=created,
                last_access_time=accessed,
                last_write_time=modified,
                change_time=changed,
            ),
            path=path,
        )

    async def set_attributes(self, path: str, attributes: FileAttributes) -> None:
        """Replace the attributes: READONLY, HIDDEN, SYSTEM, ARCHIVE and the like."""
        await self.once(
            requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES),
            requests.set_basic(attributes=attributes),
            path=path,
        )

    async def rename(self, path: str, new_path: str, *, replace: bool = False) -> None:
        """Move a file or folder within the share.

        A file that has the new name already is replaced if `replace` says so; otherwise, and for
        a folder, that raises `ExistsError` (or `DeniedError`, as some servers put it).
        """
        await self.once(
            requests.create(to_wire(path), requests.DELETE, options=_ITSELF),
            requests.rename(to_wire(new_path), replace=replace),
            path=path,
        )

    async def remove(self, path: str) -> None:
        """Delete a file. Raises `FileExpectedError` for a folder."""
        await self._delete(path, _FILE)

    async def _delete(self, path: str, kind: CreateOptions) -> None:
        await self.once(
            requests.create(to_wire(path), requests.DELETE, options=kind | _ITSELF),
            requests.delete(),
            path=path,
        )

    # --- folders ------------------------------------------------------------------------------

    async def mkdir(self, path: str) -> None:
        """Make a folder. Raises `ExistsError`, `NotFoundError` where its parent is missing."""
        await self._mkdir(path, CreateDisposition.FILE_CREATE)

    async def _mkdir(self, path: str, disposition: CreateDisposition) -> None:
        await self.once(
            requests.create(
                to_wire(path),
                requests.STAT,
                disposition=disposition,
                options=_FOLDER,
                attributes=FileAttributes.DIRECTORY,
            ),
            path=path,
        )

    async def makedirs(self, path: str) -> None:
        """Make a folder and those above it that are missing; nothing if it is there."""
        try:
            await self._mkdir(path, CreateDisposition.FILE_OPEN_IF)
        except NotFoundError:
            if not parent(path):
                raise
            await self.makedirs(parent(path))
            await self._mkdir(path, CreateDisposition.FILE_OPEN_IF)

    async def rmdir(self, path: str) -> None:
        """Delete an empty folder. Raises `DirectoryExpectedError` for a file."""
        await self._delete(path, _FOLDER)
