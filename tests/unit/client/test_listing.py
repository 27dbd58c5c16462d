"""Listings of folders: in pages, over more than one connection, and by servers that lie."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from smbquic.client.listing import AHEAD
from smbquic.client.retry import LOSSES_ALLOWED
from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import (
    ConnectionClosed,
    DeniedError,
    DirectoryExpectedError,
    NotFoundError,
    SecurityError,
)
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.query_directory import QueryDirectoryResponse
from tests.unit.client.fakes import (
    HELD,
    Answer,
    FakeServer,
    FakeTransport,
    Received,
    connection_over,
    serving,
    share_over,
)

FOLDER = FileAttributes.DIRECTORY
FILE = FileAttributes.ARCHIVE


def entry(name: str, attributes: FileAttributes = FILE, size: int = 0) -> DirectoryEntry:
    return DirectoryEntry(
        name, end_of_file=size, file_attributes=attributes, last_write_time=116444736000000000
    )


def listing(*entries: DirectoryEntry) -> QueryDirectoryResponse:
    encoded = [
        encode_entry(FileInformationClass.FileIdFullDirectoryInformation, one) for one in entries
    ]
    return QueryDirectoryResponse(encode_chain(encoded, 8))


def serve_listings(server: FakeServer, *parts: list[DirectoryEntry]) -> None:
    """One folder, listed in these parts."""
    remaining = list(parts)

    def query(request: Received) -> Answer:
        if not remaining:
            return NtStatus.NO_MORE_FILES, None
        return listing(*remaining.pop(0))

    server.handlers[Command.QUERY_DIRECTORY] = query


async def test_listing_in_parts(share: Share, server: FakeServer, transport: FakeTransport) -> None:
    serve_listings(
        server,
        [entry(".", FOLDER), entry("..", FOLDER), entry("a", FOLDER)],
        [entry("b", size=7), entry("ü€𝄞")],
    )
    found = [item async for item in share.scandir("x/y", "*.*")]
    assert [item.name for item in found] == ["a", "b", "ü€𝄞"]
    assert found[0].is_directory
    assert found[1].size == 7
    assert found[1].last_write_time == 0
    queries = server.bodies(Command.QUERY_DIRECTORY)
    assert [query.file_name for query in queries] == ["*.*"] * 4
    assert server.commands() == ["CREATE", *["QUERY_DIRECTORY"] * 4, "CLOSE"]
    assert not transport.keep_alive


async def test_what_is_asked_for_in_a_listing(
    share: Share, server: FakeServer, transport: FakeTransport
) -> None:
    serve_listings(server, [entry("a")])
    assert await share.listdir() == ["a"]
    async with serving(other := FakeTransport()) as small:
        serve_listings(small, [entry("a")])
        connection = connection_over(other, credits=64, max_transact_size=70_000)
        assert await share_over(connection).listdir() == ["a"]
        await connection.close()
    for each, size in ((server, 1 << 20), (small, 70_000)):
        for query in each.bodies(Command.QUERY_DIRECTORY):
            assert (query.file_information_class, query.flags) == (38, 0)
            assert query.output_buffer_length == size
            assert query.file_name == "*"


async def test_nothing_matches(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.NO_SUCH_FILE, None)
    assert await share.listdir("x", "*.zip") == []
    assert server.commands()[-1] == "CLOSE"


async def test_a_listing_that_is_left_early_is_closed(
    share: Share, server: FakeServer, transport: FakeTransport
) -> None:
    serve_listings(server, [entry("a"), entry("b")])
    iterator = share.scandir()
    assert (await anext(iterator)).name == "a"
    assert transport.keep_alive
    await iterator.aclose()
    assert not transport.keep_alive
    assert server.commands() == ["CREATE", "QUERY_DIRECTORY", "QUERY_DIRECTORY", "CLOSE"]


async def test_a_listing_that_outlives_its_connection(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a"), entry("b")])
    iterator = share.scandir()
    assert (await anext(iterator)).name == "a"
    await share.tree.connection.close()
    await iterator.aclose()
    assert server.commands() == ["CREATE", "QUERY_DIRECTORY", "QUERY_DIRECTORY"]


async def test_a_listing_that_fails(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (NtStatus.ACCESS_DENIED, None)
    with pytest.raises(DeniedError, match="QUERY_DIRECTORY: x"):
        await share.listdir("x")
    assert server.commands()[-1] == "CLOSE"
    server.handlers[Command.CREATE] = lambda request: (NtStatus.NOT_A_DIRECTORY, None)
    with pytest.raises(DirectoryExpectedError):
        await share.listdir("x")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", r"..\x", "a\0", ""])
async def test_names_that_lead_elsewhere_are_refused(
    share: Share, server: FakeServer, name: str
) -> None:
    serve_listings(server, [entry("good"), entry(name)])
    with pytest.raises(SecurityError, match="lists the name"):
        await share.listdir()


async def test_a_small_folder_is_listed_by_one_message(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a"), entry("b")])
    iterator = share.scandir()
    assert [(await anext(iterator)).name for _ in range(2)] == ["a", "b"]
    assert server.commands() == ["CREATE", "QUERY_DIRECTORY", "QUERY_DIRECTORY"]
    assert [item.name async for item in iterator] == []
    assert server.commands()[3:] == ["CLOSE"]


async def test_the_next_pages_come_while_one_is_looked_at(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a")], [entry("b")], [entry("c")], [entry("d")])
    iterator = share.scandir()
    assert [(await anext(iterator)).name for _ in range(2)] == ["a", "b"]
    await server.until(lambda: server.commands().count("QUERY_DIRECTORY") == 2 + AHEAD)
    assert [item.name async for item in iterator] == ["c", "d"]


async def test_a_page_after_one_that_says_there_is_no_more(
    share: Share, server: FakeServer
) -> None:
    """A server may list two pages of one folder at once, and end the first of them first."""
    pages: Iterator[list[DirectoryEntry]] = iter(
        ([entry("a")], [entry("b")], [], [entry("c")], [entry("d")])
    )
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: (
        listing(*page) if (page := next(pages)) else (NtStatus.NO_MORE_FILES, None)
    )
    assert await share.listdir() == ["a", "b", "c"]
    assert server.commands().count("QUERY_DIRECTORY") == 4


async def test_a_listing_that_is_left_while_the_next_page_is_waited_for(
    share: Share, server: FakeServer
) -> None:
    serve_listings(server, [entry("a")], [entry("b")])
    pages = server.handlers[Command.QUERY_DIRECTORY]

    def query(request: Received) -> Answer:
        return HELD if server.commands().count("QUERY_DIRECTORY") == 3 else pages(request)

    server.handlers[Command.QUERY_DIRECTORY] = query
    iterator = share.scandir()
    assert [(await anext(iterator)).name for _ in range(2)] == ["a", "b"]
    await server.until(lambda: server.commands().count("QUERY_DIRECTORY") == 2 + AHEAD)
    await iterator.aclose()
    assert len(server.cancelled) == 1
    assert server.commands()[-1] == "CLOSE"


# --- connections that are lost ------------------------------------------------------------------


@asynccontextmanager
async def another_connection(*pages: list[DirectoryEntry]) -> AsyncIterator[Share]:
    transport = FakeTransport()
    async with serving(transport) as server:
        serve_listings(server, *pages)
        connection = connection_over(transport, credits=64)
        yield share_over(connection)
        await connection.close()


def reconnecting(share: Share, others: list[Share]) -> list[TreeConnect]:
    """Have a share find the others, one after the other; returns the tree connects it had."""
    lost: list[TreeConnect] = []

    async def renew(tree: TreeConnect, cause: ConnectionClosed) -> TreeConnect:
        if not others:
            raise cause
        lost.append(tree)
        share.share_tree._tree = others.pop(0).tree
        return share.tree

    share.share_tree.renew = renew  # type: ignore[assignment,method-assign]
    return lost


async def listed_over(
    share: Share, others: list[Share], *, lose_after: Callable[[list[Stat]], bool]
) -> list[str]:
    reconnecting(share, others)
    found: list[Stat] = []
    async for item in share.scandir():
        found.append(item)
        if lose_after(found):
            await share.tree.connection.close()
    return [item.name for item in found]


async def test_a_listing_goes_on_over_a_new_connection(share: Share, server: FakeServer) -> None:
    """In another order, without a file that was deleted, and with one that is new."""
    serve_listings(server, [entry("a"), entry("b")], [entry("c"), entry("deleted")], [entry("d")])
    pages = [entry("d"), entry("c"), entry("new")], [entry("b"), entry("e"), entry("a")]
    async with another_connection(*pages) as other:
        names = await listed_over(share, [other], lose_after=lambda found: len(found) == 4)
        assert names == ["a", "b", "c", "deleted", "d", "new", "e"]


async def test_a_folder_that_is_gone_meanwhile(share: Share, server: FakeServer) -> None:
    serve_listings(server, [entry("a")], [entry("b")], [entry("c")])
    async with another_connection() as other:
        reconnecting(share, [other])
        iterator = share.scandir("x")
        assert [(await anext(iterator)).name for _ in range(2)] == ["a", "b"]
        await share.tree.connection.close()

        async def refuse(*_: object) -> None:
            raise NotFoundError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", "x")

        other.tree.compound = refuse  # type: ignore[assignment,method-assign]
        with pytest.raises(NotFoundError, match="x"):
            await anext(iterator)


async def test_a_listing_gives_up_after_many_losses(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: listing(entry(str(request.id)))
    renewed: list[TreeConnect] = []

    async def lost(*_: object) -> None:
        raise ConnectionClosed("the server was restarted")

    async def renew(tree: TreeConnect, cause: ConnectionClosed) -> TreeConnect:
        renewed.append(tree)
        return tree

    share.tree.request = lost  # type: ignore[assignment,method-assign]
    share.share_tree.renew = renew  # type: ignore[assignment,method-assign]
    names = []

    async def collect() -> None:
        async for item in share.scandir():
            names.append(item.name)

    with pytest.raises(ConnectionClosed, match="restarted"):
        await collect()
    assert len(renewed) == LOSSES_ALLOWED
    assert len(names) == len(set(names)) == 2 * (LOSSES_ALLOWED + 1)
