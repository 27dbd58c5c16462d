"""The create contexts that this server knows. A new one is a module here, and a line below.

They are prepared, completed and answered in this order: a replayed CREATE is compared with the
lease that it asks for, and what an application has open elsewhere is closed last, so that a CREATE
that another context refuses closes nothing.
"""

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
from smbquic.server.opens.file_table import FileTable


def create_context_handlers(files: FileTable) -> tuple[CreateContextHandler, ...]:
    """Return a handler of each create context, with what it needs of the file table."""
    return (
        MaximalAccess(),
        OnDiskId(),
        Aapl(),
        AllocationSizeContext(),
        LeaseContext(files.leases),
        DurableHandle(files.durables, files.next_file_id),
        CreateReplay(files.create_replays),
        Timewarp(),
        ExtendedAttributes(),
        SecurityDescriptorContext(),
        AppInstanceContext(files.app_instances, files.descriptors),
    )
