"""The extended attributes of files and folders. [MS-FSCC] 2.4.16"""

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.names import to_wire
from smbquic.client.queries import query_all
from smbquic.errors import NotFoundError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.fscc.extended_attributes import (
    FullEaInformation,
    decode_full_eas,
    encode_full_eas,
)
from smbquic.wire.fscc.file_information import FileInformationClass

_CLASS = FileInformationClass.FileFullEaInformation
_LONGEST_NAME = 254
_MOST_BYTES = 65_535
_NONE = frozenset({NtStatus.NO_EAS_ON_FILE, NtStatus.NONEXISTENT_EA_ENTRY})


async def read(share: ShareFiles, path: str) -> list[FullEaInformation]:
    """Return all attributes of a file or folder. Raises `StatusError`."""
    access = AccessMask.FILE_READ_EA | requests.STAT
    return decode_full_eas(await query_all(share, path, access, _CLASS, empty=_NONE))


async def names(share: ShareFiles, path: str) -> list[str]:
    """See `Share.listxattr`."""
    return [_decoded(attribute.ea_name) for attribute in await read(share, path)]


async def value(share: ShareFiles, path: str, name: str) -> bytes:
    """See `Share.getxattr`."""
    wanted = _encoded(name).upper()
    for attribute in await read(share, path):
        if attribute.ea_name.upper() == wanted:
            return attribute.ea_value
    raise NotFoundError(NtStatus.NONEXISTENT_EA_ENTRY, "QUERY_INFO", f"{path}: {name}")


async def write(share: ShareFiles, path: str, name: str, content: bytes) -> None:
    """See `Share.setxattr` and `Share.removexattr`."""
    if len(content) > _MOST_BYTES:
        raise ValueError(f"an extended attribute has {_MOST_BYTES} bytes at most")
    data = encode_full_eas([FullEaInformation(_encoded(name), content)])
    await share.once(
        requests.create(to_wire(path), AccessMask.FILE_WRITE_EA | requests.STAT),
        requests.change(_CLASS, data),
        path=path,
    )


def _encoded(name: str) -> bytes:
    """Return a name as it is sent. Raises ValueError for one that no attribute can have."""
    encoded = name.encode("utf-8", "surrogateescape")
    if not 0 < len(encoded) <= _LONGEST_NAME or b"\0" in encoded:
        raise ValueError(f"no extended attribute can have the name {name!r}")
    return encoded


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
