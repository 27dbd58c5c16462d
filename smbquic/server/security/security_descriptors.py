"""Security descriptors of files: what is shown, what a client makes of it.

What is stored with a file counts. A file that has nothing stored is shown with a descriptor that is
made from what POSIX knows of it, and nobody is held to that: all users of this server reach the
disk as the one user that the program runs as, as far as their share lets them.
"""

from typing import Final

from smbquic.errors import StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.accounts import PRIMARY_GROUP, Token, sid_of
from smbquic.server.security.inheritance import dacl_of
from smbquic.storage import FileStat
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.acl import Ace, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import (
    SecurityDescriptor,
    SecurityDescriptorControl,
    SecurityInformation,
)
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM, Sid

MAX_ACES: Final = 1_024
"""Entries of a list that a client may set: each costs time whenever the file is opened."""

_OWNER = int(SecurityInformation.OWNER)
_GROUP = int(SecurityInformation.GROUP)
_DACL = int(SecurityInformation.DACL)
_PROTECTED = int(SecurityInformation.PROTECTED_DACL)
_UNPROTECTED = int(SecurityInformation.UNPROTECTED_DACL)
# Parts that live in a SACL.
_SACL_PARTS = int(
    SecurityInformation.SACL
    | SecurityInformation.LABEL
    | SecurityInformation.ATTRIBUTE
    | SecurityInformation.SCOPE
)
_BACKUP = int(SecurityInformation.BACKUP)
_CONTROL_PRESENT = int(SecurityDescriptorControl.DP)
_CONTROL_PROTECTED = int(SecurityDescriptorControl.PD)
# What is kept of the control bits; the rest says something about the parts themselves.
_KEPT_CONTROL = int(
    SecurityDescriptorControl.DP | SecurityDescriptorControl.PD | SecurityDescriptorControl.DI
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
    """The descriptor that is made from what the storage knows of a file."""
    owner, group = owners(stat)
    aces = [
        _allow(owner, _rights(stat.mode >> 6) | _OWNER_RIGHTS),
        _allow(group, _rights(stat.mode >> 3)),
        _allow(EVERYONE, _rights(stat.mode)),
    ]
    return SecurityDescriptor(owner, group, Acl(list(aces)), control=_CONTROL_PROTECTED)


def owners(stat: FileStat) -> tuple[Sid, Sid]:
    """The owner and the group of a file that has no descriptor: the account that made it, if it
    was made here, else POSIX' ones."""
    if stat.account:
        return sid_of(stat.account), PRIMARY_GROUP
    owner = LOCAL_SYSTEM if stat.owner is None else Sid(_UNIX, (_UNIX_USER, stat.owner))
    group = BUILTIN_ADMINISTRATORS if stat.group is None else Sid(_UNIX, (_UNIX_GROUP, stat.group))
    return owner, group


def decode(stored: bytes) -> SecurityDescriptor:
    """A descriptor that a file has stored. Nobody is let in by one that can't be made out."""
    try:
        return SecurityDescriptor.decode(stored)
    except WireError:
        return SecurityDescriptor(dacl=Acl([]), control=_CONTROL_PRESENT)


def select(descriptor: SecurityDescriptor, information: int) -> SecurityDescriptor:
    """Only those parts of a descriptor that are asked for; `SecurityInformation` bits."""
    has_dacl = bool(information & _DACL)
    return SecurityDescriptor(
        descriptor.owner if information & _OWNER else None,
        descriptor.group if information & _GROUP else None,
        descriptor.dacl if has_dacl else None,
        control=descriptor.control & _KEPT_CONTROL if has_dacl else 0,
    )


def change(
    old: SecurityDescriptor, information: int, wanted: Buffer, token: Token
) -> SecurityDescriptor:
    """What becomes of a descriptor by a new one, of which `information` tells the parts that count.

    StatusError INVALID_PARAMETER; INVALID_OWNER for one that the client is not, as nobody may give
    things away; NOT_SUPPORTED for auditing, labels and policies.
    """
    new = parse(wanted, "SET_INFO")
    audits = new.sacl is not None and bool(new.sacl.aces)
    if information & _BACKUP or (information & _SACL_PARTS and audits):
        raise StatusError(NtStatus.NOT_SUPPORTED, "SET_INFO")
    result = SecurityDescriptor(old.owner, old.group, old.dacl, control=old.control & _KEPT_CONTROL)
    if information & _OWNER:
        if new.owner is None or new.owner not in {*token.sids, old.owner}:
            raise StatusError(NtStatus.INVALID_OWNER, "SET_INFO")
        result.owner = new.owner
    if information & _GROUP and new.group is not None:
        result.group = new.group
    if information & _DACL:
        result.dacl, result.control = dacl_of(new)
        if information & _PROTECTED:
            result.control |= _CONTROL_PROTECTED
        elif information & _UNPROTECTED:
            result.control &= ~_CONTROL_PROTECTED
    return result


def same(one: SecurityDescriptor, other: SecurityDescriptor) -> bool:
    """Whether two descriptors let in the same."""
    aces = [None if each.dacl is None else each.dacl.aces for each in (one, other)]
    return (one.owner, one.group, aces[0]) == (other.owner, other.group, aces[1])


def parse(wanted: Buffer, command: str) -> SecurityDescriptor:
    """A descriptor from a client; StatusError INVALID_PARAMETER, INVALID_ACL for a list of more
    than `MAX_ACES`."""
    try:
        if SecurityDescriptor.count_aces(wanted) > MAX_ACES:
            raise StatusError(NtStatus.INVALID_ACL, command)
        return SecurityDescriptor.decode(wanted)
    except WireError as error:
        raise StatusError(NtStatus.INVALID_PARAMETER, command) from error


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
