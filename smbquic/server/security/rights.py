"""Computes the rights that a security descriptor grants. [MS-DTYP] 2.5.3.2, [MS-FSA] 2.1.5.1.2.1"""

from smbquic.server.security import access
from smbquic.server.security.accounts import Token
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.sid import OWNER_RIGHTS

_ALL = access.ALL
_OWNER = int(AccessMask.READ_CONTROL | AccessMask.WRITE_DAC)
_INHERIT_ONLY = int(AceFlags.INHERIT_ONLY_ACE)
_ALLOWS = int(AceType.ACCESS_ALLOWED)
# A condition that cannot be evaluated grants nothing, and denies what it would deny.
_DENIES = frozenset({int(AceType.ACCESS_DENIED), int(AceType.ACCESS_DENIED_CALLBACK)})
_DELETE = int(AccessMask.DELETE)
_DELETE_CHILD = int(AccessMask.FILE_DELETE_CHILD)
_READ_ATTRIBUTES = int(AccessMask.FILE_READ_ATTRIBUTES)
_LIST = int(AccessMask.FILE_LIST_DIRECTORY)


def granted(descriptor: SecurityDescriptor, token: Token) -> int:
    """Return all rights that a descriptor grants: the first entry about a right decides.

    A descriptor without DACL grants everything, one with an empty DACL nothing. The owner may
    always read the descriptor and change the DACL, unless an entry for OWNER RIGHTS says what
    owners may.
    """
    dacl = descriptor.dacl
    if dacl is None:
        return _ALL
    owns = descriptor.owner in token.sids
    allowed = 0
    decided = 0
    if owns and not _names_owner_rights(dacl):
        allowed = decided = _OWNER
    for ace in dacl.aces:
        if not isinstance(ace, Ace) or ace.ace_flags & _INHERIT_ONLY:
            continue
        if ace.sid not in token.sids and not (owns and ace.sid == OWNER_RIGHTS):
            continue
        mask = access.map_generic(ace.mask) & ~decided
        if ace.ace_type == _ALLOWS:
            allowed |= mask
            decided |= mask
        elif ace.ace_type in _DENIES:
            decided |= mask
    return allowed & _ALL


def granted_by_folder(folder: int) -> int:
    """Return the rights to a file that follow from those to its folder."""
    rights = 0
    if folder & _DELETE_CHILD:
        rights |= _DELETE
    if folder & _LIST:
        rights |= _READ_ATTRIBUTES
    return rights


def _names_owner_rights(dacl: Acl) -> bool:
    return any(
        isinstance(ace, Ace) and ace.sid == OWNER_RIGHTS and not ace.ace_flags & _INHERIT_ONLY
        for ace in dacl.aces
    )
