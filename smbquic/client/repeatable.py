"""Which requests may be sent again when the connection was lost before their responses came.

The server may have carried out the first of them. SMB's own replay detection ([MS-SMB2] 3.3.5.9.10)
only finds a CREATE that comes a second time in the same session, on another of its connections.
"""

from collections.abc import Iterable, Sequence

from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, CreateRequest
from smbquic.wire.echo import EchoRequest
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.message import Message
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest

_READING = (
    CloseRequest,
    EchoRequest,
    FlushRequest,
    QueryDirectoryRequest,
    QueryInfoRequest,
    ReadRequest,
)
_DISPOSITIONS = frozenset(
    {
        CreateDisposition.FILE_OPEN,
        CreateDisposition.FILE_OPEN_IF,
        CreateDisposition.FILE_OVERWRITE,
        CreateDisposition.FILE_OVERWRITE_IF,
    }
)
"""Not FILE_CREATE, which fails the second time, nor FILE_SUPERSEDE, which makes another file."""
_SETTINGS = frozenset(
    {
        FileInformationClass.FileAllocationInformation,
        FileInformationClass.FileBasicInformation,
        FileInformationClass.FileEndOfFileInformation,
    }
)
"""Settings of a file; a second rename or deletion could hit another file of the name."""
_CONTROLS = frozenset(
    {Fsctl.GET_REPARSE_POINT, Fsctl.SRV_ENUMERATE_SNAPSHOTS, Fsctl.SRV_REQUEST_RESUME_KEY}
)
"""Requests that only ask for something."""


def only_reads(body: Message) -> bool:
    """Return whether a request that is no CREATE leaves everything on the server as it is."""
    if isinstance(body, IoctlRequest):
        return body.ctl_code in _CONTROLS
    return isinstance(body, _READING)


def are_repeatable(bodies: Iterable[Message]) -> bool:
    """Return whether the requests have the same effect when they are carried out twice."""
    return all(_is_repeatable(body) for body in bodies)


def are_replayable(bodies: Sequence[Message]) -> bool:
    """Return whether they may be sent again as a replay, on another connection of the session.

    There the file is still open, unlike on a new connection: a listing would leave out what was in
    the lost response, and what comes before a CLOSE would fail if that was carried out. But the
    server knows a CREATE for a durable handle by its GUID, unless it is followed by what has used
    the open already, and a lease cannot be given back twice.
    """
    first = bodies[0]
    if len(bodies) == 1:
        # Imported here: most clients never lose one of several connections.
        from smbquic.wire.create_contexts import CREATE_DURABLE_HANDLE_REQUEST_V2
        from smbquic.wire.oplock_break import LeaseBreakAcknowledgment

        if isinstance(first, LeaseBreakAcknowledgment):
            return True
        if isinstance(first, CreateRequest):
            tags = [context.name for context in first.contexts]
            return CREATE_DURABLE_HANDLE_REQUEST_V2 in tags or _is_repeatable(first)
        return _is_repeatable(first) and not isinstance(first, QueryDirectoryRequest)
    once = (QueryDirectoryRequest, CloseRequest)
    return are_repeatable(bodies) and (
        isinstance(first, CreateRequest) or not any(isinstance(body, once) for body in bodies)
    )


def _is_repeatable(body: Message) -> bool:
    if isinstance(body, CreateRequest):
        deletes = body.create_options & CreateOptions.FILE_DELETE_ON_CLOSE
        return body.create_disposition in _DISPOSITIONS and not deletes
    if isinstance(body, SetInfoRequest):
        return body.info_type == InfoType.FILE and body.file_info_class in _SETTINGS
    # A WRITE has the same bytes for the same place.
    return isinstance(body, WriteRequest) or only_reads(body)
