"""A file on a share that has a temporary name until it is whole."""

import logging
from collections.abc import Sequence
from contextlib import suppress

from smbquic.client import requests
from smbquic.client.concurrency import run_to_completion
from smbquic.client.file import File
from smbquic.client.files import ShareFiles
from smbquic.client.names import join, parent, to_wire
from smbquic.client.reopening import identity, open_file
from smbquic.client.tree_connect import check
from smbquic.errors import ConnectionClosed, NotFoundError, PathError, SmbError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.storage.partial import temporary_name
from smbquic.wire.create import (
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    ShareAccess,
)
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.message import Message

log = logging.getLogger(__name__)

_FILE = CreateOptions.FILE_NON_DIRECTORY_FILE
KEPT_ATTRIBUTES = (
    FileAttributes.READONLY | FileAttributes.HIDDEN | FileAttributes.SYSTEM | FileAttributes.ARCHIVE
)
"""The attributes of a file that its copy on a share has, too."""


class RemotePartialFile:
    """A file on the share that is written under a temporary name, and then takes its real one."""

    def __init__(self, share: ShareFiles, path: str) -> None:
        if path.endswith(("/", "\\")) or not path:
            raise PathError(f"{path!r} is a folder: say what the file is to be called in it")
        self._share = share
        self._path = path
        self._part = ""
        self._file: File | None = None
        self._in_doubt = False

    async def begin(self, *middle: Message, durable: bool = True) -> tuple[File, list[Response]]:
        """Make it, and do `middle` to it in the same message, with these answers.

        Without `durable`, a connection that is lost before it has its name is an `OpenLostError`,
        unless the server keeps such files.
        """
        self._file, others = await open_file(
            self._share.share_tree,
            self._path,
            self._creating,
            *middle,
            repeatable=True,
            durable=durable,
        )
        self._check(others)
        return self._file, others

    def _creating(self) -> CreateRequest:
        """Return the request that makes it."""
        # Each attempt makes a file of its own: what became of the one before is not known.
        self._part = join(parent(self._path), temporary_name())
        return requests.create(
            to_wire(self._part),
            requests.WRITE | requests.DELETE,
            disposition=CreateDisposition.FILE_CREATE,
            options=_FILE,
            sharing=ShareAccess(0),
        )

    async def seal(
        self, modified: int, *, created: int | None = None, attributes: int | None = None
    ) -> None:
        """Set times (ns since 1970) and attributes, and have it put on the disk."""
        assert self._file is not None
        self._check(
            await self._file.compound(
                lambda file_id: [
                    requests.set_basic(
                        creation_time=created,
                        last_write_time=modified,
                        attributes=attributes,
                        file_id=file_id,
                    ),
                    requests.flush(),
                ]
            )
        )

    async def commit(self) -> None:
        """Give it its name, in place of what has that now, and close it.

        Only ever sent when all that came before has succeeded: servers differ in whether a
        compound goes on after a failure in its middle.
        """
        # Until the answer is here nobody knows what a deletion would hit: the part, or the whole
        # file under its name. So this is not cancelled, and without an answer nothing is deleted.
        self._in_doubt = True
        await run_to_completion(self._commit())

    async def _commit(self) -> None:
        assert self._file is not None
        try:
            renamed, closed = await self._rename(self._file)
        except ConnectionClosed as error:
            if not error.sent:
                raise
            if await self._has_its_name(self._file):
                self._in_doubt = False
                self._file.mark_closed()
                return
            renamed, closed = await self._rename(self._file)
        self._in_doubt = False
        check(renamed, self._path)
        self._file.mark_closed()
        check(closed, self._path)

    async def _rename(self, file: File) -> list[Response]:
        name = to_wire(self._path)
        return await file.compound(
            lambda file_id: [
                requests.rename(name, replace=True, file_id=file_id),
                requests.close(),
            ]
        )

    async def _has_its_name(self, file: File) -> bool:
        """Return whether the server has renamed the file although nobody got its answer."""
        opening = requests.create(to_wire(self._path), requests.STAT)
        try:
            there, _ = await open_file(self._share.share_tree, self._path, lambda: opening)
        except NotFoundError:
            return False
        async with there:
            return identity(there.opened) == identity(file.opened)

    async def abandon(self, error: BaseException) -> None:
        """Give it up after a failure."""
        await self.discard()

    async def discard(self) -> None:
        """Remove it after a failure, as far as the connection still works.

        Where it does not, a server of this package does so by itself; others leave it there.
        """
        if self._file is None or self._file.closed or self._in_doubt:
            return  # a CREATE that was cancelled is the connection's to clean up after
        self._file.mark_closed()
        self._file.stay_lost()
        try:
            await run_to_completion(self._delete(self._file))
        except SmbError as error:
            log.warning(
                "%s is left behind on the share, unless its server removes it: %s",
                self._part,
                error,
            )

    async def _delete(self, file: File) -> None:
        deleted, closed = await file.compound(
            lambda file_id: [requests.delete(file_id), requests.close()]
        )
        if NtStatus.FILE_CLOSED in (deleted.status, closed.status):
            # It did not get its name, and a server that goes on after that has closed it.
            with suppress(NotFoundError):
                await self._share.remove(self._part)
            return
        if closed.status.is_error:
            # Servers may fail the rest of a compound with the error of its first failure.
            await file.request(requests.close)
        check(deleted, self._part)

    def release(self) -> None:
        """Release what it takes on this machine, at the very end."""

    def _check(self, responses: Sequence[Response]) -> None:
        for response in responses:
            check(response, self._path)


class RemoteInplaceFile(RemotePartialFile):
    """A file on the share that is written under its own name, and stays when that fails."""

    def _creating(self) -> CreateRequest:
        return inplace_request(self._path)

    async def _commit(self) -> None:
        assert self._file is not None
        await self._file.close()
        self._in_doubt = False

    async def discard(self) -> None:
        """Close it, and leave it as it is."""
        if self._file is not None:
            with suppress(SmbError):
                await run_to_completion(self._file.close())


def inplace_request(path: str) -> CreateRequest:
    """Return the CREATE that makes a file, or empties the one that is there."""
    return requests.create(
        to_wire(path),
        requests.WRITE,
        disposition=CreateDisposition.FILE_OVERWRITE_IF,
        options=_FILE,
    )
