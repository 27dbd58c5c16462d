"""Opens that wait for their owner: who may have them, who gets them back, and for how long.

[MS-SMB2] 3.3.5.9.6, 3.3.5.9.7, 3.3.5.9.10, 3.3.5.9.12, 3.3.7.1
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.response import Response
from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    CREATE_REQUEST_LEASE,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    LeaseV1,
    LeaseV2,
    decode_lease,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.logoff import LogoffRequest
from smbquic.wire.negotiate import Dialect
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.conftest import Client, Connect

RH, RWH = READ | HANDLE, READ | WRITE | HANDLE
BATCH, LEASE = OplockLevel.OPLOCK_LEVEL_BATCH, OplockLevel.OPLOCK_LEVEL_LEASE
GUID, OTHER_GUID = b"the create guid.", b"some other guid."
KEY, OTHER_KEY = b"K" * 16, b"O" * 16
OWNER = {"client_guid": b"the same client."}
OTHER_CLIENT = {"client_guid": b"another client!!"}
PERSISTENT = DurableHandleFlags.PERSISTENT
NOT_FOUND = NtStatus.OBJECT_NAME_NOT_FOUND
EXCLUSIVELY = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY


def asks(version: int, *, timeout: int = 0, flags: int = 0, guid: bytes = GUID) -> CreateContext:
    """Asks for a durable open."""
    if version == 1:
        return DurableHandleRequest().context()
    return DurableHandleRequestV2(timeout, flags, guid).context()


def returns(version: int, file_id: FileId, *, guid: bytes = GUID, flags: int = 0) -> CreateContext:
    """Comes back for one."""
    if version == 1:
        return DurableHandleReconnect(file_id).context()
    return DurableHandleReconnectV2(file_id, guid, flags).context()


def leased(
    *contexts: CreateContext, lease: LeaseV1 | LeaseV2 | None = None, **fields: Any
) -> dict[str, Any]:
    lease = lease or LeaseV2(KEY, RWH)
    return {
        "requested_oplock_level": LEASE,
        "contexts": [*contexts, lease.context()],
        **fields,
    }


def batch(*contexts: CreateContext, **fields: Any) -> dict[str, Any]:
    return {"requested_oplock_level": BATCH, "contexts": list(contexts), **fields}


def is_durable(response: Response, version: int) -> bool:
    assert response.status == NtStatus.SUCCESS, response.status.label
    names = {1: CREATE_DURABLE_HANDLE_REQUEST, 2: CREATE_DURABLE_HANDLE_REQUEST_V2}
    return find(response.body.contexts, names[version]) is not None


def replace(root: Path) -> None:
    """Delete the share's folder, and make it again."""
    shutil.rmtree(root)
    root.mkdir()


async def durable(
    client: Client, fields: dict[str, Any], version: int, name: str = "file"
) -> FileId:
    """Opens a file durably, and leaves it alone."""
    response = await client.create(name, **fields)
    assert is_durable(response, version)
    file_id: FileId = response.body.file_id
    return file_id


@pytest.fixture
async def owner(connect: Connect) -> Client:
    return await connect(**OWNER)


# --- who gets one -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("level", "granted"),
    [
        (OplockLevel.OPLOCK_LEVEL_NONE, False),
        (OplockLevel.OPLOCK_LEVEL_II, False),
        (OplockLevel.OPLOCK_LEVEL_EXCLUSIVE, False),
        (BATCH, True),
    ],
)
async def test_an_oplock_has_to_be_a_batch_oplock(
    owner: Client, version: int, level: int, granted: bool
) -> None:
    fields = batch(asks(version), requested_oplock_level=level)
    assert is_durable(await owner.create("file", **fields), version) is granted


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("state", "granted"), [(READ, False), (READ | WRITE, False), (RH, True), (RWH, True)]
)
async def test_a_lease_has_to_cover_the_handle(
    owner: Client, version: int, state: int, granted: bool
) -> None:
    fields = leased(asks(version), lease=LeaseV2(KEY, state))
    assert is_durable(await owner.create("file", **fields), version) is granted


@pytest.mark.parametrize("version", [1, 2])
async def test_folders_and_guests_get_none(connect: Connect, owner: Client, version: int) -> None:
    folder = leased(asks(version), create_options=CreateOptions.FILE_DIRECTORY_FILE)
    assert not is_durable(await owner.create("folder", **folder), version)
    assert (await owner.call(CloseRequest(await owner.open("file")))).status == NtStatus.SUCCESS
    guest = await connect(token="guest:secret", signing_required=False, guest_allowed=True)
    assert not is_durable(await guest.create("file", **batch(asks(version))), version)


async def test_old_dialects_know_nothing_of_version_2(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_1,))
    assert not is_durable(await client.create("file", **batch(asks(2))), 2)


@pytest.mark.parametrize(
    ("asked", "told"), [(0, 120_000), (1, 1), (60_000, 60_000), (900_000, 300_000)]
)
async def test_the_time_is_the_clients_up_to_a_limit(owner: Client, asked: int, told: int) -> None:
    response = await owner.create("file", **batch(asks(2, timeout=asked)))
    data = find(response.body.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2)
    assert data is not None
    assert DurableHandleResponseV2.decode(data) == DurableHandleResponseV2(told)


async def test_a_persistent_one_is_merely_durable(owner: Client) -> None:
    response = await owner.create("file", **batch(asks(2, flags=PERSISTENT)))
    data = find(response.body.contexts, CREATE_DURABLE_HANDLE_REQUEST_V2)
    assert data is not None
    assert DurableHandleResponseV2.decode(data).flags == 0


@pytest.mark.parametrize(
    "contexts",
    [
        [asks(1), asks(2)],
        [asks(2), returns(1, FileId(1, 1))],
        [asks(1), returns(2, FileId(1, 1))],
        [returns(1, FileId(1, 1)), returns(2, FileId(1, 1))],
        [asks(2), returns(2, FileId(1, 1))],
    ],
)
async def test_versions_are_not_mixed(owner: Client, contexts: list[CreateContext]) -> None:
    response = await owner.create("file", **batch(*contexts))
    assert response.status == NtStatus.INVALID_PARAMETER


# --- who gets it back ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("fields", [batch, leased], ids=["oplock", "lease"])
async def test_the_owner_comes_back_to_it_as_it_was(
    connect: Connect, owner: Client, server: Server, version: int, fields: Any
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
    connect: Connect, owner: Any
) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    early = await connect(**OWNER)
    assert (await early.create("file", **leased(returns(2, file_id)))).status == NOT_FOUND
    again = await connect(token="", **OWNER)
    await again.log_on(previous_session_id=owner.session.id)
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
    connect: Connect, owner: Client, version: int, fields: Any
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


async def test_what_is_not_durable_ends_with_its_connection(
    connect: Connect, owner: Client, server: Server
) -> None:
    response = await owner.create("file", **leased())
    await owner.close()
    assert not len(server.files)
    owner = await connect(**OWNER)
    back = leased(returns(2, response.body.file_id, guid=bytes(16)))
    assert (await owner.create("file", **back)).status == NOT_FOUND


# --- how long it waits --------------------------------------------------------------------------


@pytest.mark.parametrize("back", [True, False], ids=["its owner is back", "it is closed"])
async def test_the_wait_for_the_owner_ends(
    connect: Connect, owner: Client, server: Server, back: bool
) -> None:
    file_id = await durable(owner, leased(asks(2)), 2)
    entry = server.files.durables.get(file_id.persistent)
    assert entry is not None
    durability = entry.recovery.durable
    assert durability is not None
    await owner.close()
    timer = durability.timer
    assert isinstance(timer, asyncio.TimerHandle)
    assert not timer.cancelled()

    if back:
        owner = await connect(**OWNER)
        response = await owner.create("file", **leased(returns(2, file_id)))
        assert response.status == NtStatus.SUCCESS
    else:
        entry.close()

    assert timer.cancelled()
    assert durability.timer is None


@pytest.mark.parametrize("version", [1, 2])
async def test_nobody_waits_for_ever(
    connect: Connect,
    server_with: Callable[..., Server],
    until: Callable[[Callable[[], bool]], Awaitable[None]],
    version: int,
) -> None:
    limits = Limits(durable_seconds=0.001, interim_delay=30.0)
    server = server_with(limits)
    owner = await connect(to=server, **OWNER)
    file_id = await durable(owner, batch(asks(version)), version)
    await owner.close()
    await until(lambda: not len(server.files))
    assert not len(server.files.durables)
    owner = await connect(to=server, **OWNER)
    response = await owner.create("file", **batch(returns(version, file_id)))
    assert response.status == NOT_FOUND


async def test_the_time_counts_anew_after_each_return(
    connect: Any, owner: Any, server: Any, until: Any
) -> None:
    file_id = await durable(owner, batch(asks(2, timeout=1)), 2)
    entry = server.files.durables.get(file_id.persistent)
    entry.recovery.durable.seconds = 60.0
    await owner.close()
    owner = await connect(**OWNER)
    await owner.create("file", **batch(returns(2, file_id)))
    assert entry.recovery.durable.timer is None
    entry.recovery.durable.seconds = 0.001
    await owner.close()
    await until(lambda: not len(server.files))


async def test_what_goes_on_close_goes_when_the_time_is_over(
    connect: Connect,
    owner: Client,
    root: Path,
    until: Callable[[Callable[[], bool]], Awaitable[None]],
) -> None:
    fields = batch(asks(2, timeout=1), create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    await durable(owner, fields, 2)
    assert (root / "file").exists()
    await owner.close()
    await until(lambda: not (root / "file").exists())


async def test_only_so_many_wait(connect: Connect, server_with: Callable[..., Server]) -> None:
    server = server_with(Limits(disconnected=1, interim_delay=30.0))
    owner = await connect(to=server, **OWNER)
    for number, name in enumerate(("one", "two")):
        fields = batch(asks(2, guid=bytes([number]) * 16))
        await durable(owner, fields, 2, name=name)
    await owner.close()
    assert len(server.files.durables) == 1


async def test_one_user_has_half_of_the_places_to_wait(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
    server = server_with(Limits(disconnected=4, interim_delay=30.0))
    for user, expected in (("alice", 2), ("bob", 4)):
        owner = await connect(
            to=server, token=f"{user}:secret", client_guid=user.encode().ljust(16)
        )
        for number in range(3):
            fields = batch(asks(2, guid=bytes([number]) * 16))
            await durable(owner, fields, 2, name=f"{user} {number}")
        await owner.close()
        assert len(server.files.durables) == expected


async def test_a_server_that_goes_down_closes_what_waits(owner: Client, server: Server) -> None:
    await durable(owner, batch(asks(2)), 2)
    await owner.close()
    assert len(server.files) == len(server.files.durables) == 1
    await server.close()
    assert not len(server.files)
    assert not len(server.files.durables)


async def test_a_server_that_goes_down_waits_for_nobody(owner: Client, server: Server) -> None:
    await durable(owner, batch(asks(2)), 2)
    await server.close()
    await owner.close()
    assert not len(server.files)


# --- what others do meanwhile -------------------------------------------------------------------


@pytest.mark.parametrize("fields", [batch, leased], ids=["oplock", "lease"])
async def test_who_comes_to_write_closes_it(
    connect: Connect, owner: Client, server: Server, fields: Any
) -> None:
    file_id = await durable(owner, fields(asks(2)), 2)
    await owner.close()
    other = await connect(**OTHER_CLIENT)
    await other.open("file", create_disposition=CreateDisposition.FILE_OVERWRITE)
    assert not len(server.files.durables)
    owner = await connect(**OWNER)
    assert (await owner.create("file", **fields(returns(2, file_id)))).status == NOT_FOUND


async def test_a_lease_without_writing_goes_on_beside_readers(
    connect: Connect, owner: Client
) -> None:
    readable = leased(asks(2), lease=LeaseV2(KEY, RH))
    file_id = await durable(owner, readable, 2)
    await owner.close()
    other = await connect(**OTHER_CLIENT)
    await other.open("file", create_disposition=CreateDisposition.FILE_OPEN)
    owner = await connect(**OWNER)
    back = leased(returns(2, file_id), lease=LeaseV2(KEY, RH))
    assert (await owner.create("file", **back)).status == NtStatus.SUCCESS


async def test_with_locks_it_waits_only_where_nobody_else_writes(
    connect: Connect, owner: Client, server: Server
) -> None:
    file_id = await durable(owner, leased(asks(2), lease=LeaseV2(KEY, RH)), 2)
    lock = LockElement(0, 4, EXCLUSIVELY)
    assert (await owner.call(LockRequest(0, file_id, [lock]))).status == NtStatus.SUCCESS
    await owner.close()
    assert not len(server.files.durables)


async def test_what_is_being_given_up_does_not_wait(
    connect: Connect, owner: Client, server: Server
) -> None:
    await durable(owner, leased(asks(2)), 2)
    other = await connect(**OTHER_CLIENT)
    opens = other.begin("file")
    await owner.notice()
    await owner.close()
    assert (await other.answer(opens)).status == NtStatus.SUCCESS
    assert not len(server.files.durables)


async def test_nothing_waits_in_a_folder_that_is_gone(
    connect: Connect, owner: Client, server: Server, root: Path
) -> None:
    await durable(owner, batch(asks(2)), 2)
    await owner.close()
    assert len(server.files.durables) == 1
    replace(root)

    await connect()
    assert len(server.files.durables) == 0
    assert len(server.files) == 0
