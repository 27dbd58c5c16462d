"""Opening a file, and opening it again after its connection was lost: the same file, or none."""

import logging
from collections.abc import Callable
from dataclasses import replace

from smbquic.client import requests
from smbquic.client.durable_handle import DurableHandleKeys, has_durable_handles
from smbquic.client.file import File
from smbquic.client.file_handle import Reopened, Reopener
from smbquic.client.leases import OpenLease
from smbquic.client.names import to_wire
from smbquic.client.reconnect import ShareTree
from smbquic.client.repeatable import are_repeatable
from smbquic.client.tree_connect import TreeConnect, check
from smbquic.errors import (
    ConnectionClosed,
    NotFoundError,
    OpenLostError,
    SourceChangedError,
    StatusError,
)
from smbquic.protocol.response import Response
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID, QueryOnDiskIdResponse
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message

MakeFile = Callable[[TreeConnect, str, CreateResponse, Reopener], File]

log = logging.getLogger(__name__)

_QUERY_ON_DISK_ID = CreateContext(CREATE_QUERY_ON_DISK_ID)
"""Has the server say which file it has opened, whatever its name. [MS-SMB2] 2.2.13.2.9"""


async def open_file(
    share_tree: ShareTree,
    path: str,
    make_opening: Callable[[], CreateRequest],
    *others: Message,
    repeatable: bool | None = None,
    make: MakeFile = File,
    lease: OpenLease | None = None,
    durable: bool = True,
) -> tuple[File, list[Response]]:
    """Open a file and send `others` in the same message; the file, and their responses.

    `make_opening` makes a CREATE for each attempt. When the connection is lost after it was sent,
    it is sent again if that is `repeatable`, by default if the requests themselves are
    (`are_repeatable`). `path` is what errors call the file, and `make` makes it. `lease` is one to
    ask for; without `durable`, no durable handle is asked for.
    """
    if repeatable is None:
        repeatable = are_repeatable([make_opening(), *others])

    async def send(tree: TreeConnect) -> tuple[File, list[Response]]:
        opening = make_opening()
        opening = replace(opening, contexts=[*opening.contexts, _QUERY_ON_DISK_ID])
        reopening = Reopening(share_tree, path, opening, lease, durable=durable)
        try:
            opened, *responses = await tree.compound([reopening.request(tree, opening), *others])
            check(opened, path)
        except BaseException:
            reopening.closed(tree)
            raise
        reopening.opened(opened.body)
        return make(tree, path, opened.body, reopening), responses

    return await share_tree.repeat(send, repeatable=repeatable)


class Reopening:
    """Opens the file again that `opening` has opened."""

    def __init__(
        self,
        share_tree: ShareTree,
        path: str,
        opening: CreateRequest,
        lease: OpenLease | None = None,
        *,
        durable: bool = True,
    ) -> None:
        self._share_tree = share_tree
        self._path = path
        # What the first request made or truncated is only to be opened from now on.
        self._opening = replace(opening, create_disposition=CreateDisposition.FILE_OPEN)
        self._lease = lease
        writes = opening.desired_access & AccessMask.FILE_WRITE_DATA
        self._asks_for_durable = durable and bool(writes)
        self._identity: tuple[object, ...] = ()
        self._durable: DurableHandleKeys | None = None
        """The handle that the server was asked for; `_is_granted` is its answer."""
        self._is_granted = False

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        """Return a CREATE that asks for the lease, and for a durable handle: for who writes.

        Who only reads loses nothing when the file is opened again. A lease makes others wait until
        it is given back, so it is not asked for without need.
        """
        self._durable = None
        if self._asks_for_durable and has_durable_handles(tree):
            self._durable = DurableHandleKeys(self._lease)
            return self._durable.request(tree, opening)
        return opening if self._lease is None else self._lease.request(tree, opening)

    def opened(self, response: CreateResponse) -> None:
        """Note what the server has opened, and what it has granted."""
        self._identity = identity(response)
        self._is_granted = self._durable is not None and self._durable.is_granted(response)
        self._note_lease(response)

    def _note_lease(self, response: CreateResponse) -> None:
        if self._lease is not None:
            self._lease.opened(response)

    def renamed(self, path: str) -> None:
        """See `Reopener`."""
        self._path = path
        self._opening = replace(self._opening, name=to_wire(path))

    def closed(self, tree: TreeConnect) -> None:
        """See `Reopener`."""
        if self._durable is not None:
            self._durable.lease.closed(tree)

    async def open(self, lost: TreeConnect, file_id: FileId, cause: ConnectionClosed) -> Reopened:
        """Open it on a newer connection than that of `lost`, where it had the id `file_id`.

        Raises `SourceChangedError` if another file has the name by now, `OpenLostError` if none
        has, and what `ShareTree.renew` raises.
        """
        await self._share_tree.renew(lost, cause)

        async def once_more(tree: TreeConnect) -> Reopened:
            reopened = await self._take_over(tree, file_id)
            return reopened or await self._open_by_name(tree)

        try:
            return await self._share_tree.repeat(once_more, repeatable=True)
        except NotFoundError as error:
            raise OpenLostError(
                f"{cause}, and {self._path} is no longer there to be opened again"
            ) from error

    async def _take_over(self, tree: TreeConnect, file_id: FileId) -> Reopened | None:
        """Take over the open that the server has kept; None if it has not. [MS-SMB2] 3.2.4.4"""
        if self._durable is None or not self._is_granted:
            return None
        try:
            response = await tree.request(
                self._durable.reconnect(tree, self._opening, file_id), self._path
            )
        except StatusError as error:
            # It was restarted, somebody else needed the file, or the client came too late.
            log.debug("the server has not kept the open: %s", error)
            return None
        self._note_lease(response.body)
        return Reopened(tree, response.body.file_id, kept=True)

    async def _open_by_name(self, tree: TreeConnect) -> Reopened:
        try:
            response = await tree.request(self.request(tree, self._opening), self._path)
        except BaseException:
            self.closed(tree)
            raise
        opened: CreateResponse = response.body
        if identity(opened) != self._identity:
            self.closed(tree)
            await tree.request(requests.close(opened.file_id), self._path)
            raise SourceChangedError(
                f"{self._path}: the connection was lost, and meanwhile another file got this name"
            )
        self.opened(opened)
        return Reopened(tree, opened.file_id, kept=False)


def identity(opened: CreateResponse) -> tuple[object, ...]:
    """Return what tells one file from another that has its name later."""
    data = find(opened.contexts, CREATE_QUERY_ON_DISK_ID)
    if data is None:
        return (opened.creation_time,)
    on_disk = QueryOnDiskIdResponse.decode(data)
    # Disks give the number of a deleted file to the next one: the time tells these two apart. The
    # nodes of a cluster may each have their own number for the volume (smbd: that of the device).
    return on_disk.disk_file_id, opened.creation_time
