"""SMB2_CREATE_EA_BUFFER: extended attributes of a new file. [MS-SMB2] 2.2.13.2.1, 3.3.5.9.1"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.handlers.create_contexts.pipeline import Create, CreateContextHandler
from smbquic.server.opens.extended_attributes import decode_eas
from smbquic.storage import Capability
from smbquic.wire.create import CreateOptions
from smbquic.wire.create_contexts import CREATE_EA_BUFFER


class ExtendedAttributes(CreateContextHandler):
    """The handler that stores extended attributes with a new or overwritten file."""

    names = frozenset({CREATE_EA_BUFFER})

    def prepare(self, create: Create) -> None:
        """See `CreateContextHandler`."""
        buffer, parameters = create.contexts[CREATE_EA_BUFFER], create.parameters
        if not buffer:
            return
        if parameters.options & CreateOptions.FILE_NO_EA_KNOWLEDGE:
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        if Capability.EXTENDED_ATTRIBUTES not in create.share.storage.capabilities:
            raise StatusError(NtStatus.EAS_NOT_SUPPORTED, "CREATE", parameters.name)
        parameters.extended_attributes = decode_eas(buffer, "CREATE")
