"""SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST. [MS-SMB2] 2.2.13.2.5, 3.3.5.9.4"""

from collections.abc import Iterable

from smbquic.ntstatus import NtStatus
from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.open import Open
from smbquic.storage import FileStat
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_QUERY_MAXIMAL_ACCESS,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
)
from smbquic.wire.dtyp.filetime import from_unix_ns


class MaximalAccess(CreateContextHandler):
    """The handler that returns the access that could be granted, unless the client knows it."""

    names = frozenset({CREATE_QUERY_MAXIMAL_ACCESS})

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """See `CreateContextHandler`."""
        data = create.contexts[CREATE_QUERY_MAXIMAL_ACCESS]
        known = QueryMaximalAccessRequest.decode(data).timestamp
        if known is not None and known == from_unix_ns(stat.change_time):
            access = QueryMaximalAccessResponse(NtStatus.NONE_MAPPED, 0)
        else:
            access = QueryMaximalAccessResponse(NtStatus.SUCCESS, entry.access.maximal)
        return (access.context(),)
