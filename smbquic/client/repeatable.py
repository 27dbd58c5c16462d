"""Which requests may be sent again when the connection was lost before their responses came.

The server may have carried out the first of them. SMB's own replay detection ([MS-SMB2] 3.3.5.9.10)
is of no help here: it finds a request that comes a second time in the same session, on another of
its channels.
"""

from collections.abc import Iterable

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

_ALWAYS = (
    CloseRequest,
    EchoRequest,
    FlushRequest,
    QueryDirectoryRequest,
    QueryInfoRequest,
    ReadRequest,
    WriteRequest,  # the same bytes at the same place
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


def are_repeatable(bodies: Iterable[Message]) -> bool:
    """Return whether the requests have the same effect when they are carried out twice."""
    return all(_is_repeatable(body) for body in bodies)


def _is_repeatable(body: Message) -> bool:
    if isinstance(body, CreateRequest):
        deletes = body.create_options & CreateOptions.FILE_DELETE_ON_CLOSE
        return body.create_disposition in _DISPOSITIONS and not deletes
    if isinstance(body, SetInfoRequest):
        return body.info_type == InfoType.FILE and body.file_info_class in _SETTINGS
    if isinstance(body, IoctlRequest):
        return body.ctl_code in _CONTROLS
    return isinstance(body, _ALWAYS)
