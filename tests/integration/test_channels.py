"""A session over several connections, of which any may be lost while the others go on."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import cast

import pytest

import smbquic
from smbquic.auth.users import UserStore
from smbquic.client import channel_binder, listing, reconnect
from smbquic.client.connection import ClientConnection
from smbquic.client.share import Share
from smbquic.errors import LockedError
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from tests.engines import ENGINES

CONTENT = os.urandom(8 << 20)
PIECE = 256 << 10

Connect = Callable[..., AbstractAsyncContextManager[Share]]


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (reconnect, channel_binder):
        monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
        monkeypatch.setattr(module, "LONGEST_DELAY", 0.05)


@pytest.fixture(params=["tcp", *ENGINES])
async def connect(
    tmp_path: Path, pki: PkiDirectory, request: pytest.FixtureRequest
) -> AsyncIterator[Connect]:
    """Connects to a server that listens on both loopback addresses, at the same port."""
    tcp = request.param == "tcp"
    scheme, smb = ("tcp", "smb") if tcp else ("quic", "smb+quic")
    users = UserStore()
    users.add("alice", "secret")
    async with AsyncExitStack() as stack:

        async def start(*hosts: str, port: int) -> int:
            serving = await stack.enter_async_context(
                smbquic.serve(
                    {"data": tmp_path},
                    users,
                    [f"{scheme}://{host}:{port}" for host in hosts],
                    certificate=pki.server.certificate,
                    key=pki.server.key,
                    engine="auto" if tcp else cast(EngineName, request.param),
                )
            )
            return int(serving.listeners[0].rpartition(":")[2])

        port = await start("127.0.0.1", port=0)
        await stack.aclose()  # the port is known, and free
        await start("127.0.0.1", "[::1]", port=port)

        def connect(
            host: str = "localhost", **options: object
        ) -> AbstractAsyncContextManager[Share]:
            settings: dict[str, object] = {"ca": pki.ca, "password": "secret", "channels": 3}
            url = f"{smb}://alice@{host}:{port}/data"
            return smbquic.connect(url, **{**settings, **options})  # type: ignore[arg-type]

        yield connect


def connections(share: Share) -> list[ClientConnection]:
    return share.session.channels.connections


async def complete(share: Share, count: int = 3) -> None:
    """Wait until the session has all of its connections."""
    await share.session.channels.settled.wait()
    while len(connections(share)) < count:
        await share.exists("nothing")  # one is made again when it is wanted
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_they_go_to_the_addresses_that_the_server_names(connect: Connect, host: str) -> None:
    async with connect(host) as share:
        await complete(share)
        hosts = [each.transport.peer.remote[0] for each in connections(share)]
        assert set(hosts) == {"127.0.0.1", "::1"}
        assert len({each.transport.peer.local for each in connections(share)}) == 3


@pytest.mark.parametrize("encryption", ["allowed", "required"])
async def test_content_goes_by_all_of_them(
    connect: Connect, tmp_path: Path, encryption: str
) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    policy = smbquic.EncryptionPolicy(encryption)
    async with connect(encryption=policy) as share:
        await complete(share)
        before = [each.transport.flow().received for each in connections(share)]
        async with share.open("file", buffering=0) as file:
            assert await file.read() == CONTENT
        for each, received in zip(connections(share), before, strict=True):
            assert each.transport.flow().received - received > len(CONTENT) / 6


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_connection_is_lost_in_the_middle_of_writes(
    connect: Connect, tmp_path: Path, lost: int
) -> None:
    async with connect() as share:
        await complete(share)
        session = share.session
        async with share.open("file", "w+b", buffering=0) as file:
            opened = file.file_id
            async with file.lock(0, len(CONTENT)):
                written = 0
                dropped: list[ClientConnection] = []

                async def write(offset: int) -> None:
                    nonlocal written
                    await file.write_at(offset, CONTENT[offset : offset + PIECE])
                    written += 1
                    if written in (8, 16):
                        # The first may be listed still: many writes end in one turn of the loop.
                        remaining = [each for each in connections(share) if each not in dropped]
                        dropped.append(remaining[lost])
                        remaining[lost].transport.drop("lost by the test")

                async with asyncio.TaskGroup() as tasks:
                    for offset in range(0, len(CONTENT), PIECE):
                        tasks.create_task(write(offset))
                await file.flush()
                async with share.open("file", "r+b", buffering=0) as other:
                    with pytest.raises(LockedError):
                        await other.lock(0, 1, blocking=False)
            assert file.file_id == opened
        assert share.session is session
        assert session.state.channel_sequence >= 2
        assert (tmp_path / "file").read_bytes() == CONTENT
        await complete(share)


@pytest.mark.parametrize("lost", [0, 1])
async def test_copies_go_on_when_a_connection_is_lost(
    connect: Connect, tmp_path: Path, lost: int
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(CONTENT)
    async with connect() as share:
        await complete(share)
        session = share.session

        def drop_one(done: int, total: int) -> None:
            if done >= total // 2 and len(connections(share)) == 3:
                connections(share)[lost].transport.drop("lost by the test")

        await share.put(source, "copy", progress=drop_one)
        await complete(share)
        await share.get("copy", target, progress=drop_one)
        assert target.read_bytes() == CONTENT
        assert set(await share.listdir()) == {"source", "copy", "target"}
        assert share.session is session


async def test_all_are_lost_and_made_again(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    async with connect() as share:
        await complete(share)
        session = share.session
        async with share.open("file", buffering=0) as file:
            for connection in list(connections(share)):
                connection.transport.drop("lost by the test")
            assert await file.read() == CONTENT
        assert share.session is not session
        await complete(share)


async def test_a_listing_leaves_nothing_out(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 8192)
    names = [f"file {number}" for number in range(1000)]
    for name in names:
        (tmp_path / name).touch()
    async with connect() as share:
        await complete(share)
        listed = []
        async for entry in share.scandir():
            listed.append(entry.name)
            if len(listed) in (200, 500):
                connections(share)[0].transport.drop("lost by the test")
        assert sorted(listed) == sorted(names)


async def test_changes_are_still_reported(connect: Connect, tmp_path: Path) -> None:
    async with connect() as share:
        await complete(share)
        async with share.watch() as changes:
            connections(share)[0].transport.drop("lost by the test")
            async for change in changes:
                if change.path == "made":
                    break
                (tmp_path / "made").touch()
