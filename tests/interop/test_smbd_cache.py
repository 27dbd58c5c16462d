"""The client's cache on Debian's smbd, which grants leases on files and on folders."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from unittest.mock import patch

import pytest

import smbquic
from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.client.connection import ClientConnection
from smbquic.client.response_waiters import Target
from smbquic.client.share import Share
from smbquic.errors import NotFoundError
from smbquic.protocol.response import Response
from smbquic.wire.message import Message
from tests.interop.processes import PASSWORD, Smbd, directly_and_through_a_gateway, needs_smbd

pytestmark = [*needs_smbd, directly_and_through_a_gateway]


class Clients:
    """Connects clients to the share, and knows how many messages they have sent."""

    def __init__(self, smbd: Smbd, stack: AsyncExitStack) -> None:
        self.url, self.ca = smbd.url(), smbd.ca
        self.stack = stack
        self.messages = 0
        compound = ClientConnection.compound

        async def counting(
            connection: ClientConnection,
            bodies: Sequence[Message],
            target: Target,
            *,
            replay: bool = False,
        ) -> list[Response]:
            self.messages += 1
            return await compound(connection, bodies, target, replay=replay)

        stack.enter_context(patch.object(ClientConnection, "compound", counting))

    async def share(self) -> Share:
        return await self.stack.enter_async_context(
            smbquic.connect(self.url, password=PASSWORD, ca=self.ca)
        )

    async def cache(self) -> LeaseCache:
        cache = LeaseCache(await self.share(), CacheLimits(pause=0, listed_seconds=1000))
        self.stack.push_async_callback(cache.aclose)
        return cache


@pytest.fixture
async def connect(smbd: Smbd) -> AsyncIterator[Clients]:
    """A share with a folder and two files in it."""
    (smbd.share / "d").mkdir()
    (smbd.share / "d" / "a").write_bytes(b"content")
    (smbd.share / "d" / "b").write_bytes(b"more")
    async with AsyncExitStack() as stack:
        yield Clients(smbd, stack)


async def names(cache: LeaseCache, path: str) -> list[str]:
    return sorted([entry.name async for entry in cache.scandir(path)])


async def test_what_is_known_is_not_asked_again(connect: Clients) -> None:
    cache = await connect.cache()
    assert await names(cache, "d") == ["a", "b"]
    async with await cache.open("d/a") as file:
        assert await file.read(0, 100) == b"content"
    before = connect.messages
    assert await names(cache, "d") == ["a", "b"]
    assert (await cache.stat("d/a")).size == 7
    with pytest.raises(NotFoundError):
        await cache.stat("d/missing")
    async with await cache.open("d/a") as file:
        assert await file.read(3, 100) == b"tent"
    assert connect.messages == before


async def test_own_changes_leave_the_rest_known(connect: Clients) -> None:
    cache = await connect.cache()
    assert await names(cache, "d") == ["a", "b"]
    await cache.share.mkdir("d/new")
    await cache.share.rename("d/a", "d/c")
    async with await cache.open("d/b", "ab") as file:
        await file.write(4, b"!")
    before = connect.messages
    assert not await cache.exists("d/missing")
    assert connect.messages == before
    assert await names(cache, "d") == ["b", "c", "new"]
    assert (await cache.stat("d/b")).size == 5


async def test_others_are_seen(connect: Clients) -> None:
    one, two, plain = await connect.cache(), await connect.cache(), await connect.share()
    for cache in (one, two):
        assert await names(cache, "d") == ["a", "b"]
    file = await one.open("d/a", "r+b")
    await file.write(0, b"CON")
    assert await plain.read_bytes("d/a") == b"CONtent"
    other = await two.open("d/a")
    assert await other.read(0, 100) == b"CONtent"
    await file.write(3, b"TENT+")
    await other.close()
    await file.close()
    await plain.remove("d/b")
    await plain.mkdir("d/new")
    # The processes of smbd tell each other of the change: it takes a moment.
    while await names(two, "d") != ["a", "new"]:
        await two.share.tree.connection.echo()
    await plain.rename("d", "e")
    assert await names(two, "e") == ["a", "new"]
    assert (await two.stat("e/a")).size == 8
    async with await two.open("e/a") as other:
        assert await other.read(0, 100) == b"CONTENT+"


async def test_what_is_only_kept_open_is_in_nobodys_way(connect: Clients) -> None:
    cache, plain = await connect.cache(), await connect.share()
    assert await names(cache, "d") == ["a", "b"]
    await (await cache.open("d/a")).close()
    await plain.rmtree("d")
    assert await plain.listdir() == []
