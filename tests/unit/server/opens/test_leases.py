"""Which leases are granted beside others, their keys, versions and clients.

[MS-SMB2] 3.3.1.4, 3.3.5.9.8, 3.3.5.9.11
"""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import HANDLE, NOTHING, WRITE
from smbquic.server.server import CAPABILITIES, Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import CREATE_REQUEST_LEASE, LeaseFlags, LeaseV1, LeaseV2
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
)
from tests.unit.server.opens.leasing import (
    ATTRIBUTES,
    ONE,
    OTHER_CLIENT,
    RH,
    RW,
    RWH,
    THREE,
    TWO,
    R,
    delete,
    give_up,
    granted,
    held,
    lease,
    rename,
    size,
    v2,
    with_lease,
)
from tests.unit.server.smb_client import Client, Connect, ServerWith

# --- what is granted ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (NOTHING, NOTHING),
        (R, R),
        (RH, RH),
        (RW, RW),
        (RWH, RWH),
        (HANDLE, NOTHING),
        (WRITE, NOTHING),
        (WRITE | HANDLE, NOTHING),
        (0x40 | R, NOTHING),
    ],
)
async def test_the_first_gets_what_makes_sense(client: Client, wanted: int, expected: int) -> None:
    assert await lease(client, ONE, wanted) == LeaseV1(ONE, expected)


async def test_version_2_counts_epochs_and_knows_the_parent(client: Client) -> None:
    response = await client.create("file", **with_lease(v2(ONE, RWH, TWO, 0x4711)))
    flags = LeaseFlags.PARENT_LEASE_KEY_SET
    assert granted(response) == LeaseV2(ONE, RWH, flags, TWO, 0x4712)
    response = await client.create("nothing", **with_lease(v2(TWO, NOTHING, None, 7)))
    assert granted(response) == LeaseV2(TWO, NOTHING, epoch=7)
    response = await client.create("most", **with_lease(v2(THREE, R, None, 0xFFFF)))
    assert granted(response) == LeaseV2(THREE, R, epoch=0)


@pytest.mark.parametrize("first", [NOTHING, R, RH, RW, RWH])
@pytest.mark.parametrize("second", [NOTHING, R, RH, RW, RWH])
async def test_a_lease_is_only_ever_extended(client: Client, first: int, second: int) -> None:
    await lease(client, ONE, first)
    expected = second if not first & ~second else first
    assert await lease(client, ONE, second) == LeaseV1(ONE, expected)
    assert await client.is_quiet()


@pytest.mark.parametrize("other", [R, RH])
@pytest.mark.parametrize("mine", [R, RH])
async def test_it_is_extended_altogether_or_not_at_all(
    client: Client, mine: int, other: int
) -> None:
    await lease(client, ONE, mine)
    await lease(client, TWO, other)
    assert (await lease(client, ONE, RWH)).lease_state == mine
    assert (await lease(client, ONE, RW)).lease_state == mine
    assert (await lease(client, ONE, RH)).lease_state == RH
    assert await client.is_quiet()


@pytest.mark.parametrize("holds", [R, RH, RW, RWH])
@pytest.mark.parametrize("wants", [R, RH, RW, RWH])
async def test_two_leases_share_a_file(
    client: Client, connect: Connect, holds: int, wants: int
) -> None:
    await held(client, ONE, holds)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("file", **with_lease(v2(TWO, wants)))
    if holds & WRITE:
        await give_up(client, ONE, holds, holds & ~WRITE)
    assert granted(await other.answer(message_id)).lease_state == wants & ~WRITE
    assert await client.is_quiet()


@pytest.mark.parametrize(
    ("holds", "wants", "left", "got"),
    [
        (R, OplockLevel.OPLOCK_LEVEL_BATCH, R, OplockLevel.OPLOCK_LEVEL_II),
        (RW, OplockLevel.OPLOCK_LEVEL_EXCLUSIVE, R, OplockLevel.OPLOCK_LEVEL_II),
        (RH, OplockLevel.OPLOCK_LEVEL_II, RH, OplockLevel.OPLOCK_LEVEL_NONE),
        (RWH, OplockLevel.OPLOCK_LEVEL_BATCH, RH, OplockLevel.OPLOCK_LEVEL_NONE),
    ],
)
async def test_an_oplock_beside_a_lease(
    client: Client, holds: int, wants: int, left: int, got: int
) -> None:
    await held(client, ONE, holds)
    message_id = client.begin("file", requested_oplock_level=wants)
    if left != holds:
        await give_up(client, ONE, holds, left)
    assert (await client.answer(message_id)).body.oplock_level == got


@pytest.mark.parametrize("wants", [R, RH, RW, RWH])
async def test_a_lease_beside_an_oplock(client: Client, wants: int) -> None:
    file_id = await client.open("file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    message_id = client.begin("file", **with_lease(LeaseV1(ONE, wants)))
    assert await client.notice() == OplockBreakNotification(1, file_id)
    await client.call(OplockBreakAcknowledgment(OplockLevel.OPLOCK_LEVEL_II, file_id))
    assert granted(await client.answer(message_id)).lease_state == R


async def test_another_open_without_a_lease_forbids_caching_writes(client: Client) -> None:
    await client.open("file")
    assert (await lease(client, ONE, RWH)).lease_state == RH
    await client.open("looked at", desired_access=ATTRIBUTES)
    assert (await lease(client, TWO, RWH, "looked at")).lease_state == RWH


async def test_looking_at_attributes_takes_nothing(client: Client) -> None:
    await held(client, ONE, RWH)
    for access in (ATTRIBUTES, AccessMask.READ_CONTROL):
        await client.open("file", desired_access=access)
    # And who only looks gets nothing beside somebody who may write.
    assert (await lease(client, TWO, RWH, desired_access=ATTRIBUTES)).lease_state == NOTHING
    assert await client.is_quiet()


async def test_a_locked_file_is_not_cached(client: Client, root: Path) -> None:
    (root / "file").write_bytes(b"x" * 10)
    file_id = await client.open("file")
    lock = LockElement(0, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    await client.call(LockRequest(0, file_id, [lock]))
    response = await client.create("file", **with_lease(v2(ONE, R, None, 100)))
    assert granted(response) == LeaseV2(ONE, NOTHING, epoch=100)


async def test_what_is_to_be_deleted_need_not_be_kept_open(client: Client) -> None:
    first = await held(client, ONE, R)
    await client.call(delete(first))
    assert (await client.create("file", **with_lease(LeaseV1(ONE, RH)))).status == (
        NtStatus.DELETE_PENDING
    )


# --- keys, versions, clients --------------------------------------------------------------------


async def test_a_key_is_for_one_file(client: Client, connect: Connect) -> None:
    await held(client, ONE, RWH)
    response = await client.create("another", **with_lease(LeaseV1(ONE, R)))
    assert response.status == NtStatus.INVALID_PARAMETER
    # Another client's keys are its own, and so are the names of other shares.
    other = await connect(**OTHER_CLIENT)
    assert (await lease(other, ONE, RWH, "another")).lease_state == RWH
    assert (await lease(client, ONE, R, "FILE")).lease_state == RWH


async def test_a_key_stays_with_the_file_that_is_renamed(client: Client) -> None:
    file_id = await held(client, ONE, RWH)
    assert (await client.call(rename(file_id, "new"))).status == NtStatus.SUCCESS
    assert (await lease(client, ONE, NOTHING, "new")).lease_state == RWH
    response = await client.create("file", **with_lease(LeaseV1(ONE, R)))
    assert response.status == NtStatus.INVALID_PARAMETER
    assert await client.is_quiet()


async def test_a_key_is_free_again_with_the_last_open(client: Client, server: Server) -> None:
    first, second = await held(client, ONE, RWH), await held(client, ONE, RWH)
    await client.call(CloseRequest(first))
    assert len(server.files.leases) == 1
    await client.call(CloseRequest(second))
    assert len(server.files.leases) == 0
    assert (await lease(client, ONE, R, "another")).lease_state == R


async def test_a_lease_is_in_nobodys_way_after_its_last_open(client: Client) -> None:
    await client.open("file", desired_access=ATTRIBUTES)
    await client.call(CloseRequest(await held(client, ONE, RWH)))
    assert (await lease(client, TWO, RWH)).lease_state == RWH


async def test_a_key_of_what_goes_on_close_can_be_used_again(client: Client) -> None:
    gone = await held(client, ONE, RH, "gone", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    response = await client.create("another", **with_lease(LeaseV1(ONE, RH)))
    assert response.status == NtStatus.SUCCESS
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
    await client.call(CloseRequest(gone))


async def test_the_first_request_decides_about_the_version(client: Client) -> None:
    await client.create("file", **with_lease(v2(ONE, R, None, 5)))
    assert await lease(client, ONE, RH) == LeaseV2(ONE, RH, epoch=7)
    await lease(client, TWO, R, "other")
    response = await client.create("other", **with_lease(v2(TWO, RW, None, 5)))
    assert granted(response) == LeaseV1(TWO, RW)


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 33, b"x" * 53])
async def test_a_lease_of_a_strange_size(client: Client, data: bytes) -> None:
    fields = with_lease(CreateContext(CREATE_REQUEST_LEASE, data))
    assert (await client.create("file", **fields)).status == NtStatus.INVALID_PARAMETER


async def test_dialects_without_leases(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    response = await client.create("file", **with_lease(LeaseV1(ONE, R)))
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
    assert response.body.contexts == []
    client = await connect(dialects=(Dialect.SMB_2_1,))
    assert (await lease(client, ONE, R)).lease_state == R
    response = await client.create("file", **with_lease(v2(TWO, R)))
    assert response.status == NtStatus.INVALID_PARAMETER


async def test_a_server_need_not_have_leases(connect: Connect, server_with: ServerWith) -> None:
    server = server_with(capabilities=CAPABILITIES & ~GlobalCapabilities.LEASING)
    client = await connect(to=server)
    response = await client.create("file", **with_lease(LeaseV1(ONE, R)))
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE


async def test_a_context_without_the_level_is_ignored(client: Client) -> None:
    response = await client.create("file", contexts=[LeaseV1(ONE, R).context()])
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
    assert response.body.contexts == []


async def test_breaks_go_to_any_connection_of_the_client(client: Client, connect: Connect) -> None:
    second = await connect()
    await held(second, ONE, RWH)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("file")
    await client.notice()
    response = await second.call(LeaseBreakAcknowledgment(ONE, RH))
    assert response.status == NtStatus.SUCCESS
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_who_says_to_be_the_same_client_as_another_user_gets_none_of_its_leases(
    client: Client, connect: Connect
) -> None:
    file_id = await held(client, ONE, RWH)
    other = await connect(token="bob:secret")
    asked = other.begin("file", **with_lease(v2(ONE, RWH)))
    # It is as any other open, of which the grant is told, and nobody else.
    notice = await client.notice()
    assert (notice.current_lease_state, notice.new_lease_state) == (RWH, RH)
    assert await other.is_quiet()
    response = await other.call(LeaseBreakAcknowledgment(ONE, RH))
    assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND
    response = await client.call(LeaseBreakAcknowledgment(ONE, RH))
    assert response.status == NtStatus.SUCCESS
    response = await other.answer(asked)
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE
    # The grant hears of changes, although the other one's connection is the older one.
    assert (await other.call(size(response.body.file_id, 5))).status == NtStatus.SUCCESS
    assert (await client.notice()).new_lease_state == NOTHING
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.SUCCESS


async def test_whose_connections_are_gone_is_not_waited_for(
    client: Client, connect: Connect
) -> None:
    other = await connect(**OTHER_CLIENT)
    await held(client, ONE, RWH)
    message_id = other.begin("file")
    await client.notice()
    await client.close()
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
