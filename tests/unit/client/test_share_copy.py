"""Copies from one place on a share to another."""

import pytest

from smbquic.client.share import Share
from smbquic.client.share_copy import copy
from smbquic.errors import (
    DeniedError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    FileInformationClass,
)
from smbquic.wire.header import Command
from tests.unit.client.fakes import (
    FakeServer,
    FakeTransport,
    connection_over,
    opened,
    serving,
    share_over,
)
from tests.unit.client.transferring import (
    CONTENT,
    deletions,
    renames,
    serve_content,
    sets,
    small_chunks,  # noqa: F401  (a fixture)
)


async def test_copying_within_the_share(share: Share, server: FakeServer) -> None:
    serve_content(server)
    done: list[tuple[int, int]] = []
    assert await share.copy("a/x", "b/y", progress=lambda *now: done.append(now)) == len(CONTENT)
    assert done == [(min(1024 * count, 10_000), 10_000) for count in range(1, 11)]
    written = server.written()
    assert sorted(written) == list(range(0, len(CONTENT), 1024))
    assert b"".join(written[offset] for offset in sorted(written)) == CONTENT
    assert [rename.file_name for rename in renames(server)] == [r"b\y"]
    [basic] = sets(server, FileInformationClass.FileBasicInformation)
    assert BasicInformation.decode(memoryview(basic.buffer)).last_write_time == (116444736000000010)


async def test_copying_to_another_share(share: Share, server: FakeServer) -> None:
    serve_content(server)
    async with serving(transport := FakeTransport()) as other:
        connection = connection_over(transport, credits=64, max_write_size=700)
        assert await copy(share, "a/x", "b/y", to=share_over(connection)) == len(CONTENT)
        await connection.close()
    assert {"WRITE", "SET_INFO"}.isdisjoint(server.commands())
    assert sorted(other.written()) == list(range(0, len(CONTENT), 700))
    assert b"".join(data for _, data in sorted(other.written().items())) == CONTENT
    assert [rename.file_name for rename in renames(other)] == [r"b\y"]
    assert "READ" not in other.commands()


async def test_a_failed_copy_cleans_up(share: Share, server: FakeServer) -> None:
    serve_content(server)
    server.handlers[Command.READ] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await share.copy("a/x", "b/y")
    assert renames(server) == []
    assert deletions(server) == 1


async def test_a_copy_has_the_attributes_and_times_of_its_source(
    share: Share, server: FakeServer
) -> None:
    attributes = FileAttributes.HIDDEN | FileAttributes.READONLY | FileAttributes.COMPRESSED
    server.handlers[Command.CREATE] = lambda request: opened(0, attributes)
    await share.copy("a", "b")
    [body] = sets(server, FileInformationClass.FileBasicInformation)
    basic = BasicInformation.decode(memoryview(body.buffer))
    assert basic.file_attributes == FileAttributes.HIDDEN | FileAttributes.READONLY
    assert basic.creation_time == opened().creation_time
    assert basic.last_write_time == opened().last_write_time
