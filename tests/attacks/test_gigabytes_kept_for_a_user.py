"""A user has the server remember things, on many connections, that it never asks for."""

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.settings import ClientSettings
from smbquic.server.server import Server
from smbquic.wire.change_notify import ChangeNotifyRequest
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.lock import LockElement, LockFlags, LockRequest
from smbquic.wire.write import WriteRequest
from tests.unit.server.handlers.test_pipe import BIND, LISTING
from tests.unit.server.smb_client import Client, close_server, make_server

MEMORY = 256 << 10
CLIENTS = 8
EVERYTHING = 0xFFF
LONGEST = 200
NOW = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = make_server(tmp_path, Limits(interim_delay=30.0, user_memory=MEMORY))
    yield server
    await close_server(server)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def clients(server: Server, share: str) -> list[Client]:
    """Some connections of one user."""
    made = []
    for _ in range(CLIENTS):
        client = Client(server, ClientSettings(client_guid=bytes(16)))
        await client.negotiate()
        await client.log_on("mallory:secret")
        assert (await client.connect(share)).status == NtStatus.SUCCESS
        made.append(client)
    return made


async def leave(server: Server, crowd: list[Client]) -> None:
    for client in crowd:
        await client.close()
    assert server.user_memory.used == 0


def held() -> int:
    return tracemalloc.get_traced_memory()[0]


async def test_changes_that_are_never_asked_for(server: Server, traced: None) -> None:
    crowd = await clients(server, "data")
    for client in crowd:
        for _ in range(3):
            folder = await client.open("all", create_options=CreateOptions.FILE_DIRECTORY_FILE)
            sent = client.send(ChangeNotifyRequest(0, 1 << 20, folder, EVERYTHING))
            await client.interim(sent)
            client.deliver(client.protocol.cancel(sent))
            await client.answer(sent)
    before = held()
    for number in range(200):
        name = f"all\\{number:0{LONGEST}}"
        await crowd[0].call(CloseRequest(await crowd[0].open(name)))
    # Without a bound it is 24 times 200 changes, of 300 bytes and more.
    assert held() - before < 2 * MEMORY
    await leave(server, crowd)


async def test_locks_in_many_files(server: Server, traced: None) -> None:
    crowd = await clients(server, "data")
    before = held()
    taken = 0
    for number, client in enumerate(crowd):
        file_id = await client.open(f"file {number}")
        for start in range(0, 4096, 256):
            elements = [LockElement(10 * start + 5 * one, 1, NOW) for one in range(256)]
            response = await client.call(LockRequest(0, file_id, elements))
            if response.status == NtStatus.INSUFFICIENT_RESOURCES:
                break
            taken += len(elements)
    assert 512 <= taken <= 1024
    assert held() - before < 3 * MEMORY
    await leave(server, crowd)


async def test_answers_that_are_never_read(server: Server, traced: None) -> None:
    crowd = await clients(server, "IPC$")
    before = held()
    served = 0
    for client in crowd:
        for _ in range(4):
            response = await client.create("srvsvc")
            if response.status != NtStatus.SUCCESS:
                continue
            pipe = response.body.file_id
            await client.call(WriteRequest(0, pipe, BIND))
            while (await client.call(WriteRequest(0, pipe, LISTING))).status == NtStatus.SUCCESS:
                served += 1
                assert served < 4096
    assert served
    # Without a bound it is 64 KiB for each of 32 pipes, 2 MiB.
    assert held() - before < 4 * MEMORY
    await leave(server, crowd)
