"""What becomes of a connection as long as a service has it."""

import json
from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.observe.audit import AuditLog
from smbquic.options.limits import Limits
from smbquic.overload import service as module
from smbquic.overload.drain import STOPPING
from smbquic.overload.refusals import ServerRefusal
from smbquic.overload.scheduler import SAVED_TIME
from smbquic.overload.service import LimitedService
from smbquic.overload.slow_peers import PeerProgress
from smbquic.transport.base import MessageTransport, PathStatistics
from tests.unit.clock import Clock


class Service(LimitedService[Any]):
    def __init__(self) -> None:
        self.lines: list[str] = []
        audit = AuditLog(SimpleNamespace(write=self.lines.append))
        super().__init__({}, Limits(), audit)

    async def refuse(self, transport: MessageTransport) -> None:
        raise AssertionError


class Connection:
    def __init__(self, service: Service) -> None:
        self.client_network = "192.0.2.1"
        self.failed_until = 0.0
        self.quota = service.scheduler.unauthenticated
        self.steps: list[str] = []
        self.progress = PeerProgress()
        self.transport = SimpleNamespace(
            close=self.steps.append,
            wait_closed=self.wait_closed,
            flow=lambda: SimpleNamespace(received=3, sent=4),
            statistics=lambda: PathStatistics(lost_packets=5),
        )

    async def wait_closed(self) -> None:
        self.steps.append("closed")


def counts(service: Service) -> tuple[int, int, int]:
    limiter = service.connection_limiter
    return (
        len(service.connections),
        limiter._places,
        len(service.scheduler.unauthenticated.connections),
    )


async def test_a_connection_counts_as_long_as_it_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    service = Service()
    connection = Connection(service)

    def serve() -> None:
        with service.counted(connection, clock.now - 0.25):
            assert counts(service) == (1, 1, 1)
            assert service.slow_peers._next is not None
            assert service.scheduler.unauthenticated.remaining_time == SAVED_TIME - 0.25
            raise ConnectionError

    with pytest.raises(ConnectionError):
        serve()

    assert counts(service) == (0, 0, 0)
    assert service.slow_peers.closed == 1
    assert (service.slow_peers.received, service.slow_peers.sent) == (3, 4)
    assert service.lost_packets == 5
    service.slow_peers.stop()


async def test_ended_connections_are_remembered_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ended_connection_facts", lambda connection: {"was": connection})
    service = Service()
    with service.counted(Connection(service), 0.0):
        pass
    assert service.ended_connections is None
    service.ended_connections = deque(maxlen=1)
    for connection in (Connection(service), last := Connection(service)):
        with service.counted(connection, 0.0):
            pass
    assert list(service.ended_connections) == [{"was": last}]
    service.slow_peers.stop()


async def test_all_connections_are_closed_before_any_is_waited_for() -> None:
    service = Service()
    order: list[str] = []
    for _ in range(2):
        connection = Connection(service)
        connection.steps = order
        connection.transport.close = order.append
        service.connections[connection] = None
    service.slow_peers.start()

    await service.close_connections()

    assert order == [STOPPING, STOPPING, "closed", "closed"]
    assert service.slow_peers._next is None


async def test_a_refusal_is_counted_logged_and_recorded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service()

    service.refusals.add(ServerRefusal.MEMORY, "192.0.2.1")

    assert service.refusals.counts == {ServerRefusal.MEMORY: 1}
    assert "192.0.2.1" in caplog.text
    [record] = map(json.loads, service.lines)
    assert (record["event"], record["address"]) == ("refusal", "192.0.2.1")
    assert (record["reason"], record["count"]) == (ServerRefusal.MEMORY, 1)
