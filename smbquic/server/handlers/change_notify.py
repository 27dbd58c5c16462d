"""CHANGE_NOTIFY: a client wants to know what changes in a folder. [MS-SMB2] 3.3.5.19"""

import asyncio

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import WATCH
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.notify.notifier import Notifier
from smbquic.server.notify.watch import Watch
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Pending, PendingKind, Reply
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest


def handle(context: Context, request: Request, *, notifier: Notifier) -> Reply | Pending:
    """Return what has changed since the last request of this open, or wait for a change.

    The first request of an open decides which changes count for all that follow.
    """
    body: ChangeNotifyRequest = request.body
    entry = context.open(body.file_id)
    if not entry.is_directory or body.output_buffer_length > context.max_size:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CHANGE_NOTIFY")
    entry.require(AccessMask.FILE_LIST_DIRECTORY)
    if entry.file_state.delete_pending:
        raise StatusError(NtStatus.DELETE_PENDING, "CHANGE_NOTIFY")
    watch = entry.tracking.watch
    if watch is None:
        watch = _begin(context, entry, body, notifier)
    size = body.output_buffer_length
    return watch.take(size) or Pending(_wait_for_change(entry, size), PendingKind.EVENT)


def _begin(context: Context, entry: Open, body: ChangeNotifyRequest, notifier: Notifier) -> Watch:
    connection, most = context.connection, context.limits.watches
    if connection.watches >= most or not entry.memory.has_room(WATCH):
        raise StatusError(NtStatus.INSUFFICIENT_RESOURCES, "CHANGE_NOTIFY")
    watch = entry.tracking.watch = notifier.watch(
        entry,
        body.completion_filter,
        body.output_buffer_length,
        recursive=bool(body.flags & ChangeNotifyFlags.WATCH_TREE),
    )
    connection.watches += 1
    entry.memory.change(WATCH)

    def end() -> None:
        connection.watches -= 1
        entry.memory.change(-WATCH)
        entry.tracking.watch = None
        notifier.unwatch(entry, watch)
        watch.close()

    entry.tracking.on_close.append(end)
    return watch


async def _wait_for_change(entry: Open, size: int) -> Reply:
    # The watch is asked only here, as a request that is cancelled before its first step must not
    # be registered there. So anything may have happened since the handler returned.
    watch = entry.tracking.watch
    if watch is None:
        raise StatusError(NtStatus.NOTIFY_CLEANUP, "CHANGE_NOTIFY")
    if entry.file_state.delete_pending:
        raise StatusError(NtStatus.DELETE_PENDING, "CHANGE_NOTIFY")
    answer = watch.wait(size)
    try:
        return await answer
    except asyncio.CancelledError:
        if answer.cancelled():
            raise
        # The changes were taken out of the watch just before the CANCEL: no other request of the
        # client would get them.
        return answer.result()
