"""SMB2_CREATE_TIMEWARP_TOKEN: a previous version of a file. [MS-SMB2] 2.2.13.2.7, 3.3.5.9.3"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.wire.create_contexts import CREATE_TIMEWARP_TOKEN


class Timewarp(CreateContextHandler):
    """The handler that refuses to open a snapshot, as there are none."""

    names = frozenset({CREATE_TIMEWARP_TOKEN})

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", create.request.body.name)
