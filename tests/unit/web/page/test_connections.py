"""Connections on the page: the open ones first, then those that have ended."""

from collections import deque
from typing import Any

from smbquic.server.server import Server
from smbquic.transport.base import PathStatistics
from smbquic.web.page.connections import connections, find_connection, lost_packets
from smbquic.web.page.paging import Query
from tests.unit.server.smb_client import Connect


async def users(server: Server, query: Query = Query()) -> list[Any]:  # noqa: B008
    return [row["users"] for row in (await connections(server, query))["rows"]]


async def test_the_latest_come_first_and_those_that_have_ended_last(
    server: Server, connect: Connect
) -> None:
    server.ended_connections = deque(maxlen=10)
    await connect()
    await connect(token="bob:secret")
    gone = await connect(token="carol:secret")
    await gone.close()
    await connect(token="")
    assert await users(server) == [[], ["bob"], ["alice"], ["carol"]]
    found = await connections(server, Query(offset=3))
    assert (found["open"], found["ended"], found["matched"]) == (3, 1, 4)
    assert found["rows"][0]["ended"] >= found["rows"][0]["since"]
    assert await users(server, Query("carol")) == [["carol"]]
    assert await users(server, Query("bob")) == [["bob"]]
    assert len(await users(server, Query("tcp://127.0.0.1"))) == 4


async def test_a_connection_is_found_by_its_number(server: Server, connect: Connect) -> None:
    await connect()
    [connection] = server.connections
    number = connection.trail.connection
    assert find_connection(server, number) is connection
    assert find_connection(server, number + 1) is None


async def test_lost_packets_are_those_of_all(server: Server, connect: Connect) -> None:
    await connect()
    server.lost_packets = 7
    for number, connection in enumerate(server.connections, 3):
        path = PathStatistics(lost_packets=number)
        connection.transport.statistics = lambda path=path: path  # type: ignore[misc,method-assign]
    assert await lost_packets(server) == 10
