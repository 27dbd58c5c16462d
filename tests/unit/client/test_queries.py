import pytest

from smbquic.client import requests
from smbquic.client.queries import query_all
from smbquic.client.share import Share
from smbquic.errors import NotFoundError, RemoteProtocolError, SecurityError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.file_information import FileInformationClass, NameInformation
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import Answer, FakeServer, Received

STREAMS = FileInformationClass.FileStreamInformation


@pytest.mark.parametrize("status", [NtStatus.BUFFER_OVERFLOW, NtStatus.BUFFER_TOO_SMALL])
async def test_a_long_answer_is_asked_for_again(
    share: Share, server: FakeServer, status: NtStatus
) -> None:
    def query(request: Received) -> Answer:
        if request.body.output_buffer_length < 100_000:
            return status, None
        return QueryInfoResponse(bytes(100_000))

    server.handlers[Command.QUERY_INFO] = query
    assert len(await query_all(share, "x", 0x100088, STREAMS)) == 100_000
    asked = server.bodies(Command.QUERY_INFO)
    assert [body.output_buffer_length for body in asked] == [1 << 16, 1 << 20]
    assert [body.desired_access for body in server.bodies(Command.CREATE)] == [0x100088] * 2
    server.handlers[Command.QUERY_INFO] = lambda request: (status, None)
    with pytest.raises(RemoteProtocolError, match="x: the server has more"):
        await query_all(share, "x", requests.STAT, STREAMS)


@pytest.mark.parametrize("name", ["REPORT~1.PDF", ""])
async def test_the_short_name(share: Share, server: FakeServer, name: str) -> None:
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(
        NameInformation(name).encode()
    )
    assert await share.short_name("report one.pdf") == name
    [query] = server.bodies(Command.QUERY_INFO)
    assert query.file_info_class == FileInformationClass.FileAlternateNameInformation


async def test_a_short_name_that_leads_elsewhere(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(
        NameInformation("..").encode()
    )
    with pytest.raises(SecurityError):
        await share.short_name("x")


async def test_a_file_that_is_missing(share: Share, server: FakeServer) -> None:
    for command in (Command.CREATE, Command.QUERY_INFO, Command.CLOSE):
        server.handlers[command] = lambda request: (NtStatus.OBJECT_NAME_NOT_FOUND, None)
    with pytest.raises(NotFoundError):
        await query_all(share, "x", requests.STAT, STREAMS)


async def test_a_status_that_says_that_there_is_nothing(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_INFO] = lambda request: (NtStatus.NO_EAS_ON_FILE, None)
    empty = frozenset({NtStatus.NO_EAS_ON_FILE})
    assert await query_all(share, "x", requests.STAT, STREAMS, empty=empty) == b""
    with pytest.raises(StatusError, match="x: "):
        await query_all(share, "x", requests.STAT, STREAMS)
