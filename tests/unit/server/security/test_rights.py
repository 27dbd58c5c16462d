from collections.abc import Sequence

import pytest

from smbquic.auth.identity import Identity
from smbquic.server.security import access
from smbquic.server.security.accounts import token_of
from smbquic.server.security.rights import granted, granted_by_folder
from smbquic.wire.access_mask import AccessMask as A
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl, OtherAce
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.sid import (
    AUTHENTICATED_USERS,
    CREATOR_OWNER,
    EVERYONE,
    LOCAL_SYSTEM,
    OWNER_RIGHTS,
    Sid,
)

ALICE = token_of(Identity("alice", ""))
BOB = token_of(Identity("bob", ""))
ALL = int(access.ALL)
READ, WRITE = int(access.READ), int(access.WRITE)
OWNS = int(A.READ_CONTROL | A.WRITE_DAC)


def allow(sid: Sid, mask: int, flags: int = 0) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, flags, int(mask), sid)


def deny(sid: Sid, mask: int, kind: int = AceType.ACCESS_DENIED) -> Ace:
    return Ace(kind, 0, int(mask), sid)


def descriptor(*aces: Ace | OtherAce, owner: Sid = LOCAL_SYSTEM) -> SecurityDescriptor:
    return SecurityDescriptor(owner, None, Acl(list(aces)))


def test_no_dacl_lets_everybody_in_and_an_empty_one_nobody() -> None:
    assert granted(SecurityDescriptor(), ALICE) == ALL
    assert granted(descriptor(), ALICE) == 0


@pytest.mark.parametrize(
    ("aces", "expected"),
    [
        ([allow(ALICE.user, READ)], READ),
        ([allow(BOB.user, READ)], 0),
        ([allow(EVERYONE, A.FILE_READ_DATA), allow(ALICE.user, A.DELETE)], 0x10001),
        ([deny(EVERYONE, A.DELETE), allow(AUTHENTICATED_USERS, ALL)], ALL & ~A.DELETE),
        ([allow(ALICE.user, ALL), deny(ALICE.user, ALL)], ALL),
        ([deny(BOB.user, ALL), allow(ALICE.user, READ)], READ),
        ([allow(ALICE.user, A.GENERIC_READ)], READ),
        ([allow(ALICE.user, A.GENERIC_ALL)], ALL),
        ([allow(ALICE.user, 0xFFFFFFFF)], ALL),
        ([allow(ALICE.user, ALL, AceFlags.INHERIT_ONLY_ACE)], 0),
        ([allow(ALICE.user, READ, AceFlags.INHERITED_ACE)], READ),
        ([allow(CREATOR_OWNER, ALL)], 0),
        # Conditions and what only a directory service knows.
        ([Ace(AceType.ACCESS_ALLOWED_CALLBACK, 0, ALL, EVERYONE, b"artx")], 0),
        (
            [deny(EVERYONE, WRITE, AceType.ACCESS_DENIED_CALLBACK), allow(EVERYONE, ALL)],
            ALL & ~WRITE,
        ),
        ([OtherAce(AceType.ACCESS_ALLOWED_OBJECT, 0, bytes(28)), allow(EVERYONE, READ)], READ),
        ([Ace(AceType.SYSTEM_AUDIT, 0, ALL, EVERYONE)], 0),
    ],
)
def test_the_first_entry_decides(aces: Sequence[Ace | OtherAce], expected: int) -> None:
    assert granted(descriptor(*aces), ALICE) == expected


def test_the_owner_can_always_mend_the_descriptor() -> None:
    assert granted(descriptor(owner=ALICE.user), ALICE) == OWNS
    assert granted(descriptor(deny(EVERYONE, ALL), owner=ALICE.user), ALICE) == OWNS
    assert granted(descriptor(owner=ALICE.user), BOB) == 0
    assert granted(SecurityDescriptor(None, None, Acl([])), ALICE) == 0


def test_unless_it_says_what_owners_may() -> None:
    limited = descriptor(allow(OWNER_RIGHTS, A.FILE_WRITE_DATA), owner=ALICE.user)

    assert granted(limited, ALICE) == A.FILE_WRITE_DATA
    assert granted(limited, BOB) == 0
    denied = descriptor(deny(OWNER_RIGHTS, WRITE), allow(EVERYONE, ALL), owner=ALICE.user)
    assert granted(denied, ALICE) == ALL & ~WRITE
    assert granted(denied, BOB) == ALL
    for_children = allow(OWNER_RIGHTS, READ, AceFlags.INHERIT_ONLY_ACE)
    assert granted(descriptor(for_children, owner=ALICE.user), ALICE) == OWNS


@pytest.mark.parametrize(
    ("folder", "rights"),
    [
        (0, 0),
        (A.FILE_DELETE_CHILD, A.DELETE),
        (A.FILE_LIST_DIRECTORY, A.FILE_READ_ATTRIBUTES),
        (ALL, A.DELETE | A.FILE_READ_ATTRIBUTES),
        (A.DELETE, 0),
    ],
)
def test_what_a_folder_grants_for_what_is_in_it(folder: int, rights: int) -> None:
    assert granted_by_folder(int(folder)) == rights
