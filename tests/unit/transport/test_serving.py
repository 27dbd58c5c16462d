"""The life of accepted connections."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from smbquic.errors import ConnectionClosed, RemoteProtocolError
from smbquic.transport import serving
from smbquic.transport.base import Flow, MessageTransport, PathStatistics, Peer
from smbquic.transport.refusals import ListenerRefusal, Refusals
from smbquic.transport.serving import Connections
from smbquic.wire.cursor import Buffer


class Accepted:
    """A transport that remembers how it was closed."""

    keep_alive = False
    max_message_size = 0

    def __init__(self) -> None:
        self.peer = Peer("tcp", ("127.0.0.1", 445), ("192.0.2.7", 50000))
        self.reasons: list[str] = []
        self.closed = asyncio.Event()

    def authenticated(self) -> None:
        """See `MessageTransport`."""

    def send_now(self, *buffers: Buffer) -> bool:
        raise AssertionError

    async def send(self, *buffers: Buffer) -> None:
        raise AssertionError

    async def receive(self) -> memoryview:
        await self.closed.wait()
        raise ConnectionClosed("closed")

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self.reasons.append(reason)
        self.closed.set()

    def statistics(self) -> PathStatistics:
        return PathStatistics()

    async def wait_closed(self) -> None:
        await self.closed.wait()

    def drop(self, reason: str) -> None:
        self.close(reason)

    def flow(self) -> Flow:
        return Flow(
            sent=0, untaken=0, kept=0, received=0, unfetched=0, messages=0, unfinished=False
        )


async def until_served(connections: Connections) -> None:
    await asyncio.gather(*connections._running)
    await asyncio.sleep(0)
    assert not connections._running


async def test_a_transport_is_closed_when_its_work_is_done() -> None:
    served: list[object] = []

    async def serve(transport: object) -> None:
        served.append(transport)

    connections, transport = Connections(serve), Accepted()
    connections.start(transport)
    await until_served(connections)

    assert served == [transport]
    assert transport.reasons == [""]


@pytest.mark.parametrize(
    ("error", "level", "text", "reason"),
    [
        (ConnectionClosed("bye"), "INFO", "192.0.2.7:50000 disconnected: bye", ""),
        (RemoteProtocolError("bad"), "WARNING", "broke the protocol: bad", "protocol error"),
        (ZeroDivisionError("oops"), "ERROR", "192.0.2.7:50000 failed", "internal error"),
    ],
)
async def test_how_a_connection_failed_is_logged(
    error: Exception, level: str, text: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(transport: object) -> None:
        raise error

    connections, transport = Connections(serve), Accepted()
    with caplog.at_level(logging.INFO):
        connections.start(transport)
        await until_served(connections)
    (record,) = caplog.records

    assert record.levelname == level
    assert text in record.getMessage()
    assert transport.reasons == [reason]
    assert (record.exc_info is not None) is isinstance(error, ZeroDivisionError)


async def test_above_the_limit_connections_are_turned_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve(transport: MessageTransport) -> None:
        await transport.wait_closed()

    connections = Connections(serve, limit=2)
    transports = [Accepted() for _ in range(3)]
    for transport in transports:
        connections.start(transport)

    assert [transport.reasons for transport in transports] == [[], [], ["too many connections"]]
    assert "192.0.2.7:50000 was refused" in caplog.text
    await connections.close()
    assert transports[0].reasons == ["the server is stopping", ""]
    late = Accepted()
    connections.start(late)
    assert late.reasons == ["too many connections"]


async def test_work_that_hangs_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CLOSE_TIMEOUT", 0)
    cancelled = asyncio.Event()

    async def serve(transport: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    connections = Connections(serve)
    connections.start(Accepted())
    await asyncio.sleep(0)
    await connections.close()

    assert cancelled.is_set()


class Unread(Accepted):
    """A transport to a client that takes nothing of what it is still to be sent."""

    def close(self, reason: str = "", *, answered: bool = False) -> None:
        self.reasons.append(reason)

    def drop(self, reason: str) -> None:
        super().close(reason)


async def test_nobody_waits_for_a_dropped_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CLOSE_TIMEOUT", None)

    async def serve(transport: MessageTransport) -> None:
        await transport.receive()

    connections, transport = Connections(serve), Unread()
    connections.start(transport)
    await asyncio.sleep(0)
    connections.drop("the server has ended")
    await connections.close()
    assert transport.closed.is_set()


async def test_closing_nothing_is_nothing() -> None:
    async def serve(transport: object) -> None:
        raise AssertionError

    connections = Connections(serve)
    await connections.close()
    await connections.close()

    assert not connections._running


class Closed:
    """A limiter that nobody gets through."""

    busy = False

    def __init__(self) -> None:
        self.refusals = Refusals(lambda *_: None)
        self.expected: list[str] = []
        self.open = False
        self.refused: list[MessageTransport] = []
        self.leaving = asyncio.Event()

    async def refuse(self, transport: MessageTransport) -> None:
        self.refused.append(transport)
        await self.leaving.wait()

    def admits(self, host: str) -> bool:
        return self.open

    def expect(self, host: str) -> None:
        self.expected.append(host)

    def postpone(self, host: str, size: int, receive: Callable[[], object]) -> bool:
        raise AssertionError

    def charge(self, seconds: float) -> None:
        raise AssertionError


async def until_refused(connections: Connections, limiter: Closed, transport: Accepted) -> None:
    """A client that is turned away is told why before its connection is closed."""
    limiter.leaving.clear()
    await asyncio.sleep(0)
    assert limiter.refused == [transport]
    assert transport.reasons == []
    limiter.leaving.set()
    await asyncio.gather(*connections._refusing)
    assert transport.reasons == ["too many connections from this address"]


async def test_clients_that_are_told_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(transport: MessageTransport) -> None:
        raise AssertionError

    monkeypatch.setattr(serving, "MAX_REFUSING", 2)
    monkeypatch.setattr(serving, "REFUSAL_TIMEOUT", 0.01)
    limiter = Closed()
    connections = Connections(serve, limiter=limiter)
    transports = [Accepted() for _ in range(3)]
    for transport in transports:
        connections.start(transport)
    assert transports[2].reasons == ["too many connections from this address"]
    await asyncio.wait_for(transports[0].closed.wait(), 20)
    await asyncio.wait_for(transports[1].closed.wait(), 20)

    late = Accepted()
    monkeypatch.setattr(serving, "REFUSAL_TIMEOUT", 60.0)
    connections.start(late)
    await asyncio.sleep(0)
    await connections.close()
    await asyncio.wait_for(late.closed.wait(), 20)


async def test_a_gate_decides_who_is_served() -> None:
    async def serve(transport: MessageTransport) -> None:
        pass

    limiter, transport = Closed(), Accepted()
    connections = Connections(serve, limiter=limiter)
    connections.start(transport)
    await until_refused(connections, limiter, transport)
    limiter.open = True
    connections.start(Accepted())
    await until_served(connections)

    assert limiter.expected == ["192.0.2.7"]


async def test_who_was_told_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(transport: MessageTransport) -> None:
        raise AssertionError

    monkeypatch.setattr(serving, "MAX_REFUSING", 1)
    limiter = Closed()
    connections = Connections(serve, limiter=limiter)
    first, second, third = Accepted(), Accepted(), Accepted()
    connections.start(first)
    connections.start(second)
    await asyncio.sleep(0)
    assert limiter.refused == [first]
    limiter.leaving.set()
    await asyncio.gather(*connections._refusing)
    await asyncio.sleep(0)
    connections.start(third)
    await asyncio.gather(*connections._refusing)

    assert limiter.refused == [first, third]
    assert [each.reasons for each in (first, second, third)] == 3 * [
        ["too many connections from this address"]
    ]


@pytest.mark.parametrize(
    "error", [TimeoutError(), ConnectionClosed("gone"), RemoteProtocolError("?")]
)
async def test_a_client_that_cannot_be_told_is_closed_without_a_word(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Closed):
        async def refuse(self, transport: MessageTransport) -> None:
            raise error

    async def serve(transport: MessageTransport) -> None:
        raise AssertionError

    connections, transport = Connections(serve, limiter=Failing()), Accepted()
    connections.start(transport)
    await asyncio.gather(*connections._refusing)

    assert transport.reasons == ["too many connections from this address"]
    assert caplog.records == []


async def test_nobody_is_told_while_the_server_stops() -> None:
    async def serve(transport: MessageTransport) -> None:
        raise AssertionError

    limiter = Closed()
    limiter.leaving.set()
    connections, late = Connections(serve, limiter=limiter), Accepted()
    await connections.close()
    connections.start(late)
    await asyncio.sleep(0)

    assert (late.reasons, limiter.refused) == (["too many connections"], [])
    assert limiter.refusals.counts == {ListenerRefusal.CONNECTIONS: 1}


async def test_above_the_limit_a_client_is_told_if_there_is_somebody_to_tell_it() -> None:
    async def serve(transport: MessageTransport) -> None:
        await transport.wait_closed()

    limiter = Closed()
    limiter.open = True
    limiter.leaving.set()
    connections = Connections(serve, limit=1, limiter=limiter)
    first, second = Accepted(), Accepted()
    connections.start(first)
    connections.start(second)
    await asyncio.gather(*connections._refusing)
    assert (first.reasons, second.reasons) == ([], ["too many connections"])
    assert limiter.refused == [second]
    assert limiter.expected == ["192.0.2.7"]
    await connections.close()
