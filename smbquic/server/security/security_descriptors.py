"""Makes, reads and changes the security descriptors of files.

A stored descriptor is enforced. A file without one is shown with a descriptor that is made of its
POSIX owner, group and mode, which is not enforced: all users of the server reach the disk as the
one user that the program runs as, as far as their share allows.
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
"""Entries of an ACL that a client may set: each costs time whenever the file is opened."""

_OWNER = int(SecurityInformation.OWNER)
_GROUP = int(SecurityInformation.GROUP)
_DACL = int(SecurityInformation.DACL)
_PROTECTED = int(SecurityInformation.PROTECTED_DACL)
_UNPROTECTED = int(SecurityInformation.UNPROTECTED_DACL)
# The parts that are in a SACL.
_SACL_PARTS = int(
    SecurityInformation.SACL
    | SecurityInformation.LABEL
    | SecurityInformation.ATTRIBUTE
    | SecurityInformation.SCOPE
)
_BACKUP = int(SecurityInformation.BACKUP)
_CONTROL_PRESENT = int(SecurityDescriptorControl.DP)
_CONTROL_PROTECTED = int(SecurityDescriptorControl.PD)
# The control bits that are kept; the others describe how the parts were given.
_KEPT_CONTROL = int(
    SecurityDescriptorControl.DP | SecurityDescriptorControl.PD | SecurityDescriptorControl.DI
)

# Samba's authority for POSIX ids, which its tools and ours translate: S-1-22-1-1000.
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
    """Return the descriptor for a file without one, made of its POSIX owner, group and mode."""
    owner, group = owners(stat)
    aces = [
        _allow(owner, _rights(stat.mode >> 6) | _OWNER_RIGHTS),
        _allow(group, _rights(stat.mode >> 3)),
        _allow(EVERYONE, _rights(stat.mode)),
    ]
    return SecurityDescriptor(owner, group, Acl(list(aces)), control=_CONTROL_PROTECTED)


def owners(stat: FileStat) -> tuple[Sid, Sid]:
    """Return owner and group of a file without a descriptor: of the account that created it here,
    else those of POSIX."""
    if stat.account:
        return sid_of(stat.account), PRIMARY_GROUP
    owner = LOCAL_SYSTEM if stat.owner is None else Sid(_UNIX, (_UNIX_USER, stat.owner))
    group = BUILTIN_ADMINISTRATORS if stat.group is None else Sid(_UNIX, (_UNIX_GROUP, stat.group))
    return owner, group


def decode(stored: bytes) -> SecurityDescriptor:
    """Decode a stored descriptor; one that cannot be decoded grants nothing to anybody."""
    try:
        return SecurityDescriptor.decode(stored)
    except WireError:
        return SecurityDescriptor(dacl=Acl([]), control=_CONTROL_PRESENT)


def select(descriptor: SecurityDescriptor, information: int) -> SecurityDescriptor:
    """Return the parts of a descriptor that `information` (`SecurityInformation`) asks for."""
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
    """Return `old` with the parts of a client's new descriptor that `information` names.

    Raises StatusError INVALID_PARAMETER; INVALID_OWNER for an owner that the client is not, as
    nobody may give files away; NOT_SUPPORTED for auditing, labels and policies.
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
    """Return whether two descriptors have the same owner, group and entries."""
    aces = [None if each.dacl is None else each.dacl.aces for each in (one, other)]
    return (one.owner, one.group, aces[0]) == (other.owner, other.group, aces[1])


def parse(wanted: Buffer, command: str) -> SecurityDescriptor:
    """Decode a client's descriptor; raise StatusError INVALID_PARAMETER, or INVALID_ACL for more
    than `MAX_ACES` entries."""
    try:
        if SecurityDescriptor.count_aces(wanted) > MAX_ACES:
            raise StatusError(NtStatus.INVALID_ACL, command)
        return SecurityDescriptor.decode(wanted)
    except WireError as error:
        raise StatusError(NtStatus.INVALID_PARAMETER, command) from error


def _rights(permissions: int) -> int:
    """Return the access mask for three permission bits."""
    if permissions & 0o7 == 0o7:
        return _ALL & ~_OWNER_RIGHTS | _LEAST_RIGHTS
    mask = _LEAST_RIGHTS
    for bit, rights in _RIGHTS:
        if permissions & bit:
            mask |= rights
    return mask


def _allow(sid: Sid, mask: int) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, 0, mask, sid)
