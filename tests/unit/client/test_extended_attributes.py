import pytest

from smbquic.client.share import Share
from smbquic.errors import DeniedError, NotFoundError, RemoteProtocolError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.extended_attributes import (
    FullEaInformation,
    decode_full_eas,
    encode_full_eas,
)
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import Answer, FakeServer, Received


def serve(server: FakeServer, *attributes: FullEaInformation) -> None:
    data = encode_full_eas(attributes)

    def query(request: Received) -> Answer:
        assert request.body.file_info_class == FileInformationClass.FileFullEaInformation
        if len(data) > request.body.output_buffer_length:
            return NtStatus.BUFFER_OVERFLOW, QueryInfoResponse(data[:100])
        return QueryInfoResponse(data)

    server.handlers[Command.QUERY_INFO] = query


async def test_attributes_are_read(share: Share, server: FakeServer) -> None:
    serve(server, FullEaInformation(b"ONE", b"1"), FullEaInformation(b"\xff", b"\0two"))
    assert await share.listxattr("a/b") == ["ONE", "\udcff"]
    assert await share.getxattr("a/b", "one") == b"1"
    assert await share.getxattr("a/b", "\udcff") == b"\0two"
    with pytest.raises(NotFoundError, match="a/b: two: "):
        await share.getxattr("a/b", "two")
    assert server.commands() == ["CREATE", "QUERY_INFO", "CLOSE"] * 4
    assert server.bodies(Command.CREATE)[0].desired_access == 0x100088


async def test_many_attributes_are_asked_for_again(share: Share, server: FakeServer) -> None:
    serve(server, *(FullEaInformation(b"N%d" % number, bytes(60_000)) for number in range(3)))
    assert await share.listxattr("x") == ["N0", "N1", "N2"]


async def test_more_than_there_can_be(share: Share, server: FakeServer) -> None:
    serve(server, *(FullEaInformation(b"N%d" % number, bytes(60_000)) for number in range(20)))
    with pytest.raises(RemoteProtocolError, match="more than"):
        await share.listxattr("x")


async def test_a_file_without_any(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = lambda request: (NtStatus.NO_EAS_ON_FILE, None)
    assert await share.listxattr("x") == []
    with pytest.raises(FileNotFoundError):
        await share.getxattr("x", "name")


async def test_answers_that_are_none(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(b"nonsense")
    with pytest.raises(WireError):
        await share.listxattr("x")
    server.handlers[Command.QUERY_INFO] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError):
        await share.listxattr("x")


async def test_attributes_are_set_and_removed(share: Share, server: FakeServer) -> None:
    await share.setxattr("a", "Name", b"value")
    await share.removexattr("a", "Name")
    bodies = server.bodies(Command.SET_INFO)
    assert [decode_full_eas(body.buffer) for body in bodies] == [
        [FullEaInformation(b"Name", b"value")],
        [FullEaInformation(b"Name", b"")],
    ]
    assert {body.file_info_class for body in bodies} == {FileInformationClass.FileFullEaInformation}
    assert server.bodies(Command.CREATE)[0].desired_access == 0x100090


async def test_the_largest_that_can_be_set(share: Share, server: FakeServer) -> None:
    await share.setxattr("a", "x" * 254, bytes(65_535))
    [body] = server.bodies(Command.SET_INFO)
    assert decode_full_eas(body.buffer) == [FullEaInformation(b"x" * 254, bytes(65_535))]


@pytest.mark.parametrize(
    ("name", "value"),
    [("", b"x"), ("x" * 255, b"x"), ("a\0", b"x"), ("a", b""), ("a", bytes(65536))],
)
async def test_what_cannot_be_set(
    share: Share, server: FakeServer, name: str, value: bytes
) -> None:
    with pytest.raises(ValueError, match="attribute"):
        await share.setxattr("x", name, value)
    assert server.seen == []
