"""Leases: what is granted beside what, what is lost to what, and what clients are told.

[MS-SMB2] 3.3.1.4, 3.3.4.7, 3.3.5.9.8, 3.3.5.9.11, 3.3.5.22.2
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.response import Response
from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE
from smbquic.server.server import CAPABILITIES, Server
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_REQUEST_LEASE,
    LeaseFlags,
    LeaseV1,
    LeaseV2,
    decode_lease,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    NotifyBreakLeaseFlags,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
)
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.conftest import Client, Connect

R, RH, RW, RWH = READ, READ | HANDLE, READ | WRITE, READ | WRITE | HANDLE
ONE, TWO, THREE, FOUR = b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16
LEASE = OplockLevel.OPLOCK_LEVEL_LEASE
OVERWRITE = CreateDisposition.FILE_OVERWRITE
FOLDER = CreateOptions.FILE_DIRECTORY_FILE
ATTRIBUTES = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES
WITHOUT_DELETE = (
    AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
OTHER_CLIENT = {"client_guid": b"other" * 3 + b"!"}


def with_lease(lease: LeaseV1 | LeaseV2 | CreateContext, **fields: Any) -> dict[str, Any]:
    context = lease if isinstance(lease, CreateContext) else lease.context()
    return {"requested_oplock_level": LEASE, "contexts": [context], **fields}


def v2(key: bytes, state: int, parent: bytes | None = None, epoch: int = 0) -> LeaseV2:
    if parent is None:
        return LeaseV2(key, state, epoch=epoch)
    return LeaseV2(key, state, LeaseFlags.PARENT_LEASE_KEY_SET, parent, epoch)


def granted(response: Response) -> LeaseV1 | LeaseV2:
    assert response.status == NtStatus.SUCCESS, response.status.label
    assert response.body.oplock_level == LEASE
    data = find(response.body.contexts, CREATE_REQUEST_LEASE)
    assert data is not None
    return decode_lease(data)


async def lease(
    client: Client, key: bytes, state: int, name: str = "file", **fields: Any
) -> LeaseV1 | LeaseV2:
    return granted(await client.create(name, **with_lease(LeaseV1(key, state), **fields)))


async def held(client: Client, key: bytes, state: int, name: str = "file", **fields: Any) -> FileId:
    """Opens a file with a lease that has to be granted altogether."""
    response = await client.create(name, **with_lease(v2(key, state), **fields))
    assert granted(response).lease_state == state
    file_id: FileId = response.body.file_id
    return file_id


def set_info(file_id: FileId, information_class: int, data: bytes) -> SetInfoRequest:
    return SetInfoRequest(InfoType.FILE, information_class, file_id, data)


def size(file_id: FileId, value: int) -> SetInfoRequest:
    return set_info(
        file_id, FileInformationClass.FileEndOfFileInformation, EndOfFileInformation(value).encode()
    )


def rename(file_id: FileId, name: str, *, replace: bool = False) -> SetInfoRequest:
    return set_info(
        file_id,
        FileInformationClass.FileRenameInformation,
        RenameInformation(name, replace).encode(),
    )


def delete(file_id: FileId) -> SetInfoRequest:
    return set_info(
        file_id,
        FileInformationClass.FileDispositionInformation,
        DispositionInformation(True).encode(),
    )


async def give_up(client: Client, key: bytes, old: int, new: int) -> LeaseBreakNotification:
    """Acknowledges the next break, which has to be this one."""
    notice: LeaseBreakNotification = await client.notice()
    assert (notice.lease_key, notice.current_lease_state, notice.new_lease_state) == (key, old, new)
    assert notice.flags == (NotifyBreakLeaseFlags.ACK_REQUIRED if old & ~READ else 0)
    if notice.flags:
        response = await client.call(LeaseBreakAcknowledgment(key, new))
        assert response.status == NtStatus.SUCCESS
        assert response.body == LeaseBreakResponse(key, new)
    return notice


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


async def test_a_server_need_not_have_leases(
    connect: Connect, server_with: Callable[..., Server]
) -> None:
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
    nothing_shared: dict[str, Any] = {"share_access": ShareAccess(0)}
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


async def test_nobody_waits_for_ever(connect: Connect, server_with: Callable[..., Server]) -> None:
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


# --- folders ------------------------------------------------------------------------------------


@pytest.fixture
def folder(root: Path) -> Path:
    path = root / "folder"
    path.mkdir()
    (path / "there").write_bytes(b"x")
    return path


async def watch(client: Client, key: bytes = ONE, name: str = "folder") -> FileId:
    return await held(client, key, RH, name, create_options=FOLDER, desired_access=WITHOUT_DELETE)


@pytest.mark.parametrize(("wanted", "expected"), [(R, R), (RH, RH), (RW, R), (RWH, RH)])
async def test_a_folder_is_read_and_kept_open(client: Client, wanted: int, expected: int) -> None:
    response = await client.create("new", **with_lease(v2(ONE, wanted), create_options=FOLDER))
    assert granted(response) == LeaseV2(ONE, expected, epoch=1)


async def test_a_folder_has_no_lease_of_version_1(client: Client) -> None:
    response = await client.create("new", **with_lease(LeaseV1(ONE, R), create_options=FOLDER))
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE


@pytest.mark.parametrize("parent", [None, ONE, THREE])
async def test_what_is_made_in_a_folder(
    client: Client, connect: Connect, folder: Path, parent: bytes | None
) -> None:
    await watch(client)
    other = await connect(**OTHER_CLIENT)
    await other.create(r"folder\new", **with_lease(v2(TWO, RWH, parent)))
    if parent == ONE:
        assert await client.is_quiet()
    else:
        await give_up(client, ONE, RH, NOTHING)


async def test_opening_what_exists_changes_no_folder(client: Client, folder: Path) -> None:
    await watch(client)
    await client.open(r"folder\there")
    await client.open("elsewhere")
    assert await client.is_quiet()


@pytest.mark.parametrize(
    "what", ["overwrite", "size", "allocation", "time", "attributes", "rename", "away", "link"]
)
async def test_what_changes_in_a_folder(client: Client, folder: Path, what: str) -> None:
    file_id = await client.open(r"folder\there")
    outside = await client.open("outside")
    await watch(client)
    if what == "overwrite":
        await client.open(r"folder\there", create_disposition=OVERWRITE)
    else:
        request = {
            "size": size(file_id, 1),
            "allocation": set_info(
                file_id, FileInformationClass.FileAllocationInformation, bytes(8)
            ),
            "time": set_info(
                file_id,
                FileInformationClass.FileBasicInformation,
                BasicInformation(132_000_000_000_000_000, 0, 0, 0, 0).encode(),
            ),
            "attributes": set_info(
                file_id,
                FileInformationClass.FileBasicInformation,
                BasicInformation(0, 0, 0, 0, 2).encode(),
            ),
            "rename": rename(file_id, r"folder\other"),
            "away": rename(file_id, "away"),
            "link": set_info(
                outside,
                FileInformationClass.FileLinkInformation,
                LinkInformation(r"folder\link").encode(),
            ),
        }[what]
        assert (await client.call(request)).status == NtStatus.SUCCESS
    await give_up(client, ONE, RH, NOTHING)
    assert await client.is_quiet()


async def test_what_changes_nothing_in_a_folder(client: Client, folder: Path) -> None:
    file_id = await client.open(r"folder\new")
    await watch(client)
    same = set_info(
        file_id,
        FileInformationClass.FileBasicInformation,
        BasicInformation(0, 0, -1, 0, 0x20).encode(),
    )
    assert (await client.call(same)).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_a_move_changes_two_folders(client: Client, root: Path, folder: Path) -> None:
    (root / "second").mkdir()
    file_id = await client.open(r"folder\there")
    await watch(client, ONE, "folder")
    await watch(client, TWO, "second")
    await client.call(rename(file_id, r"second\there"))
    await give_up(client, ONE, RH, NOTHING)
    await give_up(client, TWO, RH, NOTHING)


async def test_what_is_written_shows_in_the_folder_when_it_is_closed(
    client: Client, folder: Path
) -> None:
    file_id = await client.open(r"folder\there")
    await watch(client)
    await client.call(WriteRequest(0, file_id, b"more"))
    assert await client.is_quiet()
    await client.call(CloseRequest(file_id))
    await give_up(client, ONE, RH, NOTHING)


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize(("last", "told"), [(ONE, [TWO]), (TWO, [ONE, TWO])])
async def test_a_deletion_spares_who_wanted_it_and_does_it(
    client: Client, folder: Path, option: bool, last: bytes, told: list[bytes]
) -> None:
    options = CreateOptions.FILE_DELETE_ON_CLOSE if option else CreateOptions(0)
    opens = {}
    for parent, key in ((ONE, THREE), (TWO, FOUR)):
        fields = with_lease(v2(key, R, parent), create_options=options if parent == ONE else 0)
        opens[parent] = (await client.create(r"folder\there", **fields)).body.file_id
    await watch(client, ONE)
    await watch(client, TWO)
    if not option:
        await client.call(delete(opens[ONE]))
    await client.call(CloseRequest(opens[TWO if last == ONE else ONE]))
    assert await client.is_quiet()
    await client.call(CloseRequest(opens[last]))
    assert sorted([(await client.notice()).lease_key for _ in told]) == told
    assert await client.is_quiet()
    assert not (folder / "there").exists()


async def test_who_stands_in_the_way_in_a_folder_is_asked(
    client: Client, connect: Connect, folder: Path
) -> None:
    """[MS-FSA] opens the folder for a new name, and collides with who may delete it."""
    mine = await held(
        client, ONE, RH, "folder", create_options=FOLDER, desired_access=AccessMask.DELETE
    )
    other = await connect(**OTHER_CLIENT)
    theirs = await other.open("outside")
    message_id = other.send(rename(theirs, r"folder\inside"))
    await give_up(client, ONE, RH, R)
    assert (await other.answer(message_id)).status == NtStatus.SHARING_VIOLATION
    await client.call(CloseRequest(mine))
    assert (await other.call(rename(theirs, r"folder\inside"))).status == NtStatus.SUCCESS


async def test_a_folder_that_is_opened_exclusively(
    client: Client, connect: Connect, folder: Path
) -> None:
    mine = await watch(client)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("folder", create_options=FOLDER, share_access=ShareAccess(0))
    assert (await client.notice()).new_lease_state == R
    await client.call(CloseRequest(mine))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
