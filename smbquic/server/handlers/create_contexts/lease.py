"""SMB2_CREATE_REQUEST_LEASE, of both versions. [MS-SMB2] 2.2.13.2.8, 2.2.13.2.10, 3.3.5.9.8"""

from collections.abc import Iterable

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.leases import Lease, LeaseTable, lease_request_of
from smbquic.server.opens.open import Open
from smbquic.storage import FileStat
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import CREATE_REQUEST_LEASE


class LeaseContext(CreateContextHandler):
    """The handler that finds the lease that the open is to join, and returns its state.

    `smbquic.server.handlers.create` grants it, as it grants oplocks: a CREATE asks for either.
    """

    names = frozenset({CREATE_REQUEST_LEASE})

    def __init__(self, leases: LeaseTable) -> None:
        self._leases = leases

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        if create.level != OplockLevel.OPLOCK_LEVEL_LEASE:
            return
        lease = lease_request_of(create.contexts[CREATE_REQUEST_LEASE], create.requester)
        if lease is None:
            return
        create.lease, parameters = lease, create.parameters
        storage = create.share.storage
        parameters.grant = self._leases.find(lease, storage, parameters.full_name)
        parameters.parent_lease_key = lease.parent_key

    def respond(self, create: Create, entry: Open, stat: FileStat) -> Iterable[CreateContext]:
        """See `CreateContextHandler`."""
        return (entry.cache.grant.response(),) if isinstance(entry.cache.grant, Lease) else ()
