"""Hard and symbolic links on a share. [MS-FSCC] 2.1.2.4, 2.3.25, 2.3.81, 2.4.28.2"""

import re
from contextlib import suppress

from smbquic.client import requests
from smbquic.client.files import ShareFiles
from smbquic.client.names import to_wire
from smbquic.errors import SmbError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.fscc.reparse import (
    IO_REPARSE_TAG_SYMLINK,
    SYMLINK_FLAG_RELATIVE,
    SymbolicLinkReparseData,
    reparse_tag,
)

_LONGEST = 16 << 10
"""Bytes of a reparse point. [MS-FSCC] 2.1.2.1"""
_NT_PREFIX = "\\??\\"
_FULL_NAME = re.compile(r"[A-Za-z]:\\|\\\\")
_WRITE = AccessMask.FILE_WRITE_ATTRIBUTES | requests.DELETE


async def readlink(share: ShareFiles, path: str) -> str:
    """See `Share.readlink`."""
    opening = requests.create(
        to_wire(path), requests.STAT, options=CreateOptions.FILE_OPEN_REPARSE_POINT
    )
    reading = requests.ioctl(Fsctl.GET_REPARSE_POINT, FileId.RELATED, b"", _LONGEST)
    _, answer = await share.once(opening, reading, path=path)
    data = answer.body.output
    if reparse_tag(data) != IO_REPARSE_TAG_SYMLINK:
        raise StatusError.of(NtStatus.IO_REPARSE_TAG_NOT_HANDLED, "IOCTL", path)
    link = SymbolicLinkReparseData.decode(data)
    target = link.substitute_name
    if not link.flags & SYMLINK_FLAG_RELATIVE:
        target = link.print_name or target.removeprefix(_NT_PREFIX)
    return target.replace("\\", "/")


async def symlink(share: ShareFiles, target: str, path: str, *, folder: bool) -> None:
    """See `Share.symlink`."""
    kind = CreateOptions.FILE_DIRECTORY_FILE if folder else CreateOptions.FILE_NON_DIRECTORY_FILE
    making = requests.create(
        to_wire(path),
        _WRITE,
        disposition=CreateDisposition.FILE_CREATE,
        options=kind | CreateOptions.FILE_OPEN_REPARSE_POINT,
        attributes=FileAttributes.DIRECTORY if folder else 0,
    )
    data = _link_to(target.replace("/", "\\")).encode()
    setting = requests.ioctl(Fsctl.SET_REPARSE_POINT, FileId.RELATED, data, 0)
    try:
        await share.once(making, setting, path=path)
    except StatusError as error:
        if error.command == "IOCTL":
            # What was made is an empty file or folder, and no link.
            with suppress(SmbError):
                await (share.rmdir(path) if folder else share.remove(path))
        raise


async def link(share: ShareFiles, path: str, new_path: str) -> None:
    """See `Share.link`."""
    opening = requests.create(to_wire(path), AccessMask.FILE_WRITE_ATTRIBUTES | requests.STAT)
    await share.once(opening, requests.link(to_wire(new_path)), path=path)


def _link_to(target: str) -> SymbolicLinkReparseData:
    if not target or "\0" in target:
        raise ValueError(f"a link cannot lead to {target!r}")
    if not _FULL_NAME.match(target):
        return SymbolicLinkReparseData(target, target, SYMLINK_FLAG_RELATIVE)
    name = f"UNC{target[1:]}" if target.startswith("\\\\") else target
    return SymbolicLinkReparseData(f"{_NT_PREFIX}{name}", target, 0)
