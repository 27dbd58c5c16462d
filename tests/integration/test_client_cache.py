"""The client's cache on our server, over both transports: it pays, and others see what it does."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from smbquic.client import requests
from smbquic.client.cache import CacheLimits, LeaseCache
from smbquic.errors import (
    ConnectionClosed,
    ExistsError,
    NotFoundError,
    SourceChangedError,
)
from smbquic.pki import PkiDirectory
from tests.integration.cached import Clients, clients

T = TypeVar("T")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that is served."""
    folder = tmp_path / "root"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "a").write_bytes(b"content")
    (folder / "d" / "b").write_bytes(b"more")
    return folder


@pytest.fixture(params=["tcp", "quic"])
async def connect(
    root: Path, pki: PkiDirectory, request: pytest.FixtureRequest
) -> AsyncIterator[Clients]:
    async with clients(root, pki, request.param) as made:
        yield made


async def names(cache: LeaseCache, path: str) -> list[str]:
    return sorted([entry.name async for entry in cache.scandir(path)])


async def sends(connect: Clients, count: int, work: Awaitable[T]) -> T:
    """Do something that sends so many messages."""
    before = connect.messages
    result = await work
    assert connect.messages - before == count
    return result


# --- it pays ------------------------------------------------------------------------------------


async def test_what_is_known_is_not_asked_again(connect: Clients) -> None:
    cache = await connect.cache()
    first = await cache.stat("d/a")
    assert await sends(connect, 0, cache.stat("d/a")) == first
    assert first.size == 7
    with pytest.raises(NotFoundError):
        await cache.stat("d/missing")
    with pytest.raises(NotFoundError, match="d/missing"):
        await sends(connect, 0, cache.stat("d/missing"))
    assert not await sends(connect, 0, cache.exists("d/missing"))
    assert await names(cache, "d") == ["a", "b"]
    assert await sends(connect, 0, names(cache, "d")) == ["a", "b"]
    assert cache.known_stat("d/b") == await cache.stat("d/b")
    assert cache.known_stat("d/other") is cache.known_stat("other/b") is None
    async with await cache.open("d/b"):
        assert cache.known_stat("d/b") is None
    # The listing tells of each entry, and of what is none.
    assert (await sends(connect, 0, cache.stat("d/b"))).size == 4
    assert not await sends(connect, 0, cache.exists("d/other"))


async def test_a_folder_of_many_files_is_listed_instead_of_asked_for_each(
    connect: Clients, root: Path
) -> None:
    for number in range(50):
        (root / "d" / f"n{number}").touch()
    cache = await connect.cache()
    before = connect.messages
    for number in range(50):
        assert (await cache.stat(f"d/n{number}")).name == f"n{number}"
    assert connect.messages - before < 10


async def test_the_root(connect: Clients) -> None:
    cache = await connect.cache()
    assert (await cache.stat("")).is_directory
    await sends(connect, 0, cache.stat("/"))
    assert await names(cache, "") == ["d"]


async def test_content_is_read_once(connect: Clients, root: Path) -> None:
    content = os.urandom(1_000_000)
    (root / "d" / "big").write_bytes(content)
    cache = await connect.cache()
    async with await cache.open("d/big") as file:
        assert await file.read(0, len(content)) == content
        assert await sends(connect, 0, file.read(5, 100_000)) == content[5:100_005]
        assert await sends(connect, 0, file.size()) == len(content)
        assert await file.read(len(content), 5) == b""
    # What is known of its folder stays known.
    assert await names(cache, "d") == ["a", "b", "big"]
    assert await sends(connect, 0, names(cache, "d")) == ["a", "b", "big"]
    # It is still open on the server, so that it costs nothing to open it again.
    file = await sends(connect, 0, cache.open("d/big"))
    assert await sends(connect, 0, file.read(999_990, 100)) == content[-10:]
    await sends(connect, 0, file.close())


async def test_a_program_that_reads_on_does_not_wait(connect: Clients, root: Path) -> None:
    content = os.urandom(8_000_000)
    (root / "d" / "big").write_bytes(content)
    cache = await connect.cache()
    before = connect.messages
    read = bytearray()
    async with await cache.open("d/big") as file:
        while data := await file.read(len(read), 50_000):
            read += data
    assert read == content
    # One CREATE, and READs that are much larger than what the program asks for.
    assert connect.messages - before < 40


async def test_small_writes_are_collected(connect: Clients, root: Path) -> None:
    cache = await connect.cache()
    file = await cache.open("d/new", "x+b")
    before = connect.messages
    for number in range(1000):
        await file.write(number * 100, bytes([number % 256]) * 100)
    assert await file.read(50_000, 3) == bytes([500 % 256]) * 3
    assert connect.messages - before <= 1
    await file.close()
    expected = b"".join(bytes([number % 256]) * 100 for number in range(1000))
    assert (root / "d" / "new").read_bytes() == expected


# --- own changes --------------------------------------------------------------------------------


async def test_own_changes_leave_the_rest_known(connect: Clients) -> None:
    cache = await connect.cache()
    await names(cache, "d")
    await cache.share.mkdir("d/new")
    assert (await cache.stat("d/new")).is_directory
    assert not await sends(connect, 0, cache.exists("d/other"))
    assert await names(cache, "d") == ["a", "b", "new"]
    await cache.share.remove("d/b")
    assert not await cache.exists("d/b")
    await cache.share.rename("d/a", "d/c")
    assert not await cache.exists("d/a")
    assert (await cache.stat("d/c")).size == 7
    await cache.share.utime("d/c", modified=10**18)
    assert (await cache.stat("d/c")).last_write_time == 10**18
    await cache.share.rename("d", "e")
    assert not await cache.exists("d/c")
    assert await names(cache, "e") == ["c", "new"]
    await cache.share.rmdir("e/new")
    assert await names(cache, "e") == ["c"]


async def test_writing_changes_what_is_known(connect: Clients) -> None:
    cache = await connect.cache()
    await names(cache, "d")
    async with await cache.open("d/a", "rb+") as file:
        await file.write(7, b"+")
        assert (await cache.stat("d/a")).size == 8
        await (await cache.open("d/a")).close()
        assert (await cache.stat("d/a")).size == 8
        assert [e.size async for e in cache.scandir("d") if e.name == "a"] == [8]
        await file.truncate(3)
        assert (await cache.stat("d/a")).size == 3
        assert await file.read(0, 10) == b"con"
        await file.write(5, b"x")
        assert await file.read(0, 10) == b"con\0\0x"
    assert (await cache.stat("d/a")).size == 6


async def test_changes_by_path_of_a_file_that_is_open(connect: Clients) -> None:
    cache = await connect.cache()
    async with await cache.open("d/a", "r+b") as file:
        assert await file.read(0, 9) == b"content"
        await file.write(0, b"C")
        await cache.share.utime("d/a", modified=10**18)
        assert (await cache.stat("d/a")).last_write_time == 10**18
        await file.write(1, b"O")
        await cache.share.once(
            requests.create("d\\a", requests.WRITE), requests.truncate(3), path="d/a"
        )
        assert await file.read(0, 9) == b"COn"
        assert await file.size() == 3


async def test_modes(connect: Clients, root: Path) -> None:
    cache = await connect.cache()
    with pytest.raises(NotFoundError):
        await cache.open("d/missing")
    with pytest.raises(ExistsError):
        await cache.open("d/a", "xb")
    file = await cache.open("d/a", "rb")
    with pytest.raises(ExistsError):
        await cache.open("d/a", "xb")
    assert await file.read(0, 100) == b"content"
    async with await cache.open("d/a", "wb") as other:
        assert await file.size() == 0
        await other.write(0, b"anew")
        assert await file.read(0, 100) == b"anew"
    await file.close()
    async with await cache.open("d/a", "ab") as file:
        await file.write(await file.size(), b"!")
    assert (root / "d" / "a").read_bytes() == b"anew!"
    with pytest.raises(ValueError, match="add b"):
        await cache.open("d/a", "r")


# --- others -------------------------------------------------------------------------------------


async def test_others_see_what_is_written(connect: Clients) -> None:
    one, two, plain = await connect.cache(), await connect.cache(), await connect.share()
    file = await one.open("d/a", "rb+")
    await file.write(0, b"CON")
    assert await plain.read_bytes("d/a") == b"CONtent"
    await file.write(3, b"T")
    other = await two.open("d/a")
    assert await other.read(0, 9) == b"CONTent"
    await file.write(4, b"E")
    await connect.settle()
    assert await other.read(0, 9) == b"CONTEnt"
    await file.close()
    await other.close()


async def test_others_see_names_and_sizes(connect: Clients) -> None:
    one, two, plain = await connect.cache(), await connect.cache(), await connect.share()
    for cache in (one, two):
        assert await names(cache, "d") == ["a", "b"]
        assert not await cache.exists("d/new")
    await one.share.mkdir("d/new")
    await connect.settle()
    assert await two.exists("d/new")
    async with await two.open("d/a", "ab") as file:
        await file.write(7, b"+++")
    await connect.settle()
    assert (await one.stat("d/a")).size == 10
    await plain.remove("d/a")
    await connect.settle()
    for cache in (one, two):
        assert not await cache.exists("d/a")
        assert await names(cache, "d") == ["b", "new"]


async def test_what_is_only_kept_open_is_in_nobodys_way(connect: Clients) -> None:
    cache, plain = await connect.cache(), await connect.share()
    async with await cache.open("d/a") as file:
        await file.read(0, 3)
    await names(cache, "d")
    await plain.remove("d/a")
    assert await plain.listdir("d") == ["b"]
    await plain.rename("d", "e")
    await plain.remove("e/b")
    await plain.rmdir("e")
    await connect.settle()
    assert not await cache.exists("d")
    with pytest.raises(NotFoundError):
        await cache.open("d/a")


async def test_another_file_of_the_name(connect: Clients) -> None:
    cache, plain = await connect.cache(), await connect.share()
    kept = await cache.open("d/a")
    assert await kept.read(0, 9) == b"content"
    await plain.rename("d/a", "d/c")
    await plain.rename("d/b", "d/a")
    await connect.settle()
    async with await cache.open("d/a") as file:
        assert await file.read(0, 9) == b"more"
    assert (await cache.stat("d/a")).size == 4
    await kept.close()


# --- lost connections ---------------------------------------------------------------------------


async def lose(cache: LeaseCache) -> None:
    """Lose the connection of a client, and wait until it knows that."""
    connection = cache.share.tree.connection
    connection.transport.close("lost")
    while not connection.closed:
        with suppress(ConnectionClosed):
            await connection.echo()


async def test_what_was_cached_ends_with_the_connection(connect: Clients) -> None:
    cache, plain = await connect.cache(), await connect.share()
    assert await names(cache, "d") == ["a", "b"]
    file = await cache.open("d/a")
    await (await cache.open("d/b")).close()
    assert await file.read(0, 9) == b"content"
    await lose(cache)
    await plain.mkdir("d/new")
    async with plain.open("d/a", "r+b", buffering=0) as other:
        await other.write(b"CON")
    assert await names(cache, "d") == ["a", "b", "new"]
    assert await file.read(0, 9) == b"CONtent"
    async with await cache.open("d/b") as other_file:
        assert await other_file.read(0, 9) == b"more"
    await file.close()


async def test_what_was_not_sent_is_sent_on_the_next_connection(connect: Clients) -> None:
    cache, plain = await connect.cache(), await connect.share()
    file = await cache.open("d/a", "r+b")
    await file.write(0, b"CON")
    await lose(cache)
    await file.drain()
    assert await file.read(0, 9) == b"CONtent"
    # Whatever the server has granted since then: it gets an answer when it breaks that.
    assert await plain.read_bytes("d/a") == b"CONtent"
    await file.write(3, b"T")
    assert await plain.read_bytes("d/a") == b"CONTent"
    await file.close()


async def test_what_cannot_be_sent_any_more_is_not_lost_in_silence(
    connect: Clients, root: Path
) -> None:
    cache, plain = await connect.cache(), await connect.share()
    file = await cache.open("d/a", "r+b")
    await file.write(0, b"CON")
    await lose(cache)
    await plain.rename("d/a", "d/c")
    await plain.rename("d/b", "d/a")
    with pytest.raises(SourceChangedError, match="another file got this name"):
        await file.close()
    await connect.closed()
    assert (root / "d" / "a").read_bytes() == b"more"


# --- the end ------------------------------------------------------------------------------------


async def test_nothing_stays_open(connect: Clients) -> None:
    cache = await connect.cache()
    await names(cache, "d")
    async with await cache.open("d/a") as file:
        await file.read(0, 9)
    await cache.aclose()
    assert not len(connect.server.files)


async def test_what_is_kept_open_is_bounded(connect: Clients, root: Path) -> None:
    for number in range(10):
        (root / f"n{number}").mkdir()
        (root / f"n{number}" / "f").write_bytes(b"x")
    cache = await connect.cache(CacheLimits(folders=3, files=2))
    for number in range(10):
        await names(cache, f"n{number}")
        async with await cache.open(f"n{number}/f") as file:
            await file.read(0, 1)
    await asyncio.sleep(0)
    await connect.settle()
    assert len(connect.server.files) <= 5


async def test_a_file_that_nobody_needs_is_closed_in_the_end(connect: Clients) -> None:
    cache = await connect.cache(CacheLimits(idle_seconds=0.01))
    await (await cache.open("d/a")).close()
    assert len(connect.server.files) == 1
    await connect.closed()
