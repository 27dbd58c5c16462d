import pytest
from impacket.ldap import ldaptypes  # type: ignore[import-untyped]

from smbquic.auth.identity import Identity
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.accounts import PRIMARY_GROUP, token_of
from smbquic.server.security.security_descriptors import change, decode, describe, same, select
from smbquic.storage import FileStat
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.dtyp.acl import Ace, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import (
    SecurityDescriptor,
    SecurityDescriptorControl,
    SecurityInformation,
)
from smbquic.wire.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM

OWNER = int(SecurityInformation.OWNER)
GROUP = int(SecurityInformation.GROUP)
DACL = int(SecurityInformation.DACL)
ALL = OWNER | GROUP | DACL
LEAST = int(AccessMask.READ_CONTROL | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE)
ALICE = token_of(Identity("alice", ""))
EVERYONES = SecurityDescriptor(owner=EVERYONE)
Control = SecurityDescriptorControl
OWNS = int(AccessMask.READ_CONTROL | AccessMask.WRITE_DAC | AccessMask.WRITE_OWNER)
OTHER = Acl([Ace(AceType.ACCESS_ALLOWED, 0, int(access.ALL), EVERYONE)])
GENERIC = Acl([Ace(AceType.ACCESS_ALLOWED, 0, int(AccessMask.GENERIC_ALL), EVERYONE)])


def stat(mode: int = 0o640, owner: int | None = 1000, group: int | None = 100) -> FileStat:
    return FileStat("f", False, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, owner, group, mode)


def masks(mode: int) -> list[int]:
    dacl = describe(stat(mode)).dacl
    assert dacl is not None
    assert all((ace.ace_type, ace.ace_flags) == (0, 0) for ace in dacl.aces)
    return [ace.mask for ace in dacl.aces if isinstance(ace, Ace)]


def test_owner_and_group_are_posix_ids_as_samba_spells_them() -> None:
    descriptor = describe(stat())

    assert str(descriptor.owner) == "S-1-22-1-1000"
    assert str(descriptor.group) == "S-1-22-2-100"
    assert descriptor.dacl is not None
    sids = [str(ace.sid) for ace in descriptor.dacl.aces if isinstance(ace, Ace)]
    assert sids == ["S-1-22-1-1000", "S-1-22-2-100", "S-1-1-0"]


def test_a_storage_without_owners() -> None:
    descriptor = describe(stat(owner=None, group=None))

    assert (descriptor.owner, descriptor.group) == (LOCAL_SYSTEM, BUILTIN_ADMINISTRATORS)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "others"),
    [
        (0o000, LEAST | OWNS, LEAST, LEAST),
        (0o640, LEAST | OWNS | access.READ | access.WRITE, LEAST | access.READ, LEAST),
        (0o410, LEAST | OWNS | access.READ, LEAST | access.EXECUTE, LEAST),
        (0o002, LEAST | OWNS, LEAST, LEAST | access.WRITE),
        (
            0o755,
            access.ALL,
            access.READ | access.EXECUTE,
            access.READ | access.EXECUTE,
        ),
        (0o007, LEAST | OWNS, LEAST, access.ALL & ~(OWNS & ~AccessMask.READ_CONTROL)),
    ],
)
def test_permissions_become_rights(mode: int, owner: int, group: int, others: int) -> None:
    assert masks(mode) == [owner, group, others]


def test_another_library_reads_it() -> None:
    seen = ldaptypes.SR_SECURITY_DESCRIPTOR(data=describe(stat(0o604)).encode())

    assert seen["OwnerSid"].formatCanonical() == "S-1-22-1-1000"
    assert seen["GroupSid"].formatCanonical() == "S-1-22-2-100"
    entries = [ace["Ace"] for ace in seen["Dacl"]["Data"]]
    assert [entry["Sid"].formatCanonical() for entry in entries][2] == "S-1-1-0"
    assert [entry["Mask"]["Mask"] for entry in entries] == masks(0o604)


def test_parts_can_be_had_alone() -> None:
    whole = describe(stat())

    assert select(whole, ALL) == whole
    assert select(whole, 0) == SecurityDescriptor(control=0)
    assert select(whole, OWNER) == SecurityDescriptor(owner=whole.owner, control=0)
    assert select(whole, GROUP) == SecurityDescriptor(group=whole.group, control=0)
    dacl = select(whole, DACL)
    assert (dacl.owner, dacl.dacl) == (None, whole.dacl)
    assert dacl.control & SecurityDescriptorControl.PD


@pytest.mark.parametrize("given", [0, Control.SR | Control.DC, Control.PD, Control.DI | Control.DD])
def test_control_bits_of_what_is_shown(given: int) -> None:
    stored = SecurityDescriptor(EVERYONE, None, OTHER, control=int(Control.DP | given))

    shown = int(Control.DP | given & (Control.PD | Control.DI))
    assert select(stored, ALL).control == shown
    assert change(stored, GROUP, EVERYONES.encode(), ALICE).control == shown


def test_what_was_made_here_belongs_to_the_account_that_made_it() -> None:
    token = token_of(Identity("alice", ""))
    made = stat()
    made.account = token.account

    assert describe(made).owner == token.user
    assert describe(made).group == PRIMARY_GROUP


@pytest.mark.parametrize(
    "parts", [0, OWNER, GROUP, DACL, ALL, DACL | int(SecurityInformation.PROTECTED_DACL)]
)
def test_putting_back_what_was_read_is_fine(parts: int) -> None:
    old = describe(stat())

    new = change(old, parts, select(old, parts).encode(), ALICE)

    assert same(old, new)


def test_parts_are_replaced() -> None:
    old = describe(stat())
    wanted = SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, GENERIC)

    for parts in (OWNER, GROUP, DACL, ALL):
        new = change(old, parts, wanted.encode(), ALICE)
        assert new.owner == (EVERYONE if parts & OWNER else old.owner)
        assert new.group == (LOCAL_SYSTEM if parts & GROUP else old.group)
        assert new.dacl == (OTHER if parts & DACL else old.dacl)


def test_a_missing_dacl_lets_everybody_in() -> None:
    new = change(describe(stat()), DACL, SecurityDescriptor().encode(), ALICE)

    assert new.dacl is None
    assert new.control & SecurityDescriptorControl.DP
    assert SecurityDescriptor.decode(new.encode()).control & SecurityDescriptorControl.DP


def test_a_group_that_is_not_given_stays() -> None:
    old = describe(stat())

    assert change(old, GROUP, SecurityDescriptor().encode(), ALICE).group == old.group


@pytest.mark.parametrize(
    ("parts", "wanted", "status"),
    [
        (OWNER, SecurityDescriptor(owner=LOCAL_SYSTEM), NtStatus.INVALID_OWNER),
        (OWNER, SecurityDescriptor(), NtStatus.INVALID_OWNER),
        (int(SecurityInformation.LABEL), SecurityDescriptor(sacl=OTHER), NtStatus.NOT_SUPPORTED),
        (int(SecurityInformation.BACKUP), SecurityDescriptor(), NtStatus.NOT_SUPPORTED),
    ],
)
def test_what_is_refused(parts: int, wanted: SecurityDescriptor, status: NtStatus) -> None:
    with pytest.raises(StatusError) as caught:
        change(describe(stat()), parts, wanted.encode(), ALICE)

    assert caught.value.status == status


@pytest.mark.parametrize("part", ["SACL", "LABEL", "ATTRIBUTE", "SCOPE"])
def test_auditing_is_refused_only_where_it_is_to_be_changed(part: str) -> None:
    old, wanted = describe(stat()), SecurityDescriptor(owner=EVERYONE, sacl=OTHER).encode()

    assert change(old, OWNER, wanted, ALICE).owner == EVERYONE
    with pytest.raises(StatusError) as caught:
        change(old, OWNER | int(SecurityInformation[part]), wanted, ALICE)
    assert caught.value.status == NtStatus.NOT_SUPPORTED


def test_which_descriptors_are_the_same() -> None:
    one = SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, OTHER)

    assert same(one, SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, Acl([*OTHER.aces], 4), control=0))
    for other in (
        SecurityDescriptor(LOCAL_SYSTEM, LOCAL_SYSTEM, OTHER),
        SecurityDescriptor(EVERYONE, EVERYONE, OTHER),
        SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, GENERIC),
        SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, Acl([])),
        SecurityDescriptor(EVERYONE, LOCAL_SYSTEM, None),
    ):
        assert not same(one, other)
        assert not same(other, one)
    assert same(SecurityDescriptor(EVERYONE), SecurityDescriptor(EVERYONE))


def test_an_empty_sacl_is_none() -> None:
    old = describe(stat())
    wanted = SecurityDescriptor(sacl=Acl([]))

    assert change(old, int(SecurityInformation.ATTRIBUTE), wanted.encode(), ALICE).dacl == old.dacl


@pytest.mark.parametrize(
    ("given", "parts", "kept"),
    [
        (Control.DI, DACL, 0),
        (Control.DC, DACL, 0),
        (Control.DI | Control.DC, DACL, Control.DI),
        (Control.PD, DACL, Control.PD),
        (0, DACL | int(SecurityInformation.PROTECTED_DACL), Control.PD),
        (Control.PD, DACL | int(SecurityInformation.UNPROTECTED_DACL), 0),
    ],
)
def test_control_bits(given: int, parts: int, kept: int) -> None:
    wanted = SecurityDescriptor(dacl=OTHER, control=int(given))

    new = change(describe(stat()), parts, wanted.encode(), ALICE)

    assert new.control == int(Control.DP | kept)
    assert change(new, OWNER, EVERYONES.encode(), ALICE).control == new.control


def test_what_is_no_descriptor_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        change(describe(stat()), DACL, b"\x01\x00", ALICE)

    assert caught.value.status == NtStatus.INVALID_PARAMETER


def test_what_is_stored_and_no_descriptor_lets_nobody_in() -> None:
    broken = decode(b"\x01\x00")

    assert broken.dacl == Acl([])
    assert broken.control & Control.DP
    assert decode(describe(stat()).encode()).owner == describe(stat()).owner
