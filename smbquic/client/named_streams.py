"""The named streams of files. [MS-FSCC] 2.4.49, 2.1.5"""

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.names import check_listed
from smbquic.client.queries import query_all
from smbquic.client.stat import StreamEntry
from smbquic.errors import SecurityError
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.fscc.stream_information import StreamInformation, decode_streams

_KIND = ":$DATA"


async def streams(share: ShareFiles, path: str) -> list[StreamEntry]:
    """See `Share.streams`."""
    information = FileInformationClass.FileStreamInformation
    found = decode_streams(await query_all(share, path, requests.STAT, information))
    return [_entry(stream) for stream in found if _is_named(stream.stream_name)]


def _is_named(name: str) -> bool:
    """Return whether it is a stream of data, and not the content of the file itself."""
    return name.upper().endswith(_KIND) and not name.startswith("::")


def _entry(stream: StreamInformation) -> StreamEntry:
    name = stream.stream_name.removeprefix(":")[: -len(_KIND)]
    if ":" in check_listed(name):
        raise SecurityError(f"the server lists the stream {name!r}, which no file can have")
    return StreamEntry(name, stream.stream_size, stream.stream_allocation_size)
