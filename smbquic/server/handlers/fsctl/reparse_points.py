"""Symbolic links, on shares that show them: the client follows a link, not the server.

[MS-SMB2] 2.2.2.2.1, [MS-FSCC] 2.3.41, 2.3.81
"""

import re

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reply import ioctl_reply
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Reply
from smbquic.storage import Capability, FileStat, StoppedOnSymlink
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cursor import utf16
from smbquic.wire.error import SymbolicLinkErrorResponse, SymlinkFlags
from smbquic.wire.fscc.reparse import (
    IO_REPARSE_TAG_SYMLINK,
    SYMLINK_FLAG_RELATIVE,
    SymbolicLinkReparseData,
    reparse_tag,
)
from smbquic.wire.ioctl import IoctlRequest

_FULL_NAME = re.compile(r"\\\?\?\\UNC\\[^\\]+\\([^\\]+)(?:\\(.*))?")
_WRITING = int(AccessMask.FILE_WRITE_DATA | AccessMask.FILE_WRITE_ATTRIBUTES)


def stopped(met: StoppedOnSymlink) -> StatusError:
    """Return the error for a CREATE whose name has a link in it. [MS-SMB2] 2.2.2.2.1"""
    rest, target = len(utf16(met.rest)), met.target
    data = SymbolicLinkErrorResponse(rest, target, target, SymlinkFlags.RELATIVE).encode()
    return StatusError(NtStatus.STOPPED_ON_SYMLINK, "CREATE", data=data)


def tag_of(stat: FileStat) -> int:
    """Return the reparse tag of a file; 0 if it has none."""
    return 0 if stat.link is None else IO_REPARSE_TAG_SYMLINK


def get_reparse_point(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Return the target of a link."""
    target = entry.file.stat().link
    if target is None:
        raise StatusError(NtStatus.NOT_A_REPARSE_POINT, "IOCTL")
    output = SymbolicLinkReparseData(target, target, SYMLINK_FLAG_RELATIVE).encode()
    if body.max_output_response < len(output):
        raise StatusError(NtStatus.BUFFER_TOO_SMALL, "IOCTL")
    return ioctl_reply(body, entry.file_id, output)


def set_reparse_point(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Make a link of an empty file or folder, if its target is in the share."""
    if Capability.SYMBOLIC_LINKS not in entry.storage.capabilities:
        raise StatusError(NtStatus.INVALID_DEVICE_REQUEST, "IOCTL")
    if not entry.access.granted & _WRITING or entry.owner.tree.read_only:
        raise StatusError(NtStatus.ACCESS_DENIED, "IOCTL")
    if reparse_tag(body.input) != IO_REPARSE_TAG_SYMLINK:
        raise StatusError(NtStatus.IO_REPARSE_TAG_NOT_HANDLED, "IOCTL")
    wanted = SymbolicLinkReparseData.decode(body.input)
    target = wanted.substitute_name.replace("/", "\\")
    if not wanted.flags & SYMLINK_FLAG_RELATIVE:
        target = _relative(entry, target)
    if entry.file.stream:
        raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
    entry.file.become_link(target)
    return ioctl_reply(body, entry.file_id)


def _relative(entry: Open, target: str) -> str:
    """Return a full name within this very share as seen from the folder of a file.

    Whatever the server is called, it is this one. ACCESS_DENIED for names elsewhere.
    """
    found = _FULL_NAME.fullmatch(target)
    share = entry.owner.tree.share
    if found is None or share is None or found[1].casefold() != share.name.casefold():
        raise StatusError(NtStatus.ACCESS_DENIED, "IOCTL")
    return "..\\" * entry.file.name.count("\\") + (found[2] or ".")


def delete_reparse_point(context: Context, entry: Open, body: IoctlRequest) -> Reply:
    """Refuse to change a link to a file; it can be deleted."""
    if entry.file.stat().link is None:
        raise StatusError(NtStatus.NOT_A_REPARSE_POINT, "IOCTL")
    raise StatusError(NtStatus.NOT_SUPPORTED, "IOCTL")
