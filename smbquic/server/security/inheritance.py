"""Computes the security descriptors of new files and folders. [MS-DTYP] 2.5.3.4"""

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.accounts import Token
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor, SecurityDescriptorControl
from smbquic.wire.dtyp.sid import CREATOR_GROUP, CREATOR_OWNER, LOCAL_SYSTEM, Sid

_CONTAINER = int(AceFlags.CONTAINER_INHERIT_ACE)
_OBJECT = int(AceFlags.OBJECT_INHERIT_ACE)
_BOTH = _CONTAINER | _OBJECT
_NO_PROPAGATE = int(AceFlags.NO_PROPAGATE_INHERIT_ACE)
_INHERIT_ONLY = int(AceFlags.INHERIT_ONLY_ACE)
_INHERITED = int(AceFlags.INHERITED_ACE)

_PRESENT = int(SecurityDescriptorControl.DP)
_PROTECTED = int(SecurityDescriptorControl.PD)
_AUTO_INHERITED = int(SecurityDescriptorControl.DI)
_AUTO_INHERIT_WANTED = int(SecurityDescriptorControl.DC)


def create(
    parent: SecurityDescriptor | None,
    creator: SecurityDescriptor | None,
    token: Token,
    *,
    is_directory: bool,
) -> SecurityDescriptor | None:
    """Return the descriptor of what `token` creates in a folder; None if it needs none.

    `parent` is what holds for the folder, None if nothing restricts anybody there; `creator` is
    what the client wants. Without both, and without entries to inherit, the owner has all rights.
    StatusError INVALID_OWNER for an owner that the client is not.
    """
    if creator is None:
        creator = SecurityDescriptor(control=0)
    if creator.owner is not None and creator.owner not in token.sids:
        raise StatusError(NtStatus.INVALID_OWNER, "CREATE")
    wanted = bool(creator.control & _PRESENT)
    if parent is None and not wanted and creator.owner is None and creator.group is None:
        return None
    owner, group = creator.owner or token.user, creator.group or token.primary_group
    new = SecurityDescriptor(owner, group, control=0)
    if parent is not None:
        inherited = _inherited_aces(parent, owner, group, is_directory=is_directory)
        automatic = parent.control & _AUTO_INHERITED
    else:
        inherited, automatic = [], 0
    if wanted:
        new.dacl, new.control = dacl_of(creator)
        if automatic and new.dacl is not None and not new.control & _PROTECTED:
            new.dacl.aces += inherited
            new.control |= _AUTO_INHERITED
    elif inherited:
        new.dacl, new.control = Acl([*inherited]), automatic
    elif parent is not None:
        rights = int(access.ALL)
        aces = [Ace(AceType.ACCESS_ALLOWED, 0, rights, sid) for sid in (owner, LOCAL_SYSTEM)]
        new.dacl = Acl([*aces])
    return new


def inherit(
    parent: SecurityDescriptor, owner: Sid, group: Sid, *, is_directory: bool
) -> SecurityDescriptor | None:
    """Return what a file without a descriptor of its own inherits from its folder's, if anything.

    That is how files are treated that a local program has made, or that were there before anybody
    restricted the folder.
    """
    aces = _inherited_aces(parent, owner, group, is_directory=is_directory)
    if not aces:
        return None
    return SecurityDescriptor(owner, group, Acl([*aces]), control=parent.control & _AUTO_INHERITED)


def dacl_of(wanted: SecurityDescriptor) -> tuple[Acl | None, int]:
    """Return a client's DACL with generic rights mapped, and its control bits.

    Without a DACL it is the NULL DACL, as Windows has it. That it was inherited is only believed
    if the client also says that it should be.
    """
    control = _PRESENT | wanted.control & _PROTECTED
    if wanted.control & _AUTO_INHERITED and wanted.control & _AUTO_INHERIT_WANTED:
        control |= _AUTO_INHERITED
    if wanted.dacl is None:
        return None, control
    aces = [
        Ace(ace.ace_type, ace.ace_flags, access.map_generic(ace.mask), ace.sid)
        if isinstance(ace, Ace) and not ace.ace_flags & _INHERIT_ONLY and not ace.application_data
        else ace
        for ace in wanted.dacl.aces
    ]
    return Acl(aces, wanted.dacl.acl_revision), control


def _inherited_aces(
    parent: SecurityDescriptor, owner: Sid, group: Sid, *, is_directory: bool
) -> list[Ace]:
    """Return the inherited entries, in the order of the parent's. [MS-DTYP] 2.5.3.4.4, 2.5.3.4.7"""
    if parent.dacl is None:
        return []
    mark = _INHERITED if parent.control & _AUTO_INHERITED else 0
    aces = []
    for ace in parent.dacl.aces:
        if not isinstance(ace, Ace):
            continue
        flags = ace.ace_flags
        if flags & (_CONTAINER if is_directory else _OBJECT):
            sid = {CREATOR_OWNER: owner, CREATOR_GROUP: group}.get(ace.sid, ace.sid)
            here = Ace(ace.ace_type, mark, access.map_generic(ace.mask), sid)
            if not is_directory or flags & _NO_PROPAGATE:
                aces.append(here)
                continue
            if (here.sid, here.mask) == (ace.sid, ace.mask):
                here.ace_flags |= flags & _BOTH
                aces.append(here)
                continue
            # For the folder itself, generic rights and creators are replaced. They are kept in the
            # entry for the files and folders below. [MS-DTYP] 2.5.3.4.7
            below = Ace(ace.ace_type, flags & _BOTH | _INHERIT_ONLY | mark, ace.mask, ace.sid)
            aces += [here, below]
        elif is_directory and flags & _OBJECT and not flags & _NO_PROPAGATE:
            flags = _OBJECT | _INHERIT_ONLY | mark
            aces.append(Ace(ace.ace_type, flags, ace.mask, ace.sid))
    return aces
