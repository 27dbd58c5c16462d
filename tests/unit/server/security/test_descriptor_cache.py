"""Which descriptor holds, with folders on a disk."""

import os
from pathlib import Path

import pytest

from smbquic.auth.identity import Identity
from smbquic.server.security import descriptor_cache
from smbquic.server.security.accounts import token_of
from smbquic.server.security.descriptor_cache import LIFETIME, Descriptors
from smbquic.server.security.security_descriptors import describe
from smbquic.storage import Disposition
from smbquic.storage.local import LocalStorage
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptorControl as Control
from smbquic.wire.dtyp.sid import BUILTIN_USERS, CREATOR_OWNER, EVERYONE
from tests.unit.clock import Clock

ALICE = token_of(Identity("alice", ""))
BOTH = int(AceFlags.CONTAINER_INHERIT_ACE | AceFlags.OBJECT_INHERIT_ACE)
PRESENT = int(Control.DP)


@pytest.fixture
def all_of_them(clock: Clock) -> Descriptors:
    return Descriptors(clock)


@pytest.fixture
def storage(root: Path) -> object:
    (root / "outer" / "inner").mkdir(parents=True)
    (root / "outer" / "inner" / "file").touch()
    storage = LocalStorage(root)
    yield storage
    storage.close()


def ace(flags: int = 0, mask: int = 1) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, flags, mask, EVERYONE)


def restrict(storage: LocalStorage, name: str, *aces: Ace) -> SecurityDescriptor:
    descriptor = SecurityDescriptor(ALICE.user, BUILTIN_USERS, Acl(list(aces)), control=PRESENT)
    store(storage, name, descriptor)
    return SecurityDescriptor.decode(descriptor.encode())


def store(storage: LocalStorage, name: str, descriptor: SecurityDescriptor) -> None:
    file, _ = storage.open(name)
    file.set_security(descriptor.encode())
    file.close()


def effective(found: Descriptors, storage: LocalStorage, name: str) -> SecurityDescriptor | None:
    file, _ = storage.open(name)
    try:
        return found.effective(storage, file)
    finally:
        file.close()


FILE = r"outer\inner\file"


def test_nothing_is_restricted_at_first(all_of_them: Descriptors, storage: LocalStorage) -> None:
    for name in ("", "outer", FILE):
        assert effective(all_of_them, storage, name) is None
    assert all_of_them.folder(storage, r"outer\inner") is None


def test_its_own_comes_first(all_of_them: Descriptors, storage: LocalStorage) -> None:
    restrict(storage, "outer", ace(BOTH))
    own = restrict(storage, FILE, ace(0, 2))

    assert effective(all_of_them, storage, FILE) == own


def test_folders_pass_on_what_they_have(all_of_them: Descriptors, storage: LocalStorage) -> None:
    restrict(storage, "", ace(BOTH), Ace(AceType.ACCESS_ALLOWED, BOTH, 4, CREATOR_OWNER))
    inherited = effective(all_of_them, storage, FILE)
    folder = all_of_them.folder(storage, r"outer\inner")
    owner = describe(storage.stat(FILE)).owner

    assert inherited is not None
    assert owner is not None
    assert inherited.owner == owner
    assert inherited.dacl == Acl([ace(), Ace(AceType.ACCESS_ALLOWED, 0, 4, owner)])
    assert folder is not None
    assert folder.dacl is not None
    assert folder.dacl.aces[0] == ace(BOTH)


def test_what_is_not_for_children_stays(all_of_them: Descriptors, storage: LocalStorage) -> None:
    restrict(storage, "", ace(int(AceFlags.CONTAINER_INHERIT_ACE)))
    restrict(storage, r"outer\inner", ace())

    assert effective(all_of_them, storage, FILE) is None
    assert all_of_them.folder(storage, "outer") is not None


def test_an_owner_alone_restricts_nobody(all_of_them: Descriptors, storage: LocalStorage) -> None:
    store(storage, FILE, SecurityDescriptor(EVERYONE, BUILTIN_USERS, control=0))
    assert effective(all_of_them, storage, FILE) is None
    store(storage, "outer", SecurityDescriptor(EVERYONE, None, control=0))
    assert all_of_them.folder(storage, "outer") is None

    restrict(storage, "", Ace(AceType.ACCESS_ALLOWED, BOTH, 4, CREATOR_OWNER))
    all_of_them.forget(storage)
    inherited = effective(all_of_them, storage, FILE)
    assert inherited is not None
    assert inherited.owner == EVERYONE
    assert inherited.dacl == Acl([Ace(AceType.ACCESS_ALLOWED, 0, 4, EVERYONE)])


def test_streams_have_their_file_s(all_of_them: Descriptors, storage: LocalStorage) -> None:
    restrict(storage, "", ace(BOTH))
    for name in ("outer", FILE):
        file, _ = storage.open(name)
        stream, _ = file.open_stream("s", Disposition.OPEN_IF)
        whole = all_of_them.effective(storage, file)

        assert all_of_them.effective(storage, stream) == whole is not None
        assert all_of_them.shown(storage, stream) == all_of_them.shown(storage, file)
        stream.close()
        file.close()


def test_folders_are_believed_for_a_moment(
    all_of_them: Descriptors, storage: LocalStorage, clock: Clock, root: Path
) -> None:
    assert all_of_them.folder(storage, r"outer\inner") is None
    own = restrict(storage, "outer", ace(BOTH))
    assert all_of_them.folder(storage, r"outer\inner") is None

    clock.now += LIFETIME
    assert all_of_them.folder(storage, r"outer\inner") == SecurityDescriptor(
        *(describe(storage.stat("outer")).owner, describe(storage.stat("outer")).group),
        Acl([ace(BOTH)]),
        control=0,
    )
    os.removexattr(root / "outer", "user.smbquic.sd")
    assert all_of_them.folder(storage, "outer") == own
    all_of_them.forget(storage, "outer")
    assert all_of_them.folder(storage, "outer") is None


def test_what_was_changed_here_is_forgotten(
    all_of_them: Descriptors, storage: LocalStorage
) -> None:
    all_of_them.forget(storage)
    all_of_them.forget(storage, "outer")
    assert all_of_them.folder(storage, "outer") is None
    own = restrict(storage, "outer", ace())

    all_of_them.forget(storage)

    assert all_of_them.folder(storage, "outer") == own


def test_memory_is_bounded(
    all_of_them: Descriptors, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptor_cache, "CAPACITY", 2)
    for name in ("outer", r"outer\inner"):
        assert all_of_them.folder(storage, name) is None
    own = restrict(storage, "outer", ace())
    file, _ = storage.open("other", Disposition.CREATE, directory=True)
    file.close()

    # There are as many as may be: looking for another one makes room.
    assert all_of_them.folder(storage, "other") is None
    assert all_of_them.folder(storage, "outer") == own


def test_long_lists_count_for_as_much_as_they_are(
    all_of_them: Descriptors, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptor_cache, "CAPACITY", 20)
    restrict(storage, "outer", *[ace() for _ in range(12)])
    for _ in range(3):
        all_of_them.folder(storage, "outer")
        all_of_them.folder(storage, "")
    (known,) = all_of_them._folders.values()
    assert (sorted(known), known.size) == (["", "outer"], 14)
    restrict(storage, r"outer\inner", *[ace() for _ in range(12)])
    all_of_them.folder(storage, r"outer\inner")
    assert (sorted(known), known.size) == ([r"outer\inner"], 13)
    all_of_them.forget(storage, r"outer\inner")
    assert known.size == 0


def test_what_is_shown(all_of_them: Descriptors, storage: LocalStorage) -> None:
    def shown() -> SecurityDescriptor:
        file, _ = storage.open(FILE)
        try:
            return all_of_them.shown(storage, file)
        finally:
            file.close()

    made_up = describe(storage.stat(FILE))
    assert shown() == made_up
    store(storage, FILE, SecurityDescriptor(EVERYONE, control=0))
    assert (shown().owner, shown().group, shown().dacl) == (EVERYONE, made_up.group, made_up.dacl)
    restrict(storage, "outer", ace(BOTH))
    all_of_them.forget(storage)
    assert shown().dacl == Acl([ace(AceFlags.INHERITED_ACE)])
    own = restrict(storage, FILE, ace(0, 8))
    assert shown() == own


def test_what_can_t_be_made_out_lets_nobody_in(
    all_of_them: Descriptors, storage: LocalStorage, root: Path
) -> None:
    os.setxattr(root / "outer", "user.smbquic.sd", b"broken")

    found = all_of_them.folder(storage, "outer")

    assert found is not None
    assert found.dacl == Acl([])
