"""Security descriptors that are stored, shown and enforced, as two users meet them."""

import os
from pathlib import Path
from typing import Unpack

import pytest

from smbquic.auth.identity import Identity
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.security.accounts import PRIMARY_GROUP, group_sid, token_of
from smbquic.storage.local import xattrs
from smbquic.wire.access_mask import AccessMask as A
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import QueryMaximalAccessRequest, QueryMaximalAccessResponse
from smbquic.wire.dtyp.acl import Ace, AceFlags, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor, SecurityInformation
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptorControl as Control
from smbquic.wire.dtyp.sid import CREATOR_OWNER, EVERYONE, LOCAL_SYSTEM, Sid
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith

D = CreateDisposition
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
DELETE_ON_CLOSE = CreateOptions.FILE_DELETE_ON_CLOSE
ALICE = token_of(Identity("alice", "")).user
BOB = token_of(Identity("bob", "")).user
OWNER, DACL = int(SecurityInformation.OWNER), int(SecurityInformation.DACL)
GROUP = int(SecurityInformation.GROUP)
BOTH = int(AceFlags.OBJECT_INHERIT_ACE | AceFlags.CONTAINER_INHERIT_ACE)
ALL, READ = int(access.ALL), int(access.READ)
DENIED = NtStatus.ACCESS_DENIED
FOR_THE_DISK = "user.smbquic.sd"


def allow(sid: Sid, mask: int, flags: int = 0) -> Ace:
    return Ace(AceType.ACCESS_ALLOWED, flags, int(mask), sid)


def dacl(*aces: Ace) -> SecurityDescriptor:
    return SecurityDescriptor(dacl=Acl(list(aces)))


def secd(wanted: SecurityDescriptor) -> list[CreateContext]:
    return [CreateContext(b"SecD", wanted.encode())]


@pytest.fixture
async def alice(connect: Connect) -> Client:
    return await connect()


@pytest.fixture
async def bob(connect: Connect) -> Client:
    return await connect(token="bob:secret")


async def status_of(
    client: Client, name: str, access: int, **fields: Unpack[CreateFields]
) -> NtStatus:
    """Open what exists, close it at once, and return the status."""
    opening: CreateFields = {"create_disposition": D.FILE_OPEN, **fields, "desired_access": access}
    response = await client.create(name, **opening)
    if response.status == NtStatus.SUCCESS:
        assert (await client.call(CloseRequest(response.body.file_id))).status == 0
    status: NtStatus = response.status
    return status


async def shown(client: Client, file_id: FileId, parts: int = OWNER | DACL) -> SecurityDescriptor:
    response = await client.call(
        QueryInfoRequest(InfoType.SECURITY, 0, 4096, file_id, additional_information=parts)
    )
    assert response.status == NtStatus.SUCCESS
    return SecurityDescriptor.decode(response.body.buffer)


async def secure(
    client: Client, file_id: FileId, wanted: SecurityDescriptor, parts: int = DACL
) -> NtStatus:
    response = await client.call(
        SetInfoRequest(InfoType.SECURITY, 0, file_id, wanted.encode(), additional_information=parts)
    )
    status: NtStatus = response.status
    return status


async def made(
    client: Client, name: str, wanted: SecurityDescriptor | None, **fields: Unpack[CreateFields]
) -> FileId:
    fields = {"create_disposition": D.FILE_CREATE, **fields}
    file_id: FileId = await client.open(name, **fields)
    if wanted is not None:
        assert await secure(client, file_id, wanted) == NtStatus.SUCCESS
    return file_id


async def maximal(client: Client, name: str) -> int:
    response = await client.create(
        name,
        create_disposition=D.FILE_OPEN,
        desired_access=int(A.READ_CONTROL),
        contexts=[QueryMaximalAccessRequest().context()],
    )
    data = find(response.body.contexts, b"MxAc")
    assert data is not None
    return QueryMaximalAccessResponse.decode(data).maximal_access


async def test_what_somebody_makes_is_his(alice: Client, bob: Client, root: Path) -> None:
    file_id = await made(alice, "file", None)

    for client in (alice, bob):
        opened = await client.open("file")
        assert (await shown(client, opened)).owner == ALICE
        assert (await shown(client, opened, GROUP)).group == PRIMARY_GROUP
    assert (await shown(alice, file_id)).dacl is not None
    assert FOR_THE_DISK not in os.listxattr(root / "file")
    assert await status_of(bob, "file", ALL) == NtStatus.SUCCESS


async def test_a_descriptor_is_kept_shown_and_obeyed(
    alice: Client, bob: Client, root: Path
) -> None:
    wanted = dacl(allow(ALICE, ALL), allow(BOB, READ))
    file_id = await made(alice, "file", wanted)

    assert (await shown(alice, file_id)).dacl == wanted.dacl
    assert FOR_THE_DISK in os.listxattr(root / "file")
    assert await status_of(bob, "file", READ) == NtStatus.SUCCESS
    for more in (A.FILE_WRITE_DATA, A.WRITE_DAC, A.WRITE_OWNER, A.FILE_EXECUTE):
        assert await status_of(bob, "file", READ | more) == DENIED
    assert await status_of(alice, "file", ALL) == NtStatus.SUCCESS
    # Whoever has it open already keeps what he has.
    assert (await shown(alice, file_id)).owner == ALICE


async def test_generic_rights_are_made_specific(alice: Client) -> None:
    file_id = await made(alice, "file", dacl(allow(EVERYONE, A.GENERIC_READ)))

    assert (await shown(alice, file_id)).dacl == Acl([allow(EVERYONE, READ)])


async def test_the_owner_can_always_mend_it(alice: Client, bob: Client) -> None:
    await made(alice, "file", dacl())

    assert await status_of(bob, "file", A.READ_CONTROL) == DENIED
    assert await status_of(alice, "file", READ) == DENIED
    mending = await alice.open("file", desired_access=int(A.READ_CONTROL | A.WRITE_DAC))
    assert await secure(alice, mending, dacl(allow(EVERYONE, ALL))) == NtStatus.SUCCESS
    assert await status_of(bob, "file", ALL) == NtStatus.SUCCESS


async def test_as_much_as_possible(alice: Client, bob: Client) -> None:
    async def got(client: Client, wanted: int) -> int:
        file_id = await client.open("file", desired_access=wanted, create_disposition=D.FILE_OPEN)
        kind = FileInformationClass.FileAccessInformation
        response = await client.call(QueryInfoRequest(InfoType.FILE, kind, 4, file_id))
        await client.call(CloseRequest(file_id))
        return AccessInformation.decode(response.body.buffer).access_flags

    await made(alice, "file", dacl(allow(BOB, READ)))
    # Whoever may delete from the folder may delete, and who lists it sees the attributes.
    of_the_folder = int(A.DELETE | A.FILE_READ_ATTRIBUTES)
    mends = int(A.READ_CONTROL | A.WRITE_DAC)

    assert await got(bob, A.MAXIMUM_ALLOWED) == READ | of_the_folder
    assert await got(alice, A.MAXIMUM_ALLOWED) == of_the_folder | mends
    assert await maximal(bob, "file") == READ | of_the_folder
    assert await status_of(bob, "file", A.MAXIMUM_ALLOWED | A.FILE_WRITE_DATA) == DENIED
    assert await got(bob, A.MAXIMUM_ALLOWED | A.FILE_READ_DATA) == READ | of_the_folder


@pytest.mark.parametrize("disposition", [D.FILE_OVERWRITE, D.FILE_OVERWRITE_IF, D.FILE_SUPERSEDE])
async def test_who_may_not_write_may_not_overwrite(
    alice: Client, bob: Client, root: Path, disposition: int
) -> None:
    await made(alice, "file", dacl(allow(BOB, READ)))
    (root / "file").write_bytes(b"content")

    assert await status_of(bob, "file", READ, create_disposition=disposition) == DENIED
    assert (root / "file").read_bytes() == b"content"


@pytest.mark.parametrize(
    ("rights", "overwrites", "supersedes"),
    [
        (access.WRITE, True, False),
        (access.WRITE | A.DELETE, True, True),
        (access.WRITE & ~A.FILE_WRITE_EA | A.DELETE, False, False),
        (access.WRITE & ~A.FILE_WRITE_ATTRIBUTES | A.DELETE, False, False),
        (access.WRITE & ~A.FILE_WRITE_DATA | A.DELETE, False, False),
    ],
)
async def test_rights_that_overwriting_needs(
    alice: Client, bob: Client, rights: int, overwrites: bool, supersedes: bool
) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await secure(alice, folder, dacl(allow(EVERYONE, ALL & ~int(A.FILE_DELETE_CHILD | A.DELETE))))
    await made(alice, "folder\\file", dacl(allow(BOB, rights)))

    for disposition, allowed in (
        (D.FILE_OVERWRITE, overwrites),
        (D.FILE_OVERWRITE_IF, overwrites),
        (D.FILE_SUPERSEDE, supersedes),
    ):
        access = int(A.READ_CONTROL)
        status = await status_of(bob, "folder\\file", access, create_disposition=disposition)
        assert status == (NtStatus.SUCCESS if allowed else DENIED)


async def test_rights_that_overwriting_a_stream_needs(alice: Client, bob: Client) -> None:
    stream = await alice.open("file:s")
    for rights, expected in ((A.FILE_WRITE_DATA, NtStatus.SUCCESS), (A.FILE_APPEND_DATA, DENIED)):
        await secure(alice, stream, dacl(allow(BOB, rights | A.READ_CONTROL)))
        overwritten: CreateFields = {"create_disposition": D.FILE_OVERWRITE}
        assert await status_of(bob, "file:s", A.READ_CONTROL, **overwritten) == expected


async def test_deleting(alice: Client, bob: Client, root: Path) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await made(alice, "folder\\file", dacl(allow(BOB, READ)))
    no_deleting = ALL & ~int(A.FILE_DELETE_CHILD | A.DELETE)

    assert await status_of(bob, "folder\\file", A.DELETE) == NtStatus.SUCCESS
    await secure(alice, folder, dacl(allow(EVERYONE, no_deleting)))
    assert await status_of(bob, "folder\\file", A.DELETE) == DENIED
    for wanted in (A.DELETE, A.MAXIMUM_ALLOWED):
        options: CreateFields = {"create_options": DELETE_ON_CLOSE}
        assert await status_of(bob, "folder\\file", wanted, **options) == DENIED
    assert (root / "folder" / "file").exists()


async def test_making_things(alice: Client, bob: Client, root: Path) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    make: CreateFields = {"create_disposition": D.FILE_OPEN_IF}
    directory: CreateFields = {**make, "create_options": DIRECTORY}

    await secure(alice, folder, dacl(allow(BOB, READ)))
    assert await status_of(bob, "folder\\file", ALL, **make) == DENIED
    assert await status_of(bob, "folder\\file:s", ALL, **make) == DENIED
    assert await status_of(bob, "folder\\sub", ALL, **directory) == DENIED
    await secure(alice, folder, dacl(allow(BOB, A.FILE_ADD_FILE)))
    assert await status_of(bob, "folder\\file", ALL, **make) == NtStatus.SUCCESS
    assert await status_of(bob, "folder\\sub", ALL, **directory) == DENIED
    await secure(alice, folder, dacl(allow(BOB, A.FILE_ADD_SUBDIRECTORY)))
    assert await status_of(bob, "folder\\sub", ALL, **directory) == NtStatus.SUCCESS
    assert sorted(entry.name for entry in (root / "folder").iterdir()) == ["file", "sub"]


async def test_inheriting(alice: Client, bob: Client) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await secure(alice, folder, dacl(allow(EVERYONE, ALL), allow(CREATOR_OWNER, READ, BOTH)))
    theirs = await made(bob, "folder\\file", None)

    found = await shown(bob, theirs)
    assert (found.owner, found.dacl) == (BOB, Acl([allow(BOB, READ)]))
    # What is made can be used as it was asked for, whatever it has inherited.
    assert await status_of(bob, "folder\\file", A.FILE_WRITE_DATA) == DENIED
    assert await status_of(alice, "folder\\file", A.FILE_READ_DATA) == DENIED


async def test_what_inherits_nothing_is_private(alice: Client, bob: Client) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await secure(alice, folder, dacl(allow(EVERYONE, ALL)))
    file_id = await made(bob, "folder\\file", None)

    assert (await shown(bob, file_id)).dacl == Acl([allow(BOB, ALL), allow(LOCAL_SYSTEM, ALL)])
    assert await status_of(alice, "folder\\file", A.FILE_READ_DATA) == DENIED


async def test_local_programs_files_are_as_if_they_had_inherited(
    alice: Client, bob: Client, root: Path
) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await secure(alice, folder, dacl(allow(ALICE, ALL, BOTH)))
    (root / "folder" / "sub").mkdir()
    (root / "folder" / "sub" / "file").touch()

    assert await status_of(bob, "folder\\sub\\file", A.FILE_READ_DATA) == DENIED
    assert await status_of(bob, "folder\\sub\\new", ALL, create_disposition=D.FILE_CREATE) == DENIED
    assert await status_of(alice, "folder\\sub\\file", ALL) == NtStatus.SUCCESS
    opened = await alice.open("folder\\sub\\file")
    inherited = allow(ALICE, ALL, AceFlags.INHERITED_ACE)
    assert (await shown(alice, opened)).dacl == Acl([inherited])


async def test_a_folder_that_is_made_anew_starts_anew(alice: Client, bob: Client) -> None:
    folder = await made(alice, "folder", None, create_options=DIRECTORY)
    await secure(alice, folder, dacl(allow(ALICE, ALL, BOTH)))
    assert await status_of(bob, "folder\\x", ALL, create_disposition=D.FILE_CREATE) == DENIED
    await alice.call(CloseRequest(folder))
    await status_of(alice, "folder", A.DELETE, create_options=DELETE_ON_CLOSE)

    await made(alice, "folder", None, create_options=DIRECTORY)
    assert await status_of(bob, "folder\\x", ALL, create_disposition=D.FILE_CREATE) == 0


async def test_a_folder_that_moves_comes_under_other_rules(alice: Client, bob: Client) -> None:
    private = await made(
        alice, "private", None, create_options=DIRECTORY, desired_access=int(A.WRITE_DAC)
    )
    await secure(alice, private, dacl(allow(ALICE, ALL, BOTH)))
    moved = await made(alice, "moved", None, create_options=DIRECTORY)
    await alice.call(CloseRequest(await made(alice, "moved\\file", None)))
    assert await status_of(bob, "moved\\file", READ) == NtStatus.SUCCESS

    kind = FileInformationClass.FileRenameInformation
    wanted = RenameInformation("private\\moved").encode()
    assert (await alice.call(SetInfoRequest(InfoType.FILE, kind, moved, wanted))).status == 0

    assert await status_of(bob, "private\\moved\\file", READ) == DENIED


@pytest.mark.parametrize("has_list", [False, True])
async def test_the_rights_on_a_file_do_not_change_with_its_place(
    alice: Client, root: Path, has_list: bool
) -> None:
    old = dacl(allow(ALICE, ALL, BOTH))
    await alice.call(CloseRequest(await made(alice, "old", old, create_options=DIRECTORY)))
    file = await made(alice, "old\\file", None)
    (root / "folder").mkdir()
    own = Acl([allow(ALICE, ALL)]) if has_list else None
    stored = SecurityDescriptor(owner=ALICE, dacl=own)
    stored.control = Control.SR | (Control.DP if has_list else Control(0))
    os.setxattr(root / "old" / "file", FOR_THE_DISK, stored.encode())
    before = os.getxattr(root / "old" / "file", FOR_THE_DISK)

    kind = FileInformationClass.FileRenameInformation
    wanted = RenameInformation("folder\\file").encode()
    assert (await alice.call(SetInfoRequest(InfoType.FILE, kind, file, wanted))).status == 0

    # What it inherited where it was is its own now; what was its own stays as it is.
    after = os.getxattr(root / "folder" / "file", FOR_THE_DISK)
    assert (after == before) is has_list
    assert SecurityDescriptor.decode(after).control & Control.DP


async def test_a_descriptor_that_is_asked_for(alice: Client, bob: Client) -> None:
    wanted = SecurityDescriptor(
        EVERYONE, LOCAL_SYSTEM, Acl([allow(EVERYONE, A.READ_CONTROL | A.DELETE)])
    )
    for name, options in (("file", 0), ("folder", DIRECTORY)):
        file_id = await made(alice, name, None, contexts=secd(wanted), create_options=options)
        found = await shown(alice, file_id, OWNER | GROUP | DACL)
        assert (found.owner, found.group, found.dacl) == (
            wanted.owner,
            wanted.group,
            wanted.dacl,
        )
    # It is no matter for what is there already.
    await status_of(bob, "file", A.READ_CONTROL, contexts=secd(dacl(allow(BOB, ALL))))
    assert await status_of(bob, "file", A.FILE_READ_DATA) == DENIED


async def test_an_owner_that_somebody_is_not(alice: Client, root: Path) -> None:
    wanted = SecurityDescriptor(BOB, None, Acl([allow(BOB, ALL)]))
    response = await alice.create("file", contexts=secd(wanted))

    assert response.status == NtStatus.INVALID_OWNER
    assert not (root / "file").exists()
    file_id = await made(alice, "file", None)
    assert await secure(alice, file_id, wanted, OWNER) == NtStatus.INVALID_OWNER
    assert await secure(alice, file_id, SecurityDescriptor(EVERYONE), OWNER) == NtStatus.SUCCESS
    assert (await shown(alice, file_id)).owner == EVERYONE


async def test_a_null_dacl(alice: Client, bob: Client) -> None:
    file_id = await made(alice, "file", dacl())
    await secure(alice, file_id, SecurityDescriptor())

    found = await shown(alice, file_id)
    assert found.dacl is None
    assert found.control & Control.DP
    assert await status_of(bob, "file", ALL) == NtStatus.SUCCESS


async def test_streams_are_under_the_file_s_rules(alice: Client, bob: Client) -> None:
    stream = await alice.open("file:s")
    assert await secure(alice, stream, dacl(allow(BOB, READ), allow(ALICE, ALL))) == 0

    assert await status_of(bob, "file:s", A.FILE_READ_DATA) == NtStatus.SUCCESS
    assert await status_of(bob, "file:s", A.FILE_WRITE_DATA) == DENIED
    for disposition in (D.FILE_OVERWRITE, D.FILE_SUPERSEDE):
        overwritten = await status_of(bob, "file:s", READ, create_disposition=disposition)
        assert overwritten == DENIED
    made_new = await status_of(bob, "file:new", READ, create_disposition=D.FILE_OPEN_IF)
    assert made_new == DENIED
    assert await status_of(alice, "file:new", READ) == NtStatus.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize("structure", [RenameInformation, LinkInformation])
async def test_moving_something_somewhere(
    alice: Client, bob: Client, structure: type[RenameInformation] | type[LinkInformation]
) -> None:
    kind = getattr(FileInformationClass, f"File{structure.__name__}")

    async def move(name: str) -> NtStatus:
        file_id = await bob.open("mine")
        request = SetInfoRequest(InfoType.FILE, kind, file_id, structure(name, True).encode())
        status: NtStatus = (await bob.call(request)).status
        await bob.call(CloseRequest(file_id))
        return status

    folder = await made(
        alice, "folder", None, create_options=DIRECTORY, desired_access=int(A.WRITE_DAC)
    )
    await alice.call(CloseRequest(await made(alice, "folder\\file", dacl(allow(BOB, READ)))))
    await bob.call(CloseRequest(await made(bob, "mine", None)))

    await secure(alice, folder, dacl(allow(BOB, READ)))
    assert await move("folder\\new") == DENIED
    await secure(alice, folder, dacl(allow(BOB, A.FILE_ADD_FILE)))
    assert await move("folder\\file") == DENIED
    assert await move("folder\\new") == NtStatus.SUCCESS
    await secure(alice, folder, dacl(allow(BOB, A.FILE_ADD_FILE | A.FILE_DELETE_CHILD)))
    assert await move("folder\\file") == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [(READ | A.FILE_WRITE_ATTRIBUTES, True), (ALL & ~A.FILE_WRITE_ATTRIBUTES, False)],
)
async def test_a_further_name_needs_the_right_to_change_attributes(
    alice: Client, bob: Client, rights: int, allowed: bool
) -> None:
    await made(alice, "file", dacl(allow(BOB, rights)))
    opened = await bob.open("file", desired_access=int(A.FILE_READ_ATTRIBUTES))

    kind = FileInformationClass.FileLinkInformation
    wanted = SetInfoRequest(InfoType.FILE, kind, opened, LinkInformation("new").encode())
    expected = NtStatus.SUCCESS if allowed else DENIED
    assert (await bob.call(wanted)).status == expected


async def test_what_a_group_may_its_members_may(alice: Client, bob: Client) -> None:
    await made(alice, "theirs", dacl(allow(group_sid("Staff"), READ)))
    await made(alice, "others", dacl(allow(group_sid("paris"), READ)))
    assert await status_of(bob, "theirs", A.FILE_READ_DATA) == NtStatus.SUCCESS
    assert await status_of(bob, "theirs", A.FILE_WRITE_DATA) == DENIED
    assert await status_of(bob, "others", A.FILE_READ_DATA) == DENIED


async def test_guests_are_held_to_it_too(server_with: ServerWith, connect: Connect) -> None:
    server = server_with()
    alice = await connect(to=server)
    guest = await connect(
        to=server, token="guest:secret", signing_required=False, guest_allowed=True
    )
    await made(alice, "open", None)
    await made(alice, "closed", dacl(allow(ALICE, ALL)))

    assert await status_of(guest, "open", A.FILE_READ_DATA) == NtStatus.SUCCESS
    assert await status_of(guest, "closed", A.FILE_READ_DATA) == DENIED


async def test_a_disk_without_a_place_for_descriptors(
    server_with: ServerWith, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    alice = await connect(to=server_with())
    wanted = dacl(allow(ALICE, ALL))
    file_id = await made(alice, "file", None, contexts=secd(wanted))
    found = await shown(alice, file_id)

    assert found.dacl != wanted.dacl
    assert await secure(alice, file_id, wanted) == NtStatus.NOT_SUPPORTED
    assert await secure(alice, file_id, found, OWNER | DACL) == NtStatus.SUCCESS
