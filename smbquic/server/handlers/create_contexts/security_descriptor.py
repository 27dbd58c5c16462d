"""SMB2_CREATE_SD_BUFFER: the security descriptor of a new file. [MS-SMB2] 2.2.13.2.2, 3.3.5.9.2"""

from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.security import security_descriptors
from smbquic.wire.create_contexts import CREATE_SD_BUFFER


class SecurityDescriptorContext(CreateContextHandler):
    """The handler that stores a security descriptor with a new file."""

    names = frozenset({CREATE_SD_BUFFER})

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        descriptor = create.contexts[CREATE_SD_BUFFER]
        if descriptor:
            create.parameters.descriptor = security_descriptors.parse(descriptor, "CREATE")
