import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.overload import slices
from smbquic.server.connection import ServerConnection
from smbquic.transport.base import PathStatistics
from smbquic.web.metrics.connections import count_locks, spread, sums_of
from tests.unit.server.smb_client import Turns


def connection(kind: str, path: PathStatistics, credits: int | None = None) -> Any:
    transport = SimpleNamespace(peer=SimpleNamespace(kind=kind), statistics=lambda: path)
    if credits is None:
        return SimpleNamespace(transport=transport)
    made = ServerConnection.__new__(ServerConnection)
    made.transport = transport
    made.protocol = SimpleNamespace(credits_held=credits)  # type: ignore[assignment]
    return made


async def test_what_all_connections_have_together() -> None:
    service: Any = SimpleNamespace(
        lost_packets=100,
        connections=[
            connection("quic", PathStatistics(0.5, 1200, 3, congestion_window=10), 7),
            connection("quic", PathStatistics(None, 1200, 4, congestion_window=20), 8),
            connection("tcp", PathStatistics(timeouts=1), 9),
        ],
    )
    found = await sums_of(service)
    assert found.transports == {"quic": 2, "tcp": 1}
    assert (found.lost_packets, found.credits) == (107, 24)
    assert (found.round_trips, found.windows) == ([0.5], [10, 20])


async def test_clients_of_a_gateway_have_credits_of_its_back_ends() -> None:
    service: Any = SimpleNamespace(
        lost_packets=0, connections=[connection("quic", PathStatistics())]
    )
    assert (await sums_of(service)).credits == 0


async def test_a_connection_that_ends_meanwhile_counts_once() -> None:
    service: Any = SimpleNamespace(lost_packets=0, connections=[])

    def end() -> PathStatistics:
        service.lost_packets = 5
        return PathStatistics(lost_packets=5)

    service.connections.append(connection("quic", PathStatistics()))
    service.connections[0].transport.statistics = end
    assert (await sums_of(service)).lost_packets == 5


async def test_the_locks_of_all_files() -> None:
    states = [SimpleNamespace(locks=[None] * number) for number in (1, 2, 3)]
    server: Any = SimpleNamespace(files=SimpleNamespace(states=lambda: states))
    assert await count_locks(server) == 6


async def test_others_are_served_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SLICE", 0.0)
    turns = Turns()
    await asyncio.sleep(0)
    states = [SimpleNamespace(locks=[]) for _ in range(20)]
    service: Any = SimpleNamespace(
        lost_packets=0,
        connections=[connection("tcp", PathStatistics()) for _ in range(20)],
        files=SimpleNamespace(states=lambda: states),
    )
    for work in (sums_of, count_locks):
        before = turns.count
        await work(service)
        assert turns.count - before >= 19
    await turns.end()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([3.0], {"median": 3.0, "p90": 3.0, "max": 3.0}),
        ([3.0, 1.0, 2.0], {"median": 2.0, "p90": 2.0, "max": 3.0}),
        (list(range(101, 0, -1)), {"median": 51, "p90": 91, "max": 101}),
    ],
)
def test_how_values_are_spread(values: list[float], expected: dict[str, float]) -> None:
    assert spread(values) == expected
