"""WRITE to open files."""

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.overload.disk_monitor import SMALL_WRITE
from smbquic.wire.fscc.file_information import FileInformationClass, PositionInformation
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith

TOP = (1 << 63) - 1


@pytest.mark.parametrize("size", [1, SMALL_WRITE + 1])
async def test_reads_and_writes_move_the_position(client: Client, size: int) -> None:
    file_id = await client.open("x")

    async def position() -> int:
        information_class = FileInformationClass.FilePositionInformation
        response = await client.call(QueryInfoRequest(InfoType.FILE, information_class, 8, file_id))
        return PositionInformation.decode(response.body.buffer).current_byte_offset

    await client.call(WriteRequest(10, file_id, bytes(size)))
    assert await position() == 10 + size
    await client.call(ReadRequest(4, 5, file_id))
    assert await position() == 9


@pytest.mark.parametrize(
    ("offset", "size", "status"),
    [
        (TOP, 0, NtStatus.SUCCESS),
        (TOP, 1, NtStatus.INVALID_PARAMETER),
        (TOP + 1, 0, NtStatus.INVALID_PARAMETER),
        ((1 << 64) - 1, 1, NtStatus.INVALID_PARAMETER),
    ],
)
async def test_writes_at_the_edges(
    client: Client, offset: int, size: int, status: NtStatus
) -> None:
    file_id = await client.open("x")
    assert (await client.call(WriteRequest(offset, file_id, bytes(size)))).status == status


async def test_no_more_than_negotiated(connect: Connect, server_with: ServerWith) -> None:
    client = await connect(to=server_with(max_size=65536))
    file_id = await client.open("x")
    most = 65536
    for size, status in ((most, NtStatus.SUCCESS), (most + 1, NtStatus.INVALID_PARAMETER)):
        for body in (WriteRequest(0, file_id, bytes(size)), ReadRequest(size, 0, file_id)):
            assert (await client.call(body)).status == status


async def test_rdma_is_not_spoken(client: Client) -> None:
    file_id = await client.open("x")
    for body in (
        ReadRequest(1, 0, file_id, channel=1),
        WriteRequest(0, file_id, b"x", channel=1),
    ):
        assert (await client.call(body)).status == NtStatus.INVALID_PARAMETER
