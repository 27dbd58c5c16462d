"""Opening a file once more after its connection was lost, and making sure that it is the same."""

from dataclasses import replace

from smbquic.client.reconnect import ShareTree
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, NotFoundError, SourceChangedError
from smbquic.wire.create import CreateDisposition, CreateRequest, CreateResponse
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID, QueryOnDiskIdResponse

QUERY_ON_DISK_ID = CreateContext(CREATE_QUERY_ON_DISK_ID)
"""Has the server say which file it has opened, whatever its name. [MS-SMB2] 2.2.13.2.9"""


class Reopening:
    """Opens the file that `opening` has opened, with the response `opened`, by its name.

    `path` is what errors call it.
    """

    def __init__(
        self, share_tree: ShareTree, path: str, opening: CreateRequest, opened: CreateResponse
    ) -> None:
        self._share_tree = share_tree
        self._path = path
        # What the first request made or truncated is only to be opened from now on.
        self._opening = replace(opening, create_disposition=CreateDisposition.FILE_OPEN)
        self._identity = _identity(opened)

    async def open(
        self, lost: TreeConnect, cause: ConnectionClosed
    ) -> tuple[TreeConnect, CreateResponse]:
        """Open it on a newer connection than that of `lost`.

        Raises `SourceChangedError` if another file has the name by now, `ConnectionClosed` if none
        has, and what `ShareTree.renew` raises.
        """
        await self._share_tree.renew(lost, cause)

        async def once_more(tree: TreeConnect) -> tuple[TreeConnect, CreateResponse]:
            response = await tree.request(self._opening, self._path)
            return tree, response.body

        try:
            tree, opened = await self._share_tree.repeat(once_more, repeatable=True)
        except NotFoundError as error:
            raise ConnectionClosed(
                f"{cause}, and {self._path} is no longer there to be opened again"
            ) from error
        if _identity(opened) != self._identity:
            raise SourceChangedError(
                f"{self._path}: the connection was lost, and meanwhile another file got this name"
            )
        return tree, opened


def _identity(opened: CreateResponse) -> tuple[object, ...]:
    """Return what tells one file from another that has its name later."""
    data = find(opened.contexts, CREATE_QUERY_ON_DISK_ID)
    if data is None:
        return (opened.creation_time,)
    on_disk = QueryOnDiskIdResponse.decode(data)
    # Disks give the number of a deleted file to the next one: the time tells these two apart.
    return on_disk.volume_id, on_disk.disk_file_id, opened.creation_time
