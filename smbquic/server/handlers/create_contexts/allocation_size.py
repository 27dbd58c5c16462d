"""SMB2_CREATE_ALLOCATION_SIZE: room for a new file. [MS-SMB2] 2.2.13.2.6, 3.3.5.9.5"""

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.open import Open
from smbquic.wire.create_contexts import CREATE_ALLOCATION_SIZE, AllocationSize


class AllocationSizeContext(CreateContextHandler):
    """The handler that reserves as many bytes as the client wants for a new or overwritten file."""

    names = frozenset({CREATE_ALLOCATION_SIZE})

    def created(self, create: Create, entry: Open) -> None:
        """See `CreateContextHandler`."""
        if entry.is_directory:
            return
        size = AllocationSize.decode(create.contexts[CREATE_ALLOCATION_SIZE]).allocation_size
        unit = max(entry.storage.volume().block_size, 1)
        entry.file.allocate(size)
        entry.file_state.reserved = -(-size // unit) * unit
