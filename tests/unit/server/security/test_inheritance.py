from typing import Any

import pytest

from smbquic.auth.identity import Identity
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.accounts import token_of
from smbquic.server.security.inheritance import create, dacl_of, inherit
from smbquic.wire.access_mask import AccessMask as A
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl, OtherAce
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptorControl as Control
from smbquic.wire.dtyp.sid import (
    BUILTIN_USERS,
    CREATOR_GROUP,
    CREATOR_OWNER,
    EVERYONE,
    LOCAL_SYSTEM,
    Sid,
)

ALICE = token_of(Identity("alice", ""))
OI, CI = int(AceFlags.OBJECT_INHERIT_ACE), int(AceFlags.CONTAINER_INHERIT_ACE)
NP, IO = int(AceFlags.NO_PROPAGATE_INHERIT_ACE), int(AceFlags.INHERIT_ONLY_ACE)
ID = int(AceFlags.INHERITED_ACE)
WRITE = int(A.FILE_WRITE_DATA)
ALL = int(access.ALL)


def ace(flags: int, sid: Sid = BUILTIN_USERS, mask: int = WRITE) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, flags, mask, sid)


def folder(*aces: Ace | OtherAce, control: int = 0) -> SecurityDescriptor:
    return SecurityDescriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, Acl(list(aces)), control=control)


def made_in(parent: SecurityDescriptor | None, **options: Any) -> SecurityDescriptor | None:
    creator = options.pop("creator", None)
    return create(parent, creator, ALICE, **{"is_directory": False, **options})


def aces_in(parent: SecurityDescriptor, *, is_directory: bool) -> list[Ace] | list[Ace | OtherAce]:
    found = inherit(parent, ALICE.user, ALICE.primary_group, is_directory=is_directory)
    return [] if found is None or found.dacl is None else found.dacl.aces


@pytest.mark.parametrize("io", [0, IO])
@pytest.mark.parametrize(
    ("flags", "folder_flags", "file_flags"),
    [
        # [MS-DTYP] 2.5.3.4.4, the table; CI and OI together as in Windows.
        (0, None, None),
        (OI, OI | IO, 0),
        (OI | NP, None, 0),
        (CI, CI, None),
        (CI | NP, 0, None),
        (CI | OI, CI | OI, 0),
        (CI | OI | NP, 0, 0),
        (NP, None, None),
    ],
)
def test_which_entries_are_inherited(
    flags: int, folder_flags: int | None, file_flags: int | None, io: int
) -> None:
    parent = folder(ace(flags | io))

    for is_directory, expected in ((True, folder_flags), (False, file_flags)):
        aces = [] if expected is None else [ace(expected)]
        assert aces_in(parent, is_directory=is_directory) == aces


def test_entries_are_inherited_in_their_order() -> None:
    parent = folder(ace(CI | NP), ace(CI), ace(0), ace(OI), ace(CI | OI, EVERYONE))

    assert aces_in(parent, is_directory=True) == [
        ace(0),
        ace(CI),
        ace(OI | IO),
        ace(CI | OI, EVERYONE),
    ]
    assert aces_in(parent, is_directory=False) == [ace(0), ace(0, EVERYONE)]


def test_creators_become_real_and_stay_general_for_what_is_below() -> None:
    parent = folder(ace(CI | OI, CREATOR_OWNER), ace(CI, CREATOR_GROUP), ace(OI, CREATOR_OWNER, 1))

    assert aces_in(parent, is_directory=False) == [ace(0, ALICE.user), ace(0, ALICE.user, 1)]
    assert aces_in(parent, is_directory=True) == [
        ace(0, ALICE.user),
        ace(CI | OI | IO, CREATOR_OWNER),
        ace(0, ALICE.primary_group),
        ace(CI | IO, CREATOR_GROUP),
        ace(OI | IO, CREATOR_OWNER, 1),
    ]


def test_generic_rights_become_real_too() -> None:
    parent = folder(ace(CI | OI, EVERYONE, int(A.GENERIC_ALL)))

    assert aces_in(parent, is_directory=False) == [ace(0, EVERYONE, ALL)]
    assert aces_in(parent, is_directory=True) == [
        ace(0, EVERYONE, ALL),
        ace(CI | OI | IO, EVERYONE, int(A.GENERIC_ALL)),
    ]


def test_entries_are_marked_where_that_is_automatic() -> None:
    parent = folder(ace(CI | OI, CREATOR_OWNER), ace(OI, EVERYONE), control=int(Control.DI))
    found = made_in(parent)

    assert found is not None
    assert found.control == Control.DI
    assert found.dacl == Acl([ace(ID, ALICE.user), ace(ID, EVERYONE)])
    assert [entry.ace_flags for entry in aces_in(parent, is_directory=True)] == [
        ID,
        CI | OI | IO | ID,
        OI | IO | ID,
    ]


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        (0, 0),
        (Control.DI, Control.DI),
        (Control.DI | Control.DP | Control.PD | Control.SR, Control.DI),
        (Control.DP | Control.PD | Control.SR, 0),
    ],
)
def test_it_is_automatic_in_a_folder_where_that_is_said(control: int, kept: int) -> None:
    parent = folder(ace(OI), control=int(control))
    found = inherit(parent, ALICE.user, EVERYONE, is_directory=False)

    assert found is not None
    assert (found.owner, found.group, found.control) == (ALICE.user, EVERYONE, kept)
    assert found.dacl == Acl([ace(ID if kept else 0)])
    made = made_in(parent)
    assert made is not None
    assert (made.control, made.dacl) == (kept, found.dacl)


@pytest.mark.parametrize(
    ("control", "kept"),
    [
        (Control.DC, 0),
        (Control.DI, 0),
        (Control.DI | Control.DC, Control.DI),
        (Control.DI | Control.PD, Control.PD),
        (Control.DD | Control.SR, 0),
    ],
)
def test_control_bits_that_a_client_gives(control: int, kept: int) -> None:
    wanted = SecurityDescriptor(dacl=Acl([ace(0)]), control=int(Control.DP | control))

    assert dacl_of(wanted) == (Acl([ace(0)]), Control.DP | kept)


def test_control_bits_of_a_creator_without_a_dacl() -> None:
    found = made_in(None, creator=SecurityDescriptor(EVERYONE, control=int(Control.PD)))

    assert found is not None
    assert (found.dacl, found.control) == (None, 0)


def test_only_entries_of_users_are_inherited() -> None:
    other = OtherAce(AceType.ACCESS_ALLOWED_OBJECT, OI | CI, bytes(28))

    assert aces_in(folder(other), is_directory=False) == []
    assert aces_in(folder(other, ace(OI)), is_directory=False) == [ace(0)]
    assert inherit(SecurityDescriptor(), EVERYONE, EVERYONE, is_directory=True) is None


def test_in_an_open_folder_nothing_is_stored() -> None:
    assert made_in(None) is None
    assert made_in(None, creator=SecurityDescriptor(control=0)) is None


def test_what_inherits_nothing_is_its_owner_s() -> None:
    found = made_in(folder(ace(CI, EVERYONE)))

    assert found is not None
    assert (found.owner, found.group) == (ALICE.user, ALICE.primary_group)
    assert found.dacl == Acl([ace(0, ALICE.user, ALL), ace(0, LOCAL_SYSTEM, ALL)])


def test_what_the_creator_wants() -> None:
    wanted = SecurityDescriptor(
        EVERYONE, BUILTIN_USERS, Acl([ace(0, EVERYONE, int(A.GENERIC_READ))])
    )
    wanted = SecurityDescriptor.decode(wanted.encode())

    for parent in (None, folder(ace(OI))):
        found = made_in(parent, creator=wanted)
        assert found is not None
        assert (found.owner, found.group) == (EVERYONE, BUILTIN_USERS)
        assert found.dacl == Acl([ace(0, EVERYONE, int(access.READ))])
        assert found.control == Control.DP


def test_where_it_is_automatic_what_is_inherited_comes_behind() -> None:
    parent = folder(ace(OI), control=int(Control.DI))
    for control, count in ((Control.DP, 2), (Control.DP | Control.PD, 1)):
        wanted = SecurityDescriptor(dacl=Acl([ace(0, EVERYONE)]), control=int(control))
        found = made_in(parent, creator=wanted)
        assert found is not None
        assert found.dacl is not None
        assert len(found.dacl.aces) == count
        assert bool(found.control & Control.DI) == (count == 2)
        assert (found.owner, found.group) == (ALICE.user, ALICE.primary_group)


def test_a_null_dacl_that_the_creator_wants() -> None:
    found = made_in(folder(), creator=SecurityDescriptor(control=int(Control.DP)))

    assert found is not None
    assert found.dacl is None
    assert found.control == Control.DP


def test_an_owner_alone() -> None:
    found = made_in(None, creator=SecurityDescriptor(EVERYONE, control=0))

    assert found is not None
    assert (found.owner, found.dacl, found.control) == (EVERYONE, None, 0)


def test_nobody_makes_things_that_are_another_s() -> None:
    with pytest.raises(StatusError) as caught:
        made_in(None, creator=SecurityDescriptor(LOCAL_SYSTEM))

    assert caught.value.status == NtStatus.INVALID_OWNER


def test_conditions_and_what_is_only_inherited_stay_as_they_are() -> None:
    odd: list[Ace | OtherAce] = [
        Ace(AceType.ACCESS_ALLOWED_CALLBACK, 0, int(A.GENERIC_ALL), EVERYONE, b"artx"),
        ace(CI | IO, EVERYONE, int(A.GENERIC_ALL)),
        OtherAce(AceType.ACCESS_ALLOWED_OBJECT, 0, bytes(28)),
    ]
    wanted = SecurityDescriptor(dacl=Acl(list(odd), 4), control=int(Control.DP))

    found = made_in(None, creator=wanted)

    assert found is not None
    assert found.dacl == Acl(odd, 4)
