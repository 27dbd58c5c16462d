"""CREATE: a file or folder is opened, made, or both. [MS-SMB2] 3.3.5.9"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.open import Open
from smbquic.server.opening import open_file, wish_of
from smbquic.storage.base import Action
from smbquic.wire.create import CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.create_contexts import CreateContext
from smbquic.wire.dtyp.filetime import from_unix_ns


def handle(context: Context, request: Request) -> CreateResponse:
    """Opens what the request names; a named pipe does not exist yet."""
    body: CreateRequest = request.body
    # Whatever comes of it, this is the file that related requests are about.
    context.file_id = None
    if context.tree.share is None:
        raise _no_pipe(context)
    wish = wish_of(body)
    contexts = {bytes(entry.name): entry.data for entry in body.contexts}
    entry, action = open_file(context, wish)
