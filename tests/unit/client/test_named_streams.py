import pytest

from smbquic.client.share import Share
from smbquic.client.stat import StreamEntry
from smbquic.errors import SecurityError
from smbquic.wire.fscc.stream_information import StreamInformation, encode_streams
from smbquic.wire.header import Command
from smbquic.wire.query_info import QueryInfoResponse
from tests.unit.client.fakes import FakeServer


def serve(server: FakeServer, *names: str) -> None:
    data = encode_streams(StreamInformation(name, 5, 4096) for name in names)
    server.handlers[Command.QUERY_INFO] = lambda request: QueryInfoResponse(data)


async def test_streams_have_names_and_sizes(share: Share, server: FakeServer) -> None:
    serve(server, "::$DATA", ":one:$DATA", ":Zone.Identifier:$data", ":index:$INDEX_ALLOCATION")
    assert await share.streams("x") == [
        StreamEntry("one", 5, 4096),
        StreamEntry("Zone.Identifier", 5, 4096),
    ]


async def test_what_is_asked_for(share: Share, server: FakeServer) -> None:
    serve(server)
    await share.streams("x")
    [create] = server.bodies(Command.CREATE)
    assert (create.desired_access, create.create_disposition) == (0x100080, 1)
    [query] = server.bodies(Command.QUERY_INFO)
    # [MS-FSCC] 2.4.49
    assert (query.info_type, query.file_info_class, query.output_buffer_length) == (1, 22, 1 << 16)


async def test_a_folder_has_none(share: Share, server: FakeServer) -> None:
    serve(server)
    assert await share.streams("x") == []


@pytest.mark.parametrize("inner", ["a/b", "..", r"a\b", "a:b", "a\0"])
async def test_names_that_lead_elsewhere(share: Share, server: FakeServer, inner: str) -> None:
    serve(server, f":{inner}:$DATA")
    with pytest.raises(SecurityError):
        await share.streams("x")
