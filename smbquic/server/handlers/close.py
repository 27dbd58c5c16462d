"""CLOSE. [MS-SMB2] 3.3.5.10"""

from smbquic.protocol.request import Request
from smbquic.server.batches import BATCH, Steps, in_batches
from smbquic.server.context import Context
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_state import OpenState
from smbquic.server.outcome import Pending, Reply
from smbquic.wire.close import CloseFlags, CloseRequest, CloseResponse
from smbquic.wire.dtyp.filetime import from_unix_ns

_NOTHING = CloseResponse()
_POSTQUERY = int(CloseFlags.POSTQUERY_ATTRIB)


def handle(context: Context, request: Request) -> Reply | Pending:
    """Close the open, and return the attributes of the file if the client asks for them.

    What fails at the end is answered with its status, as by Samba; the open is closed all the same.
    """
    body: CloseRequest = request.body
    entry = context.open(body.file_id)
    response = _NOTHING
    if body.flags & _POSTQUERY:
        stat = entry.file.stat()
        response = CloseResponse(
            flags=CloseFlags.POSTQUERY_ATTRIB,
            creation_time=from_unix_ns(stat.creation_time),
            last_access_time=from_unix_ns(stat.last_access_time),
            last_write_time=from_unix_ns(stat.last_write_time),
            change_time=from_unix_ns(stat.change_time),
            allocation_size=stat.allocation_size,
            end_of_file=stat.size,
            file_attributes=stat.attributes,
        )
    return in_batches(_closing(entry), Reply(response))


def _closing(entry: Open) -> Steps:
    # Thousands of locks take milliseconds to release; the close itself then has few left.
    locks = entry.file_state.locks
    while locks.count_of(entry) > BATCH:
        locks.remove_some(entry, BATCH)
        yield
        if entry.state is OpenState.CLOSED:
            # It was closed meanwhile, with its session.
            return
    failed = entry.close()
    if failed is not None:
        raise failed
