"""The create contexts that this server knows. A new one is a module here, and a line below.

They are prepared, completed and answered in this order: a lease is known before a CREATE is looked
for that may be repeated, and what others have open is closed last.
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

HANDLERS: tuple[CreateContextHandler, ...] = (
    MaximalAccess(),
    OnDiskId(),
    Aapl(),
    AllocationSizeContext(),
    LeaseContext(),
    DurableHandle(),
    CreateReplay(),
    Timewarp(),
    ExtendedAttributes(),
    SecurityDescriptorContext(),
    AppInstanceContext(),
)
