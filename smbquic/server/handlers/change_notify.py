"""CHANGE_NOTIFY: tell me what happens in that folder. [MS-SMB2] 3.3.5.19"""

import asyncio

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Answer, Context, Endless
from smbquic.server.open import Open
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse


def handle(context: Context, request: Request) -> Endless:
    """Waits until the folder is closed, or the client has had enough.

    That it is told of no change is allowed: a client that needs to know lists the folder again.
    """
    body: ChangeNotifyRequest = request.body
    entry = context.open(body.file_id)
    if not entry.is_directory or body.output_buffer_length > context.max_size:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CHANGE_NOTIFY")
    entry.require(AccessMask.FILE_LIST_DIRECTORY)
    return Endless(_until_closed(entry))


async def _until_closed(entry: Open) -> Answer:
    closed = asyncio.Event()
    entry.on_close.append(closed.set)
    try:
        if entry in entry.state.opens:
            await closed.wait()
    finally:
        entry.on_close.remove(closed.set)
    return Answer(NtStatus.NOTIFY_CLEANUP, ChangeNotifyResponse())
