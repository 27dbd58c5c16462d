"""Whatever a logged-on client asks for, the server answers, and forgets it when the client goes."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smbquic.ntstatus import NtStatus
from smbquic.server.server import Server
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateRequest
from smbquic.wire.create_context import CreateContext
from smbquic.wire.echo import EchoRequest
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.lock import LockElement, LockRequest
from smbquic.wire.message import Message
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.query_info import QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.smb_client import Client

u8, u32 = st.integers(0, 0xFF), st.integers(0, 0xFFFFFFFF)
small = st.integers(0, 70_000)
edges = st.sampled_from([0, 1, 4095, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
# The server hands out ids in order, so these are files that may well be open.
file_ids = st.one_of(
    st.builds(lambda number: FileId(number, number), st.integers(1, 6)),
    st.just(FileId.RELATED),
    st.builds(FileId, edges, edges),
)
names = st.one_of(
    st.sampled_from(
        ["", "a", "A", "b", "dir", r"dir\c", r"dir\d\e", r"a\b", r"\a", "a*", "..", "."]
    ),
    st.text(max_size=12),
)
words = st.sampled_from([bytes(4), b"\1", b"\xff" * 8, bytes(24), bytes(100)])
blobs = st.one_of(words, st.binary(max_size=120))
bits = st.lists(st.integers(0, 31), max_size=5).map(lambda shifts: sum({1 << n for n in shifts}))
creates = st.builds(
    CreateRequest,
    requested_oplock_level=u8,
    impersonation_level=st.integers(0, 4),
    desired_access=st.one_of(st.just(0x02000000), bits),
    file_attributes=st.sampled_from([0, 1, 2, 0x10, 0x80, 0x8000]),
    share_access=st.integers(0, 8),
    create_disposition=st.integers(0, 6),
    create_options=st.one_of(st.sampled_from([0, 1, 0x40, 0x1000, 0x1001]), bits),
    name=names,
    contexts=st.lists(
        st.builds(
            CreateContext,
            st.sampled_from(
                [b"MxAc", b"QFid", b"AlSi", b"ExtA", b"SecD", b"RqLs", b"DHnQ", b"AAPL"]
            ),
            blobs,
        ),
        max_size=3,
    ),
)
plain_creates = st.builds(
    CreateRequest,
    requested_oplock_level=st.just(0),
    impersonation_level=st.just(2),
    desired_access=st.sampled_from([0x02000000, 0x80000000, 0x10000000, 0x00010080]),
    file_attributes=st.sampled_from([0, 1, 2]),
    share_access=st.sampled_from([7, 7, 3, 0]),
    create_disposition=st.integers(0, 5),
    create_options=st.sampled_from([0, 0, 1, 0x40, 0x1000]),
    name=st.sampled_from(["", "a", "A", "b", "dir", r"dir\c", r"dir\d"]),
)
requests = st.one_of(
    creates,
    plain_creates,
    plain_creates,
    st.builds(CloseRequest, file_ids, flags=u8),
    st.builds(FlushRequest, file_ids),
    st.builds(ReadRequest, small, st.one_of(small, edges), file_ids, minimum_count=small),
    st.builds(WriteRequest, small, file_ids, blobs, flags=st.integers(0, 3)),
    st.builds(
        LockRequest,
        u32,
        file_ids,
        st.lists(
            st.builds(LockElement, edges, edges, st.sampled_from([1, 2, 4, 0x11, 0x12, 0x14])),
            max_size=3,
        ),
    ),
    st.builds(
        IoctlRequest,
        st.sampled_from([0x00060194, 0x000900C0, 0x0011C017, 0x001401FC, 0x00140078, 0x000980C8]),
        file_ids,
        max_output_response=small,
        input=blobs,
    ),
    st.builds(ChangeNotifyRequest, u8, small, file_ids, u32),
    st.builds(
        QueryDirectoryRequest,
        file_information_class=u8,
        flags=u8,
        file_index=u32,
        file_id=file_ids,
        file_name=names,
        output_buffer_length=small,
    ),
    st.builds(
        QueryInfoRequest,
        info_type=st.integers(0, 5),
        file_info_class=st.integers(0, 80),
        output_buffer_length=small,
        additional_information=u32,
        flags=u32,
        file_id=file_ids,
        input_buffer=blobs,
    ),
    st.builds(
        SetInfoRequest,
        info_type=st.integers(0, 5),
        file_info_class=st.integers(0, 80),
        file_id=file_ids,
        buffer=blobs,
        additional_information=u32,
    ),
)


@pytest.fixture(scope="session")
def play(
    server_in: Callable[[Path], Server],
    client_of: Callable[[Server], Awaitable[Client]],
    closing: Callable[[Server], Awaitable[None]],
) -> Callable[[list[Message]], None]:
    """Sends requests one by one, or in compounds, to a server of their own."""

    async def run(bodies: list[Message]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            server = server_in(Path(folder))
            client = await client_of(server)
            for name, options in (("a", 0), ("dir", 1), (r"dir\c", 0x1000), ("dir", 1)):
                await client.open(name, create_options=options)
            for body in bodies:
                message_id = client.send(body)
                while message_id not in client.responses and message_id not in client.pending:
                    await client.fetch()
            for message_id in client.pending.keys() - client.responses.keys():
                client.deliver(client.protocol.cancel(message_id))
                await client.answer(message_id)
            assert client.protocol.in_flight == 0
            assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS
            assert server.failures == 0
            await client.close()
            assert server.sessions == {}
            assert not server.files
            await closing(server)

    return lambda bodies: asyncio.run(run(bodies))


@settings(max_examples=60)
@given(bodies=st.lists(requests, min_size=1, max_size=25))
def test_any_requests(play: Callable[[list[Message]], None], bodies: list[Message]) -> None:
    play(bodies)
