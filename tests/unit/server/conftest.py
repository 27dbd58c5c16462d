"""A server with a share on a temporary folder, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.protocol.settings import ClientSettings
from smbquic.server.server import Server
from smbquic.wire.create import CreateRequest
from smbquic.wire.file_id import FileId
from tests.unit.server.file_information import fill
from tests.unit.server.smb_client import (
    QUICK,
    Client,
    Connect,
    ServerWith,
    Turns,
    close_server,
    create,
    make_server,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder under the shares."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
async def server_with(root: Path) -> AsyncIterator[Callable[..., Server]]:
    """Makes a server with other limits or settings on the same folder."""
    servers = []

    def made(limits: Limits = QUICK, **settings: Any) -> Server:
        servers.append(make_server(root, limits, **settings))
        return servers[-1]

    yield made
    for server in servers:
        await close_server(server)


@pytest.fixture
async def server(server_with: ServerWith) -> Server:
    return server_with()


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Connect]:
    """Connects another client, logged on and with a tree of `data`, unless told otherwise."""
    clients = []

    async def connected(
        *,
        to: Server = server,
        token: str = "alice:secret",
        share: str = "data",
        kind: Literal["quic", "tcp"] = "tcp",
        **settings: Any,
    ) -> Client:
        settings = {"client_guid": bytes(16), **settings}
        client = Client(to, ClientSettings(**settings), kind)
        clients.append(client)
        await client.negotiate()
        if token:
            await client.log_on(token)
            if share:
                response = await client.connect(share)
                assert response.status == NtStatus.SUCCESS
        return client

    yield connected
    outcomes = await asyncio.gather(*(each.close() for each in clients), return_exceptions=True)
    for failure in filter(None, outcomes):
        raise failure


@pytest.fixture
async def client(connect: Connect) -> Client:
    return await connect()


@pytest.fixture
def create_request() -> Callable[..., CreateRequest]:
    """Makes a CREATE for a compound."""
    return create


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Lets everybody else run until something holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            # Conditions are of all kinds, threads' and files' too.
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)

    return wait


@pytest.fixture
def listing(root: Path) -> Callable[[], list[str]]:
    """The names in the share's root, sorted."""
    return lambda: sorted(entry.name for entry in root.iterdir())


@pytest.fixture(scope="session")
def server_in() -> Callable[[Path], Server]:
    """Makes a server on any folder, which `closing` ends."""
    return make_server


@pytest.fixture(scope="session")
def closing() -> Callable[[Server], Awaitable[None]]:
    """Ends a server, and closes what its shares stand on."""
    return close_server


@pytest.fixture(scope="session")
def client_of() -> Callable[[Server], Awaitable[Client]]:
    """Makes a client of any server, logged on and with a tree; who asks for it closes it."""

    async def made(server: Server) -> Client:
        client = Client(server, ClientSettings(client_guid=bytes(16)))
        await client.negotiate()
        await client.log_on()
        await client.connect()
        return client

    return made


@pytest.fixture
def turns() -> type[Turns]:
    """Begins to count how often others have their turn."""
    return Turns


@pytest.fixture
async def file_id(client: Client, root: Path) -> FileId:
    fill(root, "file")
    opened: FileId = await client.open("file")
    return opened
