"""Applications that go on elsewhere, and close what they had open before.

[MS-SMB2] 3.3.5.9.13
"""

from types import SimpleNamespace
from typing import Any, Unpack

import pytest

from smbquic.auth.identity import Identity
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.app_instances import may_read
from smbquic.server.security import access
from smbquic.server.security.accounts import token_of
from smbquic.server.server import Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    AppInstanceId,
    AppInstanceVersion,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
)
from smbquic.wire.dtyp.acl import Ace, AceType, Acl
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptor
from smbquic.wire.file_id import FileId
from smbquic.wire.negotiate import Dialect
from smbquic.wire.read import ReadRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields

APPLICATION, OTHER_APPLICATION = b"the application!", b"another program."
HERE = {"client_guid": b"the lost machine"}
THERE = {"client_guid": b"another machine!"}
FORCED_CLOSED = NtStatus.FILE_FORCED_CLOSED
SHARING_VIOLATION = NtStatus.SHARING_VIOLATION
GUID = b"the create guid."

Version = tuple[int, int] | None


def named(
    version: Version = None,
    *more: CreateContext,
    application: bytes = APPLICATION,
    **fields: Unpack[CreateFields],
) -> CreateFields:
    """Opens for an application, and lets nobody else open the same."""
    contexts = [AppInstanceId(application).context(), *more]
    if version is not None:
        contexts.append(AppInstanceVersion(*version).context())
    return {"contexts": contexts, "share_access": 0, **fields}


def durable(guid: bytes = GUID) -> CreateContext:
    return DurableHandleRequestV2(0, 0, guid).context()


async def is_open(client: Client, file_id: FileId) -> bool:
    status = (await client.call(ReadRequest(1, 0, file_id))).status
    assert status in (NtStatus.END_OF_FILE, NtStatus.FILE_CLOSED)
    return bool(status == NtStatus.END_OF_FILE)


@pytest.fixture
async def here(connect: Connect) -> Client:
    return await connect(**HERE)


@pytest.fixture
async def there(connect: Connect) -> Client:
    return await connect(**THERE)


async def test_what_it_had_open_is_closed(here: Client, there: Client, server: Server) -> None:
    before = await here.open("file", **named())
    after = await there.open("FILE", **named())
    assert not await is_open(here, before)
    assert await is_open(there, after)
    assert len(server.files) == len(server.files.app_instances) == 1
    await there.call(CloseRequest(after))
    assert not len(server.files.app_instances)


async def test_all_of_it_that_has_the_name(here: Client, there: Client) -> None:
    shared: CreateFields = {"share_access": 7}
    opens = [await here.open("file", **named(**shared)) for _ in range(3)]
    elsewhere = await here.open("elsewhere", **named())
    await there.open("file", **named())
    assert not any([await is_open(here, file_id) for file_id in opens])
    assert await is_open(here, elsewhere)


@pytest.mark.parametrize(
    "other",
    [named(application=OTHER_APPLICATION), {"share_access": 0}],
    ids=["another application", "no application"],
)
async def test_not_what_others_have_open(
    here: Client, there: Client, other: dict[str, Any]
) -> None:
    file_id = await here.open("file", **other)
    assert (await there.create("file", **named())).status == SHARING_VIOLATION
    assert await is_open(here, file_id)


async def test_not_what_it_has_open_on_the_same_machine(connect: Connect, here: Client) -> None:
    file_id = await here.open("file", **named())
    again = await connect(**HERE)
    assert (await again.create("file", **named())).status == SHARING_VIOLATION
    assert await is_open(here, file_id)


async def test_not_what_it_has_open_through_another_share(connect: Connect, here: Client) -> None:
    readable: CreateFields = {"share_access": 1, "desired_access": int(AccessMask.FILE_READ_DATA)}
    file_id = await here.open("file", **named(**readable))
    there = await connect(share="ro", **THERE)
    await there.open("file", **named(**readable))
    assert await is_open(here, file_id)


async def test_what_waits_for_its_owner_is_closed_too(
    connect: Connect, here: Client, there: Client, server: Server
) -> None:
    fields = named(None, durable(), requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    file_id = await here.open("file", **fields)
    await here.close()
    assert len(server.files.durables) == 1
    await there.open("file", **named())
    assert not len(server.files.durables)
    here = await connect(**HERE)
    back = DurableHandleReconnectV2(file_id, GUID).context()
    response = await here.create("file", **named(None, back))
    assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND


async def test_who_comes_back_takes_nothing_over(
    connect: Connect, here: Client, server: Server
) -> None:
    fields = named(None, durable(), requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    file_id = await here.open("file", **fields)
    await here.close()
    there = await connect(**THERE)
    back = DurableHandleReconnectV2(file_id, GUID).context()
    response = await there.create("file", **named(None, back))
    assert response.status == NtStatus.SUCCESS
    assert response.body.file_id.persistent == file_id.persistent


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (None, None, NtStatus.SUCCESS),
        (None, (0, 1), NtStatus.SUCCESS),
        ((0, 1), None, FORCED_CLOSED),
        ((0, 1), (0, 2), NtStatus.SUCCESS),
        ((0, 2), (0, 2), FORCED_CLOSED),
        ((0, 2), (0, 1), FORCED_CLOSED),
        ((0, 9), (1, 0), NtStatus.SUCCESS),
        ((1, 0), (0, 9), FORCED_CLOSED),
        ((0, 0), (0, 0), FORCED_CLOSED),
    ],
)
async def test_the_newer_version_wins(
    here: Client, there: Client, before: Version, after: Version, status: NtStatus
) -> None:
    file_id = await here.open("file", **named(before))
    assert (await there.create("file", **named(after))).status == status
    assert await is_open(here, file_id) is (status == FORCED_CLOSED)


@pytest.mark.parametrize(
    ("contexts", "status"),
    [([], SHARING_VIOLATION), ([durable()], NtStatus.SUCCESS)],
    ids=["not durable", "durable"],
)
async def test_before_3_1_1_it_has_to_be_durable(
    connect: Connect, contexts: list[CreateContext], status: NtStatus
) -> None:
    here = await connect(dialects=(Dialect.SMB_3_0_2,), **HERE)
    there = await connect(dialects=(Dialect.SMB_3_0_2,), **THERE)
    await here.open("file", **named(None, *contexts))
    assert (await there.create("file", **named(None, *contexts))).status == status


async def test_before_3_1_1_there_are_no_versions(connect: Connect, here: Client) -> None:
    there = await connect(dialects=(Dialect.SMB_3_0_2,), **THERE)
    await here.open("file", **named((0, 1)))
    response = await there.create("file", **named((0, 2), durable()))
    assert response.status == FORCED_CLOSED


@pytest.mark.parametrize("contexts", [[], [durable()]], ids=["not durable", "durable"])
async def test_before_3_0_there_are_no_applications(
    connect: Connect, here: Client, contexts: list[CreateContext]
) -> None:
    there = await connect(dialects=(Dialect.SMB_2_1,), **THERE)
    file_id = await here.open("file", **named())
    assert (await there.create("file", **named(None, *contexts))).status == SHARING_VIOLATION
    assert await is_open(here, file_id)


async def test_who_may_not_read_a_file_closes_nobodys(connect: Connect, here: Client) -> None:
    alice = token_of(Identity("alice", "")).user
    mine = SecurityDescriptor(dacl=Acl([Ace(AceType.ACCESS_ALLOWED, 0, int(access.ALL), alice)]))
    fields = named(None, CreateContext(b"SecD", mine.encode()))
    file_id = await here.open("file", **fields)
    bob = await connect(token="bob:secret", **THERE)
    for wanted in (AccessMask.FILE_READ_DATA, AccessMask.FILE_READ_ATTRIBUTES):
        await bob.create("file", **named(desired_access=int(wanted)))
    assert await is_open(here, file_id)


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        (None, True),
        (access.ALL, True),
        (access.READ, True),
        (access.READ | access.WRITE, True),
        (access.READ & ~int(AccessMask.FILE_READ_EA), False),
        (access.ALL & ~int(AccessMask.FILE_READ_DATA), False),
        (0, False),
    ],
)
def test_who_may_read_a_file_has_all_rights_for_that(rights: int | None, expected: bool) -> None:
    alice = token_of(Identity("alice", ""))
    descriptor = None
    if rights is not None:
        aces = [Ace(AceType.ACCESS_ALLOWED, 0, int(rights), alice.user)]
        descriptor = SecurityDescriptor(dacl=Acl([*aces]))
    descriptors: Any = SimpleNamespace(effective=lambda storage, file: descriptor)
    entry: Any = SimpleNamespace(storage=None, file=None)

    assert may_read(descriptors, alice, entry) is expected
