"""CLOSE."""

from smbquic.ntstatus import NtStatus
from smbquic.server.batches import BATCH
from smbquic.wire.close import CloseFlags, CloseRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect


async def test_an_unknown_file_is_closed(client: Client) -> None:
    file_id = await client.open("x")
    wrong = FileId(file_id.persistent + 1, file_id.volatile)
    for body in (ReadRequest(1, 0, wrong), CloseRequest(wrong), FlushRequest(FileId(7, 7))):
        assert (await client.call(body)).status == NtStatus.FILE_CLOSED
    await client.connect()
    assert (await client.call(CloseRequest(file_id))).status == NtStatus.FILE_CLOSED


async def test_close_tells_what_became_of_the_file(client: Client) -> None:
    response = await client.create("x")
    file_id = response.body.file_id
    await client.call(WriteRequest(0, file_id, b"content"))
    told = await client.call(CloseRequest(file_id, flags=CloseFlags.POSTQUERY_ATTRIB))
    assert told.body.flags == CloseFlags.POSTQUERY_ATTRIB
    assert told.body.end_of_file == 7
    assert told.body.file_attributes == FileAttributes.ARCHIVE
    assert told.body.creation_time == response.body.creation_time
    silent = await client.call(CloseRequest(await client.open("x")))
    assert silent.body.end_of_file == silent.body.creation_time == 0


async def test_a_file_with_many_locks_is_closed_and_they_are_released(
    client: Client, connect: Connect
) -> None:
    other = await connect()
    closed, kept = await client.open("x"), await other.open("x")
    flags = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
    ranges = [LockElement(offset, 1, flags) for offset in range(2 * BATCH + 1)]
    assert (await client.call(LockRequest(0, closed, ranges))).status == NtStatus.SUCCESS
    refused = await other.call(LockRequest(0, kept, ranges))
    assert refused.status == NtStatus.LOCK_NOT_GRANTED

    assert (await client.call(CloseRequest(closed))).status == NtStatus.SUCCESS
    assert (await other.call(LockRequest(0, kept, ranges))).status == NtStatus.SUCCESS
