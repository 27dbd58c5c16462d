"""The create contexts that this server knows. A new one is a module here, and a line below.

They are prepared, completed and answered in this order: a replayed CREATE is compared with the
lease that it asks for, and what an application has open elsewhere is closed last, so that a CREATE
that another context refuses closes nothing.
"""

from collections.abc import Callable

from smbquic.server.handlers.create_contexts.aapl import Aapl
from smbquic.server.handlers.create_contexts.allocation_size import AllocationSizeContext
from smbquic.server.handlers.create_contexts.app_instance import AppInstanceContext
from smbquic.server.handlers.create_contexts.create_replay import CreateReplay
from smbquic.server.handlers.create_contexts.durable_handle import DurableHandle
from smbquic.server.handlers.create_contexts.extended_attributes import ExtendedAttributes
from smbquic.server.handlers.create_contexts.lease import LeaseContext
from smbquic.server.handlers.create_contexts.maximal_access import MaximalAccess
from smbquic.server.handlers.create_contexts.on_disk_id import OnDiskId
from smbquic.server.handlers.create_contexts.pipeline import CreateContextHandler
from smbquic.server.handlers.create_contexts.security_descriptor import SecurityDescriptorContext
from smbquic.server.handlers.create_contexts.timewarp import Timewarp
from smbquic.server.opens.app_instances import AppInstanceTable
from smbquic.server.opens.create_replay import CreateReplayTable
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.wire.file_id import FileId


def create_context_handlers(
    *,
    leases: LeaseTable,
    durables: DurableHandleTable,
    create_replays: CreateReplayTable,
    app_instances: AppInstanceTable,
    descriptors: Descriptors,
    next_file_id: Callable[[], FileId],
) -> tuple[CreateContextHandler, ...]:
    """Return a handler of each create context, with the tables of opens that it needs."""
    return (
        MaximalAccess(),
        OnDiskId(),
        Aapl(),
        AllocationSizeContext(),
        LeaseContext(leases),
        DurableHandle(durables, next_file_id),
        CreateReplay(create_replays),
        Timewarp(),
        ExtendedAttributes(),
        SecurityDescriptorContext(),
        AppInstanceContext(app_instances, descriptors),
    )
