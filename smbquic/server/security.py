"""Security descriptors made from what POSIX knows of a file, so that clients can read them.

Users of this server are not users of its machine: all of them reach the disk as the one user that
the program runs as, as far as their share lets them. So a descriptor describes, and is not what
access is decided by; that is why setting another one is refused instead of being ignored.
"""

from smbquic.errors import StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.server import access
from smbquic.storage.base import FileStat
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.acl import Ace, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import (
    SecurityDescriptor,
    SecurityDescriptorControl,
    SecurityInformation,
)
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM, Sid

_OWNER = int(SecurityInformation.OWNER)
_GROUP = int(SecurityInformation.GROUP)
_DACL = int(SecurityInformation.DACL)
_UNKNOWN_PARTS = int(
    SecurityInformation.SACL
    | SecurityInformation.LABEL
    | SecurityInformation.ATTRIBUTE
    | SecurityInformation.SCOPE
    | SecurityInformation.BACKUP
)

# The authority that Samba uses for POSIX ids, which its tools and ours can tell: S-1-22-1-1000.
_UNIX = 22
_UNIX_USER = 1
_UNIX_GROUP = 2

_RIGHTS = (
    (0o4, int(access.READ)),
    (0o2, int(access.WRITE)),
    (0o1, int(access.EXECUTE)),
)
_OWNER_RIGHTS = int(AccessMask.READ_CONTROL | AccessMask.WRITE_DAC | AccessMask.WRITE_OWNER)
_LEAST_RIGHTS = int(
    AccessMask.READ_CONTROL | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
_ALL = int(access.ALL)


def describe(stat: FileStat) -> SecurityDescriptor:
    """The owner, the group and a DACL for a file."""
    owner = LOCAL_SYSTEM if stat.owner is None else Sid(_UNIX, (_UNIX_USER, stat.owner))
    group = BUILTIN_ADMINISTRATORS if stat.group is None else Sid(_UNIX, (_UNIX_GROUP, stat.group))
    aces = [
        _allow(owner, _rights(stat.mode >> 6) | _OWNER_RIGHTS),
        _allow(group, _rights(stat.mode >> 3)),
        _allow(EVERYONE, _rights(stat.mode)),
    ]
    return SecurityDescriptor(
        owner, group, Acl(list(aces)), control=int(SecurityDescriptorControl.PD)
    )


def select(descriptor: SecurityDescriptor, information: int) -> SecurityDescriptor:
    """Only those parts of a descriptor that are asked for; `SecurityInformation` bits."""
    has_dacl = bool(information & _DACL)
    return SecurityDescriptor(
        descriptor.owner if information & _OWNER else None,
        descriptor.group if information & _GROUP else None,
        descriptor.dacl if has_dacl else None,
        control=descriptor.control if has_dacl else 0,
    )


def change(stat: FileStat, information: int, wanted: Buffer) -> None:
    """Take a new descriptor, of which `information` tells the parts that count.

    Nothing can be changed here. What would change nothing succeeds, so that programs go on that
    put back what they read. Raises StatusError INVALID_PARAMETER, NOT_SUPPORTED.
    """
    try:
        new = SecurityDescriptor.decode(wanted)
    except WireError as error:
        raise StatusError(NtStatus.INVALID_PARAMETER, "SET_INFO") from error
    old = describe(stat)
    same = (
        (not information & _OWNER or new.owner == old.owner)
        and (not information & _GROUP or new.group == old.group)
        and (not information & _DACL or _same_entries(new.dacl, old.dacl))
    )
    if not same or information & _UNKNOWN_PARTS:
        raise StatusError(NtStatus.NOT_SUPPORTED, "SET_INFO")


def _rights(permissions: int) -> int:
    """The access mask for three permission bits."""
    if permissions & 0o7 == 0o7:
        return _ALL & ~_OWNER_RIGHTS | _LEAST_RIGHTS
    mask = _LEAST_RIGHTS
    for bit, rights in _RIGHTS:
        if permissions & bit:
            mask |= rights
    return mask


def _allow(sid: Sid, mask: int) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, 0, mask, sid)


def _same_entries(one: Acl | None, other: Acl | None) -> bool:
    return one is not None and other is not None and one.aces == other.aces
