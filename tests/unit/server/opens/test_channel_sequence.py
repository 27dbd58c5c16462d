"""Requests that come again, or too late, over another connection.

[MS-SMB2] 3.3.5.2.10, 3.3.5.14
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol import client_negotiation
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_contexts import DurableHandleRequest, DurableHandleRequestV2
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import EndOfFileInformation, FileInformationClass
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlFlags, IoctlRequest
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.query_info import InfoType
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, CreateFields

SHARED_CLIENT = {"client_guid": b"one client only."}
TOO_LATE, REFUSED = NtStatus.FILE_NOT_AVAILABLE, NtStatus.LOCK_NOT_GRANTED
EXCLUSIVE = LockFlags.EXCLUSIVE_LOCK
AT_ONCE = EXCLUSIVE | LockFlags.FAIL_IMMEDIATELY
LOCK = [LockElement(0, 1, AT_ONCE)]
UNLOCK = [LockElement(0, 1, LockFlags.UNLOCK)]


def set_size(file_id: FileId) -> SetInfoRequest:
    kind = FileInformationClass.FileEndOfFileInformation
    return SetInfoRequest(InfoType.FILE, kind, file_id, EndOfFileInformation(9).encode())


def set_sparse(file_id: FileId) -> IoctlRequest:
    return IoctlRequest(
        ctl_code=Fsctl.SET_SPARSE,
        file_id=file_id,
        max_input_response=0,
        max_output_response=0,
        flags=IoctlFlags.IS_FSCTL,
        input=b"",
    )


def write(file_id: FileId, data: bytes = b"x") -> WriteRequest:
    return WriteRequest(0, file_id, data)


CHANGES = [write, set_size, set_sparse]


@pytest.fixture
async def first(connect: Connect) -> Client:
    return await connect(**SHARED_CLIENT)


@pytest.fixture
async def second(connect: Connect, first: Client) -> Client:
    """Another connection, bound to the session of the first."""
    client = await connect(token="", **SHARED_CLIENT)
    assert (await client.bind(first)).status == NtStatus.SUCCESS
    return client


# --- channel sequences --------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_sent_before_the_loss_of_a_channel_comes_too_late(
    first: Client, second: Client, change: Callable[[FileId], Message]
) -> None:
    file_id = await first.open("file")
    second.protocol.channel_sequence = 1
    assert (await second.call(change(file_id))).status == NtStatus.SUCCESS
    assert (await first.call(change(file_id))).status == TOO_LATE
    assert (await second.call(change(file_id))).status == NtStatus.SUCCESS


async def test_a_straggler_changes_nothing_but_may_look(
    first: Client, second: Client, root: Path
) -> None:
    file_id = await first.open("file")
    second.protocol.channel_sequence = 1
    await second.call(write(file_id, b"new"))
    assert (await first.call(write(file_id, b"old"))).status == TOO_LATE
    response = await first.call(ReadRequest(3, 0, file_id))
    assert bytes(response.body.data) == (root / "file").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (5, 5, NtStatus.SUCCESS),
        (5, 6, NtStatus.SUCCESS),
        (5, 4, TOO_LATE),
        (0xFFFF, 0, NtStatus.SUCCESS),
        (0, 0xFFFF, TOO_LATE),
        (1, 0x8000, NtStatus.SUCCESS),
        (1, 0x8001, TOO_LATE),
    ],
)
async def test_sequences_are_counted_in_a_circle(
    client: Client, before: int, after: int, status: NtStatus
) -> None:
    client.protocol.channel_sequence = before
    file_id = await client.open("file")
    client.protocol.channel_sequence = after
    assert (await client.call(write(file_id))).status == status


async def test_every_open_counts_for_itself(client: Client) -> None:
    one = await client.open("one")
    client.protocol.channel_sequence = 1
    two = await client.open("two")
    client.protocol.channel_sequence = 0
    assert (await client.call(write(one))).status == NtStatus.SUCCESS
    assert (await client.call(write(two))).status == TOO_LATE


async def test_old_dialects_have_a_status_in_that_place(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_1,))
    client.protocol.channel_sequence = 5
    file_id = await client.open("file")
    client.protocol.channel_sequence = 4
    assert (await client.call(write(file_id))).status == NtStatus.SUCCESS


# --- what comes again ---------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_comes_again_only_once_the_first_is_over(
    first: Client, second: Client, change: Callable[[FileId], Message]
) -> None:
    blocker, file_id = await first.open("file"), await first.open("file")
    assert (await first.call(LockRequest(0, blocker, LOCK))).status == NtStatus.SUCCESS
    waiting = first.send(LockRequest(0, file_id, [LockElement(0, 1, EXCLUSIVE)]))
    await first.interim(waiting)

    second.protocol.channel_sequence = 1
    second.protocol.replay = True
    assert (await second.call(change(file_id))).status == TOO_LATE
    # What was on its way with the last sequence may be the very same.
    assert (await second.call(change(file_id))).status == TOO_LATE
    second.protocol.replay = False
    assert (await second.call(set_sparse(file_id))).status == NtStatus.SUCCESS

    assert (await first.call(LockRequest(0, blocker, UNLOCK))).status == NtStatus.SUCCESS
    assert (await first.answer(waiting)).status == NtStatus.SUCCESS
    second.protocol.replay = True
    if change is write:
        assert (await first.call(LockRequest(0, file_id, UNLOCK))).status == NtStatus.SUCCESS
    assert (await second.call(change(file_id))).status == NtStatus.SUCCESS


async def test_what_is_under_way_with_the_same_sequence_stops_nothing(client: Client) -> None:
    blocker, file_id = await client.open("file"), await client.open("file")
    await client.call(LockRequest(0, blocker, LOCK))
    await client.interim(client.send(LockRequest(0, file_id, [LockElement(0, 1, EXCLUSIVE)])))
    client.protocol.replay = True
    assert (await client.call(set_size(file_id))).status == NtStatus.SUCCESS


# --- locks --------------------------------------------------------------------------------------


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has clients say that they can use several channels."""
    offered = GlobalCapabilities.LARGE_MTU | GlobalCapabilities.MULTI_CHANNEL
    monkeypatch.setattr(client_negotiation, "client_capabilities", lambda settings: offered)


def place(index: int, number: int) -> int:
    return index << 4 | number


async def lock(
    client: Client, file_id: FileId, sequence: int, elements: list[LockElement] = LOCK
) -> NtStatus:
    response = await client.call(LockRequest(sequence, file_id, elements))
    status: NtStatus = response.status
    return status


async def test_a_lock_that_comes_again_is_not_taken_again(channels: None, client: Client) -> None:
    file_id = await client.open("file")
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(2, 1), UNLOCK) == NtStatus.SUCCESS
    # And what comes again of that unlocks nothing else.
    assert await lock(client, file_id, place(1, 8)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(2, 1), UNLOCK) == NtStatus.SUCCESS
    other = await client.open("file")
    assert await lock(client, other, 0) == REFUSED


@pytest.mark.parametrize("sequence", [place(0, 7), place(65, 7), place(2, 7), place(1, 8)])
async def test_another_place_or_number_is_another_request(
    channels: None, client: Client, sequence: int
) -> None:
    file_id = await client.open("file")
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, sequence) == REFUSED


@pytest.mark.parametrize(
    ("index", "again"),
    [(0, REFUSED), (1, NtStatus.SUCCESS), (64, NtStatus.SUCCESS), (65, REFUSED)],
)
async def test_there_are_64_places(
    channels: None, client: Client, index: int, again: NtStatus
) -> None:
    file_id = await client.open("file")
    assert await lock(client, file_id, place(index, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(index, 7)) == again


async def test_a_failed_request_makes_the_one_before_it_new(channels: None, client: Client) -> None:
    file_id = await client.open("file")
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 8)) == REFUSED
    assert await lock(client, file_id, place(1, 7)) == REFUSED


async def test_the_oldest_dialect_counts_no_locks(channels: None, connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    file_id = await client.open("file")
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == REFUSED


async def test_a_lock_that_failed_is_tried_again(channels: None, client: Client) -> None:
    file_id, other = await client.open("file"), await client.open("file")
    assert await lock(client, other, 0) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == REFUSED
    assert await lock(client, other, 0, UNLOCK) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, other, 0) == REFUSED


async def test_the_oldest_dialect_counts_none_of_a_durable_open_either(connect: Connect) -> None:
    client = await connect(dialects=(Dialect.SMB_2_0_2,))
    response = await client.create(
        "file",
        requested_oplock_level=OplockLevel.OPLOCK_LEVEL_BATCH,
        contexts=[DurableHandleRequest().context()],
    )
    assert len(response.body.contexts) == 1
    file_id = response.body.file_id
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == REFUSED


@pytest.mark.parametrize(("durable", "status"), [(False, REFUSED), (True, NtStatus.SUCCESS)])
async def test_without_channels_locks_are_counted_only_for_durable_opens(
    client: Client, durable: bool, status: NtStatus
) -> None:
    fields: CreateFields = {}
    if durable:
        fields["requested_oplock_level"] = OplockLevel.OPLOCK_LEVEL_BATCH
        fields["contexts"] = [DurableHandleRequestV2(0, 0, b"g" * 16).context()]
    file_id = await client.open("file", **fields)
    assert await lock(client, file_id, place(1, 7)) == NtStatus.SUCCESS
    assert await lock(client, file_id, place(1, 7)) == status
