"""READ of open files, and what it has in common with WRITE."""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions
from smbquic.wire.flush import FlushRequest
from smbquic.wire.lock import LockFlags
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.handlers.test_lock import lock
from tests.unit.server.smb_client import Client

TOP = (1 << 63) - 1
SHARED, EXCLUSIVE = LockFlags.SHARED_LOCK, LockFlags.EXCLUSIVE_LOCK


async def test_what_was_written_is_read(client: Client, root: Path) -> None:
    file_id = await client.open("x")
    payload = bytes(range(256)) * 1000
    response = await client.call(WriteRequest(10, file_id, payload))
    assert response.body.count == len(payload)
    response = await client.call(ReadRequest(len(payload) + 100, 0, file_id))
    assert response.body.data == bytes(10) + payload
    assert (root / "x").read_bytes() == bytes(10) + payload


@pytest.mark.parametrize(
    ("length", "offset", "minimum", "expected"),
    [
        (10, 0, 1, 10),
        (10, 100, 0, NtStatus.END_OF_FILE),
        (0, 100, 0, 0),
        (0, 100, 1, NtStatus.END_OF_FILE),
        (2, 99, 0, 1),
        (1, 99, 2, NtStatus.END_OF_FILE),
        (5, 0, 10, NtStatus.END_OF_FILE),
        (1, TOP - 1, 0, NtStatus.END_OF_FILE),
        (0, TOP, 0, 0),
        (1, TOP, 0, NtStatus.INVALID_PARAMETER),
        (0, TOP + 1, 0, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_reads_at_the_edges(
    client: Client, root: Path, length: int, offset: int, minimum: int, expected: int
) -> None:
    (root / "x").write_bytes(bytes(100))
    file_id = await client.open("x")
    response = await client.call(ReadRequest(length, offset, file_id, minimum_count=minimum))
    if isinstance(expected, NtStatus):
        assert response.status == expected
    else:
        assert response.status == NtStatus.SUCCESS
        assert len(response.body.data) == expected


async def test_folders_have_no_content(client: Client) -> None:
    file_id = await client.open("a", create_options=CreateOptions.FILE_DIRECTORY_FILE)
    for body in (ReadRequest(1, 0, file_id), WriteRequest(0, file_id, b"x")):
        assert (await client.call(body)).status == NtStatus.INVALID_DEVICE_REQUEST
    response = await client.call(lock(file_id, (0, 1, SHARED)))
    assert response.status == NtStatus.INVALID_PARAMETER


@pytest.mark.parametrize(
    ("access", "read", "write"),
    [
        (AccessMask.FILE_READ_DATA, True, False),
        (AccessMask.FILE_EXECUTE, True, False),
        (AccessMask.FILE_WRITE_DATA, False, True),
        (AccessMask.FILE_APPEND_DATA, False, True),
        (AccessMask.FILE_READ_ATTRIBUTES, False, False),
    ],
)
async def test_access_decides(client: Client, access: int, read: bool, write: bool) -> None:
    await client.call(WriteRequest(0, await client.open("x"), b"x"))
    file_id = await client.open("x", desired_access=access)
    expected = {True: NtStatus.SUCCESS, False: NtStatus.ACCESS_DENIED}
    assert (await client.call(ReadRequest(1, 0, file_id))).status == expected[read]
    for body in (WriteRequest(0, file_id, b"x"), FlushRequest(file_id)):
        assert (await client.call(body)).status == expected[write]
    response = await client.call(lock(file_id, (0, 1, SHARED)))
    assert response.status == expected[read or write]
