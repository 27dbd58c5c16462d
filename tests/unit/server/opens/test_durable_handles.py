"""Opens that wait for their owner: which become durable, for how long, and what ends them.

[MS-SMB2] 3.3.5.9.6, 3.3.5.9.10, 3.3.7.1
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.opens.cache_states import READ, WRITE
from smbquic.server.server import Server
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    DurableHandleResponseV2,
    LeaseV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import LeaseBreakAcknowledgment
from tests.unit.server.opens.durable import (
    BATCH,
    EXCLUSIVELY,
    KEY,
    NOT_FOUND,
    OTHER_CLIENT,
    OWNER,
    PERSISTENT,
    RH,
    RWH,
    asks,
    batch,
    durable,
    is_durable,
    leased,
    replace,
    returns,
)
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith, Until

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
    server_with: ServerWith,
    until: Until,
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
    connect: Connect, owner: Client, server: Server, until: Until
) -> None:
    file_id = await durable(owner, batch(asks(2, timeout=1)), 2)
    entry = server.files.durables.get(file_id.persistent)
    assert entry is not None
    durability = entry.recovery.durable
    assert durability is not None
    durability.seconds = 60.0
    await owner.close()
    owner = await connect(**OWNER)
    await owner.create("file", **batch(returns(2, file_id)))
    durability = entry.recovery.durable
    assert durability is not None
    assert durability.timer is None
    durability.seconds = 0.001
    await owner.close()
    await until(lambda: not len(server.files))


async def test_what_goes_on_close_goes_when_the_time_is_over(
    connect: Connect,
    owner: Client,
    root: Path,
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    fields = batch(asks(2, timeout=1), create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    await durable(owner, fields, 2)
    assert (root / "file").exists()
    await owner.close()
    await until(lambda: not (root / "file").exists())
    assert "'file' is closed, as its owner did not reconnect in time" in caplog.messages


async def test_only_so_many_wait(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(Limits(disconnected=1, interim_delay=30.0))
    owner = await connect(to=server, **OWNER)
    for number, name in enumerate(("one", "two")):
        fields = batch(asks(2, guid=bytes([number]) * 16))
        await durable(owner, fields, 2, name=name)
    await owner.close()
    assert len(server.files.durables) == 1


async def test_one_user_has_half_of_the_places_to_wait(
    connect: Connect, server_with: ServerWith
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
    connect: Connect, owner: Client, server: Server, fields: Callable[..., CreateFields]
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


async def test_what_may_be_closed_by_others_does_not_wait(
    connect: Connect, owner: Client, server: Server
) -> None:
    fields = leased(asks(2), lease=LeaseV2(KEY, RH), share_access=0)
    await durable(owner, fields, 2)
    other = await connect(**OTHER_CLIENT)
    opens = other.begin("file")
    assert (await owner.notice()).new_lease_state == READ
    await owner.call(LeaseBreakAcknowledgment(KEY, READ))
    assert (await other.answer(opens)).status == NtStatus.SHARING_VIOLATION
    await owner.close()
    assert not len(server.files.durables)
    assert (await other.create("file")).status == NtStatus.SUCCESS


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


async def test_what_waits_in_another_share_stays(
    connect: Connect, owner: Client, server: Server, root: Path
) -> None:
    (root / "readable").touch()
    reader = await connect(share="ro", client_guid=b"R" * 16)
    opens = batch(asks(2), create_disposition=CreateDisposition.FILE_OPEN)
    await durable(reader, opens, 2, name="readable")
    await reader.close()
    await durable(owner, batch(asks(2)), 2)
    await owner.close()
    assert len(server.files.durables) == 2
    replace(root)

    await connect()
    assert len(server.files.durables) == 1


@pytest.mark.parametrize("back", [True, False], ids=["its owner is back", "it is closed"])
async def test_who_does_not_wait_any_more_leaves_room(
    connect: Connect, server_with: ServerWith, back: bool
) -> None:
    server = server_with(Limits(disconnected=1, interim_delay=30.0))
    for _ in range(3):
        owner = await connect(to=server, **OWNER)
        file_id = await durable(owner, batch(asks(2)), 2)
        await owner.close()
        entry = server.files.durables.get(file_id.persistent)
        assert entry is not None
        if back:
            owner = await connect(to=server, **OWNER)
            response = await owner.create("file", **batch(returns(2, file_id)))
            assert response.status == NtStatus.SUCCESS
            assert (await owner.call(CloseRequest(response.body.file_id))).status == 0
        else:
            entry.close()
        assert not len(server.files)
