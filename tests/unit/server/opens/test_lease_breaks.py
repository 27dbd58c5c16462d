"""Breaks of leases: their causes, the requests that wait for them, and acknowledgments.

[MS-SMB2] 3.3.1.4, 3.3.4.7, 3.3.5.22.2
"""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.opens.cache_states import NOTHING, WRITE
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, OplockLevel, ShareAccess
from smbquic.wire.create_contexts import LeaseFlags, LeaseV1, LeaseV2
from smbquic.wire.fscc.file_information import FileInformationClass, LinkInformation
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakResponse,
    OplockBreakNotification,
)
from smbquic.wire.write import WriteRequest
from tests.unit.server.opens.leasing import (
    FOLDER,
    ONE,
    OTHER_CLIENT,
    OVERWRITE,
    RH,
    RW,
    RWH,
    TWO,
    R,
    delete,
    give_up,
    granted,
    held,
    lease,
    rename,
    set_info,
    size,
    v2,
    with_lease,
)
from tests.unit.server.smb_client import Client, Connect, CreateFields, ServerWith

# --- what is lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("holds", [R, RH, RW, RWH])
async def test_overwriting_takes_everything(client: Client, connect: Connect, holds: int) -> None:
    await held(client, ONE, holds)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("file", create_disposition=OVERWRITE)
    if not holds & WRITE:
        # Nobody has anything to write back, so nobody is waited for.
        assert (await other.answer(message_id)).status == NtStatus.SUCCESS
        await give_up(client, ONE, holds, NOTHING)
    else:
        await other.interim(message_id)
        await give_up(client, ONE, holds, NOTHING)
        assert (await other.answer(message_id)).status == NtStatus.SUCCESS


@pytest.mark.parametrize(("holds", "left"), [(RH, R), (RWH, RW)])
async def test_what_is_in_the_way_of_an_open(
    client: Client, connect: Connect, holds: int, left: int
) -> None:
    nothing_shared: CreateFields = {"share_access": ShareAccess(0)}
    await held(client, ONE, holds, **nothing_shared)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("file")
    await other.interim(message_id)
    await give_up(client, ONE, holds, left)
    assert (await other.answer(message_id)).status == NtStatus.SHARING_VIOLATION
    # The second time there is nothing left that it could close.
    assert (await other.create("file")).status == NtStatus.SHARING_VIOLATION
    assert await client.is_quiet()


async def test_what_was_in_the_way_is_closed(client: Client, connect: Connect) -> None:
    file_id = await held(client, ONE, RH, share_access=ShareAccess(0))
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("file")
    assert (await client.notice()).new_lease_state == R
    await client.call(CloseRequest(file_id))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


@pytest.mark.parametrize("holds", [R, RH])
async def test_changes_take_everything_from_the_others(
    client: Client, connect: Connect, holds: int
) -> None:
    mine = await held(client, ONE, holds)
    other = await connect(**OTHER_CLIENT)
    theirs = await held(other, TWO, R)
    lock = LockElement(0, 1, LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    for change in (WriteRequest(0, theirs, b"x"), size(theirs, 7), LockRequest(0, theirs, [lock])):
        assert (await other.call(change)).status == NtStatus.SUCCESS
        await give_up(client, ONE, holds, NOTHING)
        unlock = LockElement(0, 1, LockFlags.UNLOCK)
        await other.call(LockRequest(0, theirs, [unlock]))
        again = await held(client, ONE, holds)
        await client.call(CloseRequest(again))
    assert await other.is_quiet()
    assert (await client.call(CloseRequest(mine))).status == NtStatus.SUCCESS


async def test_an_open_without_a_lease_spares_nobody(client: Client) -> None:
    await held(client, ONE, R)
    file_id = await client.open("file")
    await client.call(WriteRequest(0, file_id, b"x"))
    await give_up(client, ONE, R, NOTHING)
    await client.call(WriteRequest(0, file_id, b"x"))
    assert await client.is_quiet()


async def test_a_rename_waits_until_others_need_not_keep_it_open(
    client: Client, connect: Connect, root: Path
) -> None:
    await held(client, ONE, RH)
    other = await connect(**OTHER_CLIENT)
    theirs = await held(other, TWO, RH)
    message_id = other.send(rename(theirs, "new"))
    notice = await client.notice()
    assert (notice.current_lease_state, notice.new_lease_state) == (RH, R)
    assert (await client.create("new", create_disposition=1)).status == (
        NtStatus.OBJECT_NAME_NOT_FOUND
    )
    await client.call(LeaseBreakAcknowledgment(ONE, R))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
    assert message_id not in other.pending
    assert (root / "new").exists()
    assert await other.is_quiet()


async def test_a_rename_to_the_same_name_takes_as_much(client: Client, connect: Connect) -> None:
    await held(client, ONE, RH)
    other = await connect(**OTHER_CLIENT)
    message_id = other.send(rename(await other.open("file"), "file"))
    await give_up(client, ONE, RH, R)
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_a_link_takes_as_much(client: Client, connect: Connect) -> None:
    await held(client, ONE, RH)
    other = await connect(**OTHER_CLIENT)
    theirs = await other.open("file")
    message_id = other.send(
        set_info(
            theirs,
            FileInformationClass.FileLinkInformation,
            LinkInformation("new").encode(),
        )
    )
    await give_up(client, ONE, RH, R)
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_deletion_takes_as_much(client: Client, connect: Connect) -> None:
    await held(client, ONE, RH)
    other = await connect(**OTHER_CLIENT)
    message_id = other.send(delete(await other.open("file")))
    await give_up(client, ONE, RH, R)
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_deletion_on_close_takes_as_much_and_waits_for_nobody(
    client: Client, connect: Connect
) -> None:
    mine = await held(client, ONE, RH)
    other = await connect(**OTHER_CLIENT)
    theirs = await other.open("file", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    assert (await other.call(CloseRequest(theirs))).status == NtStatus.SUCCESS
    await give_up(client, ONE, RH, R)
    assert (await client.call(CloseRequest(mine))).status == NtStatus.SUCCESS


async def test_what_is_replaced_has_to_be_closed(client: Client, connect: Connect) -> None:
    mine = await held(client, ONE, RWH, "target")
    other = await connect(**OTHER_CLIENT)
    theirs = await other.open("source")
    message_id = other.send(rename(theirs, "target", replace=True))
    await give_up(client, ONE, RWH, RW)
    assert (await other.answer(message_id)).status == NtStatus.ACCESS_DENIED
    assert (await other.call(rename(theirs, "target", replace=True))).status == (
        NtStatus.ACCESS_DENIED
    )
    await client.call(CloseRequest(mine))
    mine = await held(client, ONE, RWH, "target")
    message_id = other.send(rename(theirs, "target", replace=True))
    await client.notice()
    await client.call(CloseRequest(mine))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


@pytest.mark.parametrize("closes", [True, False])
async def test_a_folder_moves_once_what_is_in_it_is_closed(
    client: Client, connect: Connect, root: Path, closes: bool
) -> None:
    (root / "folder").mkdir()
    mine = await held(client, ONE, RH, r"folder\file")
    other = await connect(**OTHER_CLIENT)
    folder = await other.open("folder", create_options=FOLDER)
    message_id = other.send(rename(folder, "moved"))
    if closes:
        assert (await client.notice()).new_lease_state == R
        await client.call(CloseRequest(mine))
    else:
        await give_up(client, ONE, RH, R)
    status = (await other.answer(message_id)).status
    assert status == (NtStatus.SUCCESS if closes else NtStatus.ACCESS_DENIED)
    assert (root / "moved").exists() == closes


async def test_a_folder_moves_once_all_that_was_in_it_is_closed(
    client: Client, connect: Connect, root: Path
) -> None:
    (root / "folder").mkdir()
    other = await connect(**OTHER_CLIENT)
    folder = await other.open("folder", create_options=FOLDER)
    # The last one is opened right before the request comes.
    mine = {key: await held(client, key, RH, rf"folder\{key.hex()}") for key in (ONE, TWO)}
    message_id = other.send(rename(folder, "moved"))
    while mine:
        notice = await client.notice()
        assert notice.new_lease_state == R
        await client.call(CloseRequest(mine.pop(notice.lease_key)))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
    assert (root / "moved").exists()


async def test_a_folder_stays_if_more_is_opened_in_it_meanwhile(
    client: Client, connect: Connect, root: Path
) -> None:
    (root / "folder").mkdir()
    mine = await held(client, ONE, RH, r"folder\file")
    other = await connect(**OTHER_CLIENT)
    folder = await other.open("folder", create_options=FOLDER)
    message_id = other.send(rename(folder, "moved"))
    await client.notice()
    await held(client, TWO, RH, r"folder\another")
    await client.call(CloseRequest(mine))
    assert (await other.answer(message_id)).status == NtStatus.ACCESS_DENIED
    assert await client.is_quiet()
    # Whoever tries anew has it asked for like everything else.
    other.send(rename(folder, "moved"))
    assert (await client.notice()).lease_key == TWO


async def test_a_folder_moves_once_a_batch_oplock_in_it_is_given_up(
    client: Client, connect: Connect, root: Path
) -> None:
    (root / "folder").mkdir()
    mine = await client.open(r"folder\file", requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH)
    other = await connect(**OTHER_CLIENT)
    folder = await other.open("folder", create_options=FOLDER)
    message_id = other.send(rename(folder, "moved"))
    assert await client.notice() == OplockBreakNotification(0, mine)
    await client.call(CloseRequest(mine))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


# --- acknowledgments ----------------------------------------------------------------------------


async def test_while_it_is_breaking(client: Client) -> None:
    await held(client, ONE, RWH)
    message_id = client.begin("file")
    await client.notice()
    answer = granted(await client.create("file", **with_lease(v2(ONE, RWH))))
    assert answer == LeaseV2(ONE, RWH, LeaseFlags.BREAK_IN_PROGRESS, epoch=2)
    assert message_id not in client.responses
    await client.call(LeaseBreakAcknowledgment(ONE, RH))
    await client.answer(message_id)
    assert (await lease(client, ONE, NOTHING)).lease_state == RH


@pytest.mark.parametrize("kept", [NOTHING, R, RH])
async def test_a_client_may_keep_less(client: Client, kept: int) -> None:
    await held(client, ONE, RWH)
    message_id = client.begin("file")
    await client.notice()
    response = await client.call(LeaseBreakAcknowledgment(ONE, kept))
    assert response.body == LeaseBreakResponse(ONE, kept)
    assert (await client.answer(message_id)).status == NtStatus.SUCCESS
    assert (await lease(client, ONE, NOTHING)).lease_state == kept


async def test_acknowledgments_that_do_not_fit(client: Client) -> None:
    await held(client, ONE, RWH)
    response = await client.call(LeaseBreakAcknowledgment(ONE, RH))
    assert response.status == NtStatus.UNSUCCESSFUL
    response = await client.call(LeaseBreakAcknowledgment(TWO, RH))
    assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND
    message_id = client.begin("file")
    await client.notice()
    for kept in (RWH, RW, WRITE):
        response = await client.call(LeaseBreakAcknowledgment(ONE, kept))
        assert response.status == NtStatus.REQUEST_NOT_ACCEPTED
    assert message_id not in client.responses
    await client.call(LeaseBreakAcknowledgment(ONE, RH))
    assert (await client.answer(message_id)).status == NtStatus.SUCCESS


async def test_more_may_become_necessary_step_by_step(client: Client) -> None:
    """As Windows: see `smb2.lease.breaking3`, and [MS-SMB2] <248> for the epochs."""
    response = await client.create("file", **with_lease(v2(ONE, RWH, None, 0x10)))
    assert granted(response).lease_state == RWH
    opens = client.begin("file")
    assert (await client.notice()).new_epoch == 0x12
    overwrites = client.begin("file", create_disposition=OVERWRITE)
    await client.interim(overwrites)
    await client.call(LeaseBreakAcknowledgment(ONE, RH))
    notice = await give_up(client, ONE, RH, R)
    assert notice.new_epoch == 0x12
    notice = await give_up(client, ONE, R, NOTHING)
    assert notice.new_epoch == 0x12
    assert (await client.answer(opens)).status == NtStatus.SUCCESS
    assert (await client.answer(overwrites)).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_a_file_that_is_written_while_its_lease_breaks(client: Client) -> None:
    await held(client, ONE, RH)
    writer = await client.open("file")
    await client.call(WriteRequest(0, writer, b"x"))
    assert (await client.notice()).new_lease_state == NOTHING
    # Nobody waits, and it is asked only once.
    await client.call(WriteRequest(0, writer, b"y"))
    assert (await client.create("file", create_disposition=OVERWRITE)).status == NtStatus.SUCCESS
    assert (await client.call(LeaseBreakAcknowledgment(ONE, NOTHING))).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_nobody_waits_for_ever(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(Limits(break_seconds=0.01)))
    mine = await held(client, ONE, RWH)
    response = await client.create("file", **with_lease(LeaseV1(TWO, RWH)))
    assert granted(response).lease_state == RH
    assert (await client.notice()).new_lease_state == RH
    response = await client.call(LeaseBreakAcknowledgment(ONE, RH))
    assert response.status == NtStatus.UNSUCCESSFUL
    assert (await lease(client, ONE, NOTHING)).lease_state == NOTHING
    # What was open stays open.
    assert (await client.call(WriteRequest(0, mine, b"x"))).status == NtStatus.SUCCESS
