"""SMB2_CREATE_QUERY_ON_DISK_ID. [MS-SMB2] 2.2.13.2.9, 3.3.5.9.9"""

from collections.abc import Iterable

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.open import Open
from smbquic.storage import FileStat
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import CREATE_QUERY_ON_DISK_ID, QueryOnDiskIdResponse


class OnDiskId(CreateContextHandler):
    """The handler that returns the numbers of the file and of its volume."""

    names = frozenset({CREATE_QUERY_ON_DISK_ID})

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """See `CreateContextHandler`."""
        serial = entry.storage.volume().serial
        return (QueryOnDiskIdResponse(stat.file_id, serial).context(),)
