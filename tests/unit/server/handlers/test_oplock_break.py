"""OPLOCK_BREAK: acknowledgments of oplocks and leases, and those that make no sense."""

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_contexts import LeaseV2
from smbquic.wire.file_id import FileId
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakResponse,
    OplockBreakAcknowledgment,
    OplockBreakResponse,
)
from tests.unit.server.smb_client import Client, Connect, CreateFields

NONE, II, EXCLUSIVE, BATCH, LEASE = (
    OplockLevel.OPLOCK_LEVEL_NONE,
    OplockLevel.OPLOCK_LEVEL_II,
    OplockLevel.OPLOCK_LEVEL_EXCLUSIVE,
    OplockLevel.OPLOCK_LEVEL_BATCH,
    OplockLevel.OPLOCK_LEVEL_LEASE,
)
KEY, OTHER_KEY = b"1" * 16, b"2" * 16


def with_lease(state: int) -> CreateFields:
    return {"requested_oplock_level": LEASE, "contexts": [LeaseV2(KEY, state).context()]}


@pytest.mark.parametrize("kept", [NONE, II])
async def test_who_waits_goes_on_once_the_oplock_is_given_up(
    connect: Connect, client: Client, kept: OplockLevel
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file")
    await client.notice()
    response = await client.call(OplockBreakAcknowledgment(kept, file_id))
    assert response.body == OplockBreakResponse(kept, file_id)
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


@pytest.mark.parametrize(
    ("acknowledged", "status"),
    [
        (BATCH, NtStatus.INVALID_OPLOCK_PROTOCOL),
        (0x77, NtStatus.INVALID_OPLOCK_PROTOCOL),
        (LEASE, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_a_strange_acknowledgment_costs_the_oplock(
    connect: Connect, client: Client, acknowledged: int, status: NtStatus
) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file")
    await client.notice()
    response = await client.call(OplockBreakAcknowledgment(acknowledged, file_id))
    assert response.status == status
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
    response = await client.call(OplockBreakAcknowledgment(NONE, file_id))
    assert response.status == NtStatus.INVALID_DEVICE_STATE


async def test_an_exclusive_one_cannot_be_kept(connect: Connect, client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    other = await connect()
    message_id = other.begin("file")
    await client.notice()
    response = await client.call(OplockBreakAcknowledgment(EXCLUSIVE, file_id))
    # Of batch, exclusive is a lesser one, but all that can be had is level II.
    assert (response.status, response.body.oplock_level) == (NtStatus.SUCCESS, II)
    await other.answer(message_id)


async def test_only_what_was_asked_for_is_acknowledged(client: Client) -> None:
    file_id = await client.open("file", requested_oplock_level=BATCH)
    response = await client.call(OplockBreakAcknowledgment(II, file_id))
    assert response.status == NtStatus.INVALID_DEVICE_STATE
    response = await client.call(OplockBreakAcknowledgment(II, FileId(77, 77)))
    assert response.status == NtStatus.FILE_CLOSED


@pytest.mark.parametrize("kept", [NOTHING, READ, READ | HANDLE])
async def test_who_waits_goes_on_once_the_lease_is_given_up(
    connect: Connect, client: Client, kept: int
) -> None:
    await client.open("file", **with_lease(READ | WRITE | HANDLE))
    other = await connect(client_guid=b"2" * 16)
    message_id = other.begin("file")
    await client.notice()
    response = await client.call(LeaseBreakAcknowledgment(KEY, kept))
    assert response.body == LeaseBreakResponse(KEY, kept)
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS


async def test_a_lease_that_does_not_break_is_not_acknowledged(client: Client) -> None:
    await client.open("file", **with_lease(READ))
    response = await client.call(LeaseBreakAcknowledgment(KEY, NOTHING))
    assert response.status == NtStatus.UNSUCCESSFUL
    response = await client.call(LeaseBreakAcknowledgment(OTHER_KEY, NOTHING))
    assert response.status == NtStatus.OBJECT_NAME_NOT_FOUND


async def test_a_lease_is_not_kept_beyond_what_it_was_broken_to(
    connect: Connect, client: Client
) -> None:
    await client.open("file", **with_lease(READ | WRITE | HANDLE))
    other = await connect(client_guid=b"2" * 16)
    message_id = other.begin("file")
    await client.notice()
    response = await client.call(LeaseBreakAcknowledgment(KEY, READ | WRITE))
    assert response.status == NtStatus.REQUEST_NOT_ACCEPTED
    assert message_id not in other.responses
    await client.call(LeaseBreakAcknowledgment(KEY, READ))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
