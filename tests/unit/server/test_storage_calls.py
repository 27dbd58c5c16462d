"""Requests on a share whose storage has nothing but coroutines."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.protocol.settings import DIALECTS, ServerSettings
from smbquic.server import storage_calls
from smbquic.server.access import AccessPolicy
from smbquic.server.context import Context
from smbquic.server.coroutines import StorageCoroutines
from smbquic.server.outcome import Pending, Reply, RetryAfter
from smbquic.server.server import CAPABILITIES, Server
from smbquic.server.share import ServedShare
from smbquic.storage import StorageFile
from smbquic.storage.memory import MemoryStorage
from smbquic.wire.create import CreateDisposition, CreateOptions, ShareAccess
from smbquic.wire.flush import FlushRequest, FlushResponse
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.header import Command
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_directory import QueryDirectoryRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from smbquic.wire.write import WriteRequest
from tests.coroutines import CoroutineStorage
from tests.random_bytes import RandomBytes
from tests.unit.server.smb_client import QUICK, Client, Connect, OneStepAuthenticator


class Gated(CoroutineStorage):
    """A storage whose files are made once `gate` is set; `waiting` is set by who waits for that."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage())
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def create(  # type: ignore[override]
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> StorageFile:
        self.waiting.set()
        async with asyncio.timeout(60):
            await self.gate.wait()
        made = self.plain.create(name, directory=directory, attributes=attributes, account=account)
        return self.file_class(made)

    def names(self) -> list[str]:
        return [found.name for found in self.plain.lookup("").scan()]


@pytest.fixture
def storage() -> Gated:
    return Gated()


@pytest.fixture
async def server(storage: Gated) -> AsyncIterator[Server]:
    server = Server(
        [ServedShare("data", storage), ServedShare("again", storage)],
        AccessPolicy(OneStepAuthenticator()),  # type: ignore[arg-type]
        ServerSettings(guid=bytes(16), dialects=DIALECTS, capabilities=CAPABILITIES),
        limits=QUICK,
        random=RandomBytes(),
    )
    yield server
    await server.close()


async def test_content_comes_and_goes(client: Client) -> None:
    content = bytes(range(256)) * 400
    file_id = await client.open("x")

    for offset in range(0, len(content), 32 << 10):
        await client.call(WriteRequest(offset, file_id, content[offset:][: 32 << 10]))
    assert (await client.call(FlushRequest(file_id))).status == NtStatus.SUCCESS
    first = await client.call(ReadRequest(64 << 10, 0, file_id))
    rest = await client.call(ReadRequest(64 << 10, 64 << 10, file_id))

    assert bytes(first.body.data) + bytes(rest.body.data) == content


async def test_only_one_makes_a_name(connect: Connect) -> None:
    clients = [await connect() for _ in range(4)]

    sent = [
        client.begin("x", create_disposition=CreateDisposition.FILE_CREATE) for client in clients
    ]
    answers = [await client.answer(each) for client, each in zip(clients, sent, strict=True)]

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [NtStatus.SUCCESS, *[NtStatus.OBJECT_NAME_COLLISION] * 3]


async def test_share_modes_hold_between_the_shares_of_a_storage(connect: Connect) -> None:
    clients = [await connect(share=share) for share in ("data", "again", "data")]

    sent = [client.begin("x", share_access=ShareAccess(0)) for client in clients]
    answers = [await client.answer(each) for client, each in zip(clients, sent, strict=True)]

    statuses = sorted(answer.status for answer in answers)
    assert statuses == [NtStatus.SUCCESS, *[NtStatus.SHARING_VIOLATION] * 2]


async def test_others_go_on_while_a_storage_is_waited_for(storage: Gated, connect: Connect) -> None:
    reader, maker = await connect(), await connect()
    file_id = await reader.open("x")
    await reader.call(WriteRequest(0, file_id, b"content"))
    storage.gate.clear()
    storage.waiting.clear()

    sent = maker.begin("y")
    await storage.waiting.wait()
    assert bytes((await reader.call(ReadRequest(7, 0, file_id))).body.data) == b"content"
    storage.gate.set()

    assert (await maker.answer(sent)).status == NtStatus.SUCCESS


async def test_nothing_is_left_open_by_a_tree_that_ends_meanwhile(
    storage: Gated, server: Server, client: Client
) -> None:
    storage.gate.clear()
    sent = client.begin("x")
    await storage.waiting.wait()

    assert (await client.call(TreeDisconnectRequest())).status == NtStatus.SUCCESS
    storage.gate.set()

    assert (await client.answer(sent)).status == NtStatus.NETWORK_NAME_DELETED
    assert len(server.files) == 0
    assert storage.names() == []


async def test_a_cancelled_create_leaves_nothing_open(
    storage: Gated, server: Server, client: Client
) -> None:
    storage.gate.clear()
    client.begin("x")
    await storage.waiting.wait()

    await client.close()
    storage.gate.set()
    await server.files.wait_closed()

    assert len(server.files) == 0


async def test_a_hangup_closes_and_deletes(
    storage: Gated, server: Server, connect: Connect
) -> None:
    first, second = await connect(), await connect()
    await first.open("x", create_options=CreateOptions.FILE_DELETE_ON_CLOSE)
    await second.open("y")

    await first.close()
    await server.files.wait_closed()

    assert len(server.files) == 1
    assert storage.names() == ["y"]


async def test_two_listings_of_one_open(client: Client) -> None:
    for number in range(20):
        await client.open(f"file {number}")
    folder = await client.open("", create_options=CreateOptions.FILE_DIRECTORY_FILE)

    sent = [client.send(QueryDirectoryRequest(12, folder, "*", 4096)) for _ in range(2)]
    statuses = [(await client.answer(each)).status for each in sent]

    assert statuses == [NtStatus.SUCCESS, NtStatus.NO_MORE_FILES]


async def test_an_ioctl(client: Client) -> None:
    file_id = await client.open("x")
    await client.call(WriteRequest(0, file_id, b"content"))

    zeros = (2).to_bytes(8, "little") + (4).to_bytes(8, "little")
    response = await client.call(IoctlRequest(Fsctl.SET_ZERO_DATA, file_id, input=zeros))

    assert response.status == NtStatus.SUCCESS
    assert bytes((await client.call(ReadRequest(7, 0, file_id))).body.data) == b"co\0\0ent"


async def test_what_follows_in_the_compound_has_not_waited() -> None:
    seen: list[int | None] = []

    def handle(context: Context, request: Request) -> Reply:
        seen.append(context.waiting_since)
        if len(seen) == 1:
            future = asyncio.get_running_loop().create_future()
            future.set_result(None)
            raise RetryAfter([future])
        return Reply(FlushResponse())

    begun: list[dict[str, bool]] = []
    context: Any = SimpleNamespace(
        coroutines=StorageCoroutines(),
        waiting_since=None,
        begin=lambda _, **needs: begun.append(needs),
    )
    request: Any = SimpleNamespace(header=SimpleNamespace(command=Command.SET_INFO))
    command: Any = SimpleNamespace(handle=handle, session=True, tree=False)
    pending = storage_calls.handle(context, request, command, since=7)

    assert isinstance(pending, Pending)
    assert isinstance((await pending.work).body, FlushResponse)
    assert seen == [None, 7]
    assert context.waiting_since is None
    # Session and tree may have ended before each of them.
    assert begun == [{"session": True, "tree": False}] * 2
