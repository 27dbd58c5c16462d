from datetime import UTC, datetime

import pytest

from smbquic.client.share import Share
from smbquic.errors import NotFoundError, RemoteProtocolError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlResponse
from smbquic.wire.ioctl_payloads import SrvSnapshotArray
from tests.unit.client.fakes import Answer, FakeServer, Received

OLD, NEW = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
TOKENS = ["@GMT-2024.01.02-03.04.05", "@GMT-2025.12.31-00.00.00"]


def serve(server: FakeServer, tokens: list[str]) -> None:
    def control(request: Received) -> Answer:
        body = request.body
        assert body.ctl_code == Fsctl.SRV_ENUMERATE_SNAPSHOTS
        output = SrvSnapshotArray.of(tokens, body.max_output_response).encode()
        return IoctlResponse(body.ctl_code, body.file_id, output=output)

    server.handlers[Command.IOCTL] = control


async def test_snapshots_are_times(share: Share, server: FakeServer) -> None:
    serve(server, TOKENS)
    assert await share.snapshots("a/b") == [NEW, OLD]
    assert server.commands() == ["CREATE", "IOCTL", "IOCTL", "CLOSE"]
    serve(server, [])
    assert await share.snapshots() == []


@pytest.mark.parametrize("status", [NtStatus.NOT_SUPPORTED, NtStatus.INVALID_DEVICE_REQUEST])
async def test_a_server_without_any(share: Share, server: FakeServer, status: NtStatus) -> None:
    server.handlers[Command.IOCTL] = lambda request: (status, None)
    assert await share.snapshots() == []


async def test_answers_that_are_none(share: Share, server: FakeServer) -> None:
    serve(server, ["nonsense"])
    with pytest.raises(RemoteProtocolError, match="nonsense"):
        await share.snapshots()
    serve(server, TOKENS * 20_000)
    with pytest.raises(RemoteProtocolError, match="the share: a list of snapshots"):
        await share.snapshots()

    def endless(request: Received) -> Answer:
        output = SrvSnapshotArray(5, [], 10).encode()
        return IoctlResponse(request.body.ctl_code, request.body.file_id, output=output)

    server.handlers[Command.IOCTL] = endless
    with pytest.raises(RemoteProtocolError, match="a list of snapshots"):
        await share.snapshots()
    server.handlers[Command.CREATE] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(NotFoundError):
        await share.snapshots("missing")


async def test_what_is_asked_for(share: Share, server: FakeServer) -> None:
    serve(server, TOKENS)
    await share.snapshots("a/b")
    [create] = server.bodies(Command.CREATE)
    assert (create.name, create.desired_access, create.create_options) == ("a\\b", 0x100081, 0)
    first, second = server.bodies(Command.IOCTL)
    assert (first.max_output_response, bytes(first.input)) == (16, b"")
    needed = SrvSnapshotArray.of(TOKENS, 1 << 20).snap_shot_array_size
    assert second.max_output_response == 16 + needed
    assert first.file_id == second.file_id == (7, 7)


@pytest.mark.parametrize(("needed", "asked"), [(1, 2), ((1 << 20) - 16, 2), ((1 << 20) - 15, 1)])
async def test_how_much_is_asked_for_at_most(
    share: Share, server: FakeServer, needed: int, asked: int
) -> None:
    output = SrvSnapshotArray(5, [], needed).encode()
    server.handlers[Command.IOCTL] = lambda request: IoctlResponse(
        request.body.ctl_code, request.body.file_id, output=output
    )
    with pytest.raises(RemoteProtocolError, match=f"a list of snapshots in {16 + needed} bytes"):
        await share.snapshots()
    assert len(server.bodies(Command.IOCTL)) == asked
