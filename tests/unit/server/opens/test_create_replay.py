"""CREATEs that come again, as their answer was lost. [MS-SMB2] 3.3.5.9, 3.3.5.9.10"""

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.response import Response
from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, OplockLevel
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    LeaseV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.oplock_break import OplockBreakAcknowledgment
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith, Until

RWH = READ | WRITE | HANDLE
OWNER = {"client_guid": b"the same client."}
OTHER_CLIENT = {"client_guid": b"another client!!"}
GUID, OTHER_GUID = b"the create guid.", b"some other guid."
KEY, OTHER_KEY = b"K" * 16, b"O" * 16
DUPLICATE = NtStatus.DUPLICATE_OBJECTID
NO_SHARING: CreateFields = {"share_access": 0}


def batch(guid: bytes = GUID, **fields: Unpack[CreateFields]) -> CreateFields:
    contexts = [DurableHandleRequestV2(60_000, 0, guid).context()]
    level = OplockLevel.OPLOCK_LEVEL_BATCH
    return {"requested_oplock_level": level, "contexts": contexts, **fields}


def leased(key: bytes = KEY) -> CreateFields:
    contexts = [DurableHandleRequestV2(0, 0, GUID).context(), LeaseV2(key, RWH).context()]
    return {"requested_oplock_level": OplockLevel.OPLOCK_LEVEL_LEASE, "contexts": contexts}


@pytest.fixture
async def owner(connect: Connect) -> Client:
    return await connect(**OWNER)


async def again(client: Client, name: str = "file", **fields: Unpack[CreateFields]) -> Response:
    """Sends a CREATE as one that was sent before."""
    client.protocol.replay = True
    try:
        return await client.create(name, **fields)
    finally:
        client.protocol.replay = False


async def test_it_gets_what_it_has_opened_and_opens_nothing_more(
    owner: Client, server: Server
) -> None:
    first = await owner.create("file", **batch(**NO_SHARING))
    second = await again(owner, **batch(**NO_SHARING))
    assert second.status == NtStatus.SUCCESS
    assert second.body.file_id == first.body.file_id
    assert second.body.create_action == first.body.create_action == 2
    assert second.body.oplock_level == OplockLevel.OPLOCK_LEVEL_BATCH
    data = find(second.body.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2)
    assert data is not None
    assert DurableHandleResponseV2.decode(data).timeout == 60_000
    assert (await owner.call(CloseRequest(first.body.file_id))).status == NtStatus.SUCCESS
    assert not len(server.files)
    assert not len(server.files.create_replays)


async def test_it_comes_over_another_channel_as_well(connect: Connect, owner: Client) -> None:
    first = await owner.create("file", **leased())
    channel = await connect(token="", **OWNER)
    await channel.bind(owner)
    await owner.close()
    channel.protocol.channel_sequence = 1
    second = await again(channel, **leased())
    assert second.status == NtStatus.SUCCESS
    assert second.body.file_id == first.body.file_id
    write = WriteRequest(0, first.body.file_id, b"x")
    assert (await channel.call(write)).status == NtStatus.SUCCESS


async def test_what_never_came_is_new(owner: Client, root: Path) -> None:
    response = await again(owner, **batch())
    assert response.status == NtStatus.SUCCESS
    assert (root / "file").exists()


async def test_a_used_guid_is_not_used_for_something_new(
    owner: Client, listing: Callable[[], list[str]]
) -> None:
    await owner.open("file", **batch())
    assert (await owner.create("file", **batch())).status == DUPLICATE
    assert (await owner.create("another", **batch())).status == DUPLICATE
    assert listing() == ["file"]
    assert (await owner.create("another", **batch(OTHER_GUID))).status == NtStatus.SUCCESS


async def test_another_client_may_use_the_same_guid(connect: Connect, owner: Client) -> None:
    file_id = await owner.open("file", **batch())
    other = await connect(**OTHER_CLIENT)
    response = await again(other, "another", **batch())
    assert response.status == NtStatus.SUCCESS
    assert response.body.file_id != file_id


async def test_another_user_does_not_get_it(connect: Connect, owner: Client) -> None:
    await owner.open("file", **batch())
    bob = await connect(token="bob:secret", **OWNER)
    assert (await again(bob, **batch())).status == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize("fields", [leased(OTHER_KEY), batch()], ids=["another", "none"])
async def test_the_lease_has_to_be_the_same(owner: Client, fields: CreateFields) -> None:
    await owner.open("file", **leased())
    assert (await again(owner, **fields)).status == NtStatus.ACCESS_DENIED


async def test_an_oplock_is_no_lease(owner: Client) -> None:
    await owner.open("file", **batch())
    assert (await again(owner, **leased())).status == NtStatus.ACCESS_DENIED


@pytest.mark.parametrize("lost", [False, True])
async def test_another_session_does_not_get_it(connect: Connect, owner: Client, lost: bool) -> None:
    await owner.open("file", **batch())
    if lost:
        await owner.close()
    other = await connect(**OWNER)
    assert (await again(other, **batch())).status == DUPLICATE


async def test_once_something_was_done_it_cannot_come_again(owner: Client, server: Server) -> None:
    file_id = await owner.open("file", **batch())
    await owner.call(WriteRequest(0, file_id, b"x"))
    assert not len(server.files.create_replays)
    opens = owner.begin("file", **batch(requested_oplock_level=0))
    await owner.notice()
    await owner.call(OplockBreakAcknowledgment(0, file_id))
    response = await owner.answer(opens)
    assert response.status == NtStatus.SUCCESS
    assert response.body.file_id != file_id


async def test_what_was_closed_is_opened_anew(owner: Client, server: Server) -> None:
    file_id: FileId = await owner.open("file", **batch())
    await owner.call(CloseRequest(file_id))
    response = await again(owner, **batch())
    assert response.status == NtStatus.SUCCESS
    assert response.body.file_id != file_id


async def test_while_the_first_waits_it_is_not_there_yet(connect: Connect, owner: Client) -> None:
    other = await connect(**OTHER_CLIENT)
    file_id = await other.open("file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    waiting = owner.begin("file", **batch())
    await owner.interim(waiting)
    assert (await again(owner, **batch())).status == NtStatus.FILE_NOT_AVAILABLE
    assert (await owner.create("file", **batch())).status == DUPLICATE
    await other.notice()
    await other.call(OplockBreakAcknowledgment(0, file_id))
    first = await owner.answer(waiting)
    assert first.status == NtStatus.SUCCESS
    second = await again(owner, **batch())
    assert second.body.file_id == first.body.file_id


async def test_one_that_waits_goes_on_as_long_as_its_session_has_a_connection(
    connect: Connect,
    server_with: ServerWith,
    until: Until,
) -> None:
    # Nobody stops to wait for the other client before the test is over.
    server = server_with(Limits(interim_delay=30.0, break_seconds=600.0))
    other = await connect(to=server, **OTHER_CLIENT)
    await other.open("file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    owner = await connect(to=server, **OWNER)
    channel = await connect(to=server, token="", **OWNER)
    await channel.bind(owner)
    await owner.interim(owner.begin("file", **batch()))
    await owner.close()
    assert (await again(channel, **batch())).status == NtStatus.FILE_NOT_AVAILABLE
    assert len(server.files.create_replays) == 1
    await channel.close()
    await until(lambda: not len(server.files.create_replays))


async def test_what_failed_may_be_tried_again(owner: Client, root: Path) -> None:
    fields = batch(create_disposition=CreateDisposition.FILE_OPEN)
    assert (await owner.create("file", **fields)).status == NtStatus.OBJECT_NAME_NOT_FOUND
    (root / "file").touch()
    assert (await owner.create("file", **fields)).status == NtStatus.SUCCESS
