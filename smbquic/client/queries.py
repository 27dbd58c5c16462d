"""Questions about a file, whose answers have no size that is known before."""

from collections.abc import Container

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.names import check_listed, to_wire
from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.cursor import Buffer
from smbquic.wire.fscc.file_information import FileInformationClass, NameInformation
from smbquic.wire.query_info import InfoType

SIZES = (1 << 16, 1 << 20)
"""Bytes that an answer may have: first, and if it has more."""
_NOTHING: frozenset[NtStatus] = frozenset()
_TOO_SMALL = frozenset({NtStatus.BUFFER_OVERFLOW, NtStatus.BUFFER_TOO_SMALL})


async def query_all(
    share: ShareFiles,
    path: str,
    access: int,
    information: FileInformationClass,
    *,
    empty: Container[NtStatus] = _NOTHING,
) -> Buffer:
    """Return the whole answer to QUERY_INFO; b"" for a status of `empty`.

    Raises `StatusError`, and `RemoteProtocolError` for an answer that is larger than 1 MiB.
    """
    for size in SIZES:
        query = requests.query(InfoType.FILE, information, size)
        try:
            _, answer = await share.once(requests.create(to_wire(path), access), query, path=path)
        except StatusError as error:
            if error.status in empty:
                return b""
            if error.status not in _TOO_SMALL:
                raise
        else:
            data: Buffer = answer.body.buffer
            return data
    raise RemoteProtocolError(f"{path}: the server has more than {SIZES[-1]} bytes to tell of it")


async def short_name(share: ShareFiles, path: str) -> str:
    """See `Share.short_name`. [MS-FSCC] 2.4.5"""
    information = FileInformationClass.FileAlternateNameInformation
    answer = await query_all(share, path, requests.STAT, information)
    name = NameInformation.decode(answer).file_name
    return check_listed(name) if name else name
