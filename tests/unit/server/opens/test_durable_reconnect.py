"""Which client gets its durable open back, and how it finds it.

[MS-SMB2] 3.3.5.9.7, 3.3.5.9.12
"""

from collections.abc import Callable
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import CREATE_REQUEST_LEASE, LeaseV1, LeaseV2, decode_lease
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.opens.durable import (
    BATCH,
    EXCLUSIVELY,
    KEY,
    NOT_FOUND,
    OTHER_CLIENT,
    OTHER_GUID,
    OTHER_KEY,
    OWNER,
    PERSISTENT,
    RWH,
    asks,
    batch,
    durable,
    is_durable,
    leased,
    returns,
)
from tests.unit.server.smb_client import Client, Connect, CreateFields


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("fields", [batch, leased], ids=["oplock", "lease"])
async def test_the_owner_comes_back_to_it_as_it_was(
    connect: Connect,
    owner: Client,
    server: Server,
    version: int,
    fields: Callable[..., CreateFields],
) -> None:
    before = await durable(owner, fields(asks(version)), version)
    await owner.call(WriteRequest(0, before, b"content"))
    lock = LockElement(0, 4, EXCLUSIVELY)
    assert (await owner.call(LockRequest(0, before, [lock]))).status == NtStatus.SUCCESS
    await owner.close()
    assert len(server.files) == len(server.files.durables) == 1

    owner = await connect(**OWNER)
    response = await owner.create("file", **fields(returns(version, before)))
    assert response.status == NtStatus.SUCCESS
    after = response.body.file_id
    assert after.persistent == before.persistent
    assert after.volatile != before.volatile
    assert response.body.end_of_file == 7
    assert not is_durable(response, version)
    if fields is leased:
        data = find(response.body.contexts, CREATE_REQUEST_LEASE)
        assert data is not None
        assert decode_lease(data).lease_state == RWH
    else:
        assert response.body.oplock_level == BATCH
    assert (await owner.call(ReadRequest(7, 0, before))).status == NtStatus.FILE_CLOSED
    unlock = LockElement(0, 4, LockFlags.UNLOCK)
    assert (await owner.call(LockRequest(0, after, [unlock]))).status == NtStatus.SUCCESS
    assert (await owner.call(CloseRequest(after))).status == NtStatus.SUCCESS
    assert not len(server.files)
    assert not len(server.files.durables)


async def test_it_survives_any_number_of_times(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    for turn in range(5):
        assert (await owner.call(WriteRequest(turn, file_id, b"x"))).status == NtStatus.SUCCESS
        await owner.close()
        owner = await connect(**OWNER)
        response = await owner.create("file", **leased(returns(2, file_id)))
        assert response.status == NtStatus.SUCCESS
        file_id = response.body.file_id


async def test_who_comes_back_before_he_was_missed_says_which_session_he_had(
    connect: Connect, owner: Client
) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    early = await connect(**OWNER)
    assert (await early.create("file", **leased(returns(2, file_id)))).status == NOT_FOUND
    again = await connect(token="", **OWNER)
    await again.log_on(previous_session_id=owner.logged_on.id)
    await again.connect()
    response = await again.create("file", **leased(returns(2, file_id)))
    assert response.status == NtStatus.SUCCESS


async def test_who_logs_off_may_come_back(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    assert (await owner.call(LogoffRequest())).status == NtStatus.SUCCESS
    owner = await connect(**OWNER)
    response = await owner.create("file", **leased(returns(2, file_id)))
    assert response.status == NtStatus.SUCCESS


async def test_who_leaves_the_share_gives_it_up(
    connect: Connect, owner: Client, server: Server
) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    assert (await owner.call(TreeDisconnectRequest())).status == NtStatus.SUCCESS
    assert not len(server.files.durables)
    owner = await connect(**OWNER)
    assert (await owner.create("file", **leased(returns(2, file_id)))).status == NOT_FOUND


async def test_a_stream_comes_back_under_any_of_its_names(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, leased(asks(2)), 2, name="folder:stream")
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("folder:STREAM:$DATA", **leased(returns(2, file_id)))
    assert response.status == NtStatus.SUCCESS


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("fields", [batch, leased], ids=["oplock", "lease"])
async def test_another_user_does_not_get_it(
    connect: Connect, owner: Client, version: int, fields: Callable[..., CreateFields]
) -> None:
    file_id = await durable(owner, fields(asks(version)), version)
    await owner.close()
    bob = await connect(token="bob:secret", **OWNER)
    response = await bob.create("file", **fields(returns(version, file_id)))
    assert response.status == NtStatus.ACCESS_DENIED
    owner = await connect(**OWNER)
    response = await owner.create("file", **fields(returns(version, file_id)))
    assert response.status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    "wrong",
    [
        leased(returns(2, FileId(999, 1))),
        leased(returns(2, FileId(1, 1), guid=OTHER_GUID)),
        leased(returns(2, FileId(1, 1)), lease=LeaseV2(OTHER_KEY, RWH)),
        leased(returns(2, FileId(1, 1)), lease=LeaseV1(KEY, RWH)),
        batch(returns(2, FileId(1, 1))),
        leased(returns(1, FileId(1, 1)), lease=LeaseV2(OTHER_KEY, RWH)),
        batch(returns(1, FileId(1, 1))),
    ],
    ids=[
        "another id",
        "another create guid",
        "another lease key",
        "another version of lease",
        "no lease",
        "another lease key in version 1",
        "no lease in version 1",
    ],
)
async def test_who_knows_too_little_does_not_get_it(
    connect: Connect, owner: Client, server: Server, wrong: dict[str, Any]
) -> None:
    assert await durable(owner, leased(asks(2)), 2) == FileId(1, 1)
    await owner.close()
    owner = await connect(**OWNER)
    assert (await owner.create("file", **wrong)).status == NOT_FOUND
    assert len(server.files.durables) == 1


async def test_a_lease_is_no_oplock(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, batch(asks(2)), 2)
    await owner.close()
    owner = await connect(**OWNER)
    assert (await owner.create("file", **leased(returns(2, file_id)))).status == NOT_FOUND


@pytest.mark.parametrize("version", [1, 2])
async def test_another_client_gets_no_lease_back_but_an_oplock(
    connect: Connect, owner: Client, version: int
) -> None:
    with_lease = await durable(owner, leased(asks(version)), version)
    with_oplock = await durable(owner, batch(asks(version, guid=OTHER_GUID)), version, name="other")
    await owner.close()
    other = await connect(**OTHER_CLIENT)
    response = await other.create("file", **leased(returns(version, with_lease)))
    assert response.status == NOT_FOUND
    back = batch(returns(version, with_oplock, guid=OTHER_GUID))
    assert (await other.create("other", **back)).status == NtStatus.SUCCESS


@pytest.mark.parametrize("version", [1, 2])
async def test_with_a_lease_the_name_has_to_be_right(
    connect: Connect, owner: Client, version: int
) -> None:
    file_id = await durable(owner, leased(asks(version)), version)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("another", **leased(returns(version, file_id)))
    assert response.status == NtStatus.INVALID_PARAMETER
    response = await owner.create("FILE", **leased(returns(version, file_id)))
    assert response.status == NtStatus.SUCCESS


@pytest.mark.parametrize("version", [1, 2])
async def test_with_an_oplock_the_name_does_not_matter(
    connect: Connect, owner: Client, version: int, listing: Callable[[], list[str]]
) -> None:
    file_id = await durable(owner, batch(asks(version)), version)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("another", **batch(returns(version, file_id)))
    assert response.status == NtStatus.SUCCESS
    assert listing() == ["file"]


async def test_a_lease_that_deletes_is_known_by_any_name(connect: Connect, owner: Client) -> None:
    fields = leased(asks(2), create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    file_id = await durable(owner, fields, 2)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("another", **leased(returns(2, file_id)))
    assert response.status == NtStatus.SUCCESS


async def test_nobody_comes_back_to_what_is_persistent(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, leased(asks(2, flags=PERSISTENT)), 2)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("file", **leased(returns(2, file_id, flags=PERSISTENT)))
    assert response.status == NtStatus.INVALID_PARAMETER
    response = await owner.create("file", **leased(returns(2, file_id)))
    assert response.status == NtStatus.SUCCESS


async def test_it_stays_in_its_share(connect: Connect, owner: Client) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    await owner.close()
    owner = await connect(share="ro", **OWNER)
    assert (await owner.create("file", **leased(returns(2, file_id)))).status == NOT_FOUND


async def test_what_was_opened_with_version_2_comes_back_with_version_1(
    connect: Connect, owner: Client
) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("file", **leased(returns(1, file_id), asks(1)))
    assert response.status == NtStatus.SUCCESS
    assert not is_durable(response, 1)


@pytest.mark.parametrize(
    ("guid", "status"), [(bytes(16), NtStatus.SUCCESS), (OTHER_GUID, NOT_FOUND)]
)
async def test_what_was_opened_with_version_1_has_no_guid(
    connect: Connect, owner: Client, guid: bytes, status: NtStatus
) -> None:
    file_id = await durable(owner, leased(asks(1)), 1)
    await owner.close()
    owner = await connect(**OWNER)
    response = await owner.create("file", **leased(returns(2, file_id, guid=guid)))
    assert response.status == status


async def test_what_is_not_durable_ends_with_its_connection(
    connect: Connect, owner: Client, server: Server
) -> None:
    response = await owner.create("file", **leased())
    await owner.close()
    assert not len(server.files)
    owner = await connect(**OWNER)
    back = leased(returns(2, response.body.file_id, guid=bytes(16)))
    assert (await owner.create("file", **back)).status == NOT_FOUND
