"""Further connections for a session are made, and made again."""

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.client import channel_binder as module
from smbquic.client.channel_binder import ChannelBinder
from smbquic.errors import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    HandshakeError,
    PkiError,
    SecurityError,
    SmbError,
    StatusError,
)
from smbquic.ntstatus import NtStatus

HERE, OTHER, THIRD = "10.0.0.1", "10.0.0.2", "10.0.0.3"


class Connection:
    """A connection to an address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.transport = SimpleNamespace(peer=SimpleNamespace(remote=(address, 445)))
        self.closed = False
        self.was_closed = False

    async def close(self) -> None:
        self.closed = self.was_closed = True


class FakeSession:
    """A session with one connection; `failures` are what attempts to bind others raise."""

    host = "server"

    def __init__(self) -> None:
        self.can_bind = True
        self.connections = [Connection(HERE)]
        self.settled, self.wanted = asyncio.Event(), asyncio.Event()
        self.settled.set()
        self.changed = asyncio.Event()
        self.failures: dict[str, list[SmbError]] = {}
        self.attempts: list[str] = []
        self.channels = self
        self.made: list[Connection] = []

    @property
    def first(self) -> Connection:
        return self.connections[0]

    async def connect(self, address: str) -> Connection:
        self.attempts.append(address)
        self.changed.set()
        made = Connection(address)
        self.made.append(made)
        return made

    async def bind(self, connection: Connection) -> None:
        if self.failures.get(connection.address):
            raise self.failures[connection.address].pop(0)
        self.connections.append(connection)

    def lose(self, index: int) -> None:
        self.connections.pop(index).closed = True
        self.wanted.set()

    def addresses(self) -> list[str]:
        return [connection.address for connection in self.connections]

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the server names."""
    found = [HERE, OTHER, THIRD]

    async def server_addresses(session: Any) -> list[str]:
        return list(found)

    monkeypatch.setattr(module, "server_addresses", server_addresses)
    monkeypatch.setattr(module, "FIRST_DELAY", 0.0)
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.0)
    return found


def binder_of(session: FakeSession, count: int) -> ChannelBinder:
    return ChannelBinder(session, count, session.connect)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "addresses"),
    [
        (2, [HERE, OTHER]),
        (3, [HERE, OTHER, THIRD]),
        (5, [HERE, OTHER, THIRD, HERE, OTHER]),
    ],
)
async def test_they_are_spread_over_the_addresses(
    session: FakeSession, offered: list[str], count: int, addresses: list[str]
) -> None:
    binder = binder_of(session, count)
    binder.start()
    assert not session.settled.is_set()
    await session.settled.wait()
    assert session.addresses() == addresses
    await binder.close()
    assert all(connection.was_closed for connection in session.made)
    assert not session.connections[0].was_closed


async def test_a_session_that_can_have_no_others(
    session: FakeSession, offered: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    session.can_bind = False
    binder = binder_of(session, 3)
    binder.start()
    assert session.settled.is_set()
    assert "one connection, not 3" in caplog.text
    await binder.close()
    assert session.attempts == []


async def test_one_that_is_lost_is_replaced(session: FakeSession, offered: list[str]) -> None:
    binder = binder_of(session, 3)
    binder.start()
    await session.settled.wait()
    lost = session.connections[1]
    session.lose(1)
    await session.until(lambda: len(session.attempts) == 3)
    await asyncio.sleep(0)
    assert session.addresses() == [HERE, THIRD, OTHER]
    assert lost.was_closed
    session.lose(0)
    await session.until(lambda: len(session.attempts) == 4)
    await asyncio.sleep(0)
    assert session.addresses() == [THIRD, OTHER, HERE]
    await binder.close()


@pytest.mark.parametrize(
    "error",
    [
        ConnectError("nobody there"),
        ConnectionClosed("gone"),
        HandshakeError("full", reason="refused"),
        StatusError.of(NtStatus.INSUFFICIENT_RESOURCES),
        AuthenticationError("no more channels", NtStatus.INSUFFICIENT_RESOURCES),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_fails_for_now_is_tried_again(
    session: FakeSession, offered: list[str], error: SmbError, caplog: pytest.LogCaptureFixture
) -> None:
    offered[:] = [HERE, OTHER]
    session.failures = {OTHER: [error] * 3}
    binder = binder_of(session, 2)
    with caplog.at_level(logging.INFO):
        binder.start()
        await session.settled.wait()
        # It has to make do with the address that works.
        assert session.addresses() == [HERE, HERE]
        assert f"none to {OTHER}: {error}" in caplog.text
    session.lose(1)
    await session.until(lambda: session.attempts.count(OTHER) == 2)
    await binder.close()


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("wrong password", NtStatus.LOGON_FAILURE),
        SecurityError("another server answers there"),
        HandshakeError("wrong name", reason="certificate"),
        PkiError("revoked"),
        StatusError.of(NtStatus.ACCESS_DENIED),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_would_fail_again_is_not(
    session: FakeSession, offered: list[str], error: SmbError
) -> None:
    offered[:] = [HERE, OTHER]
    session.failures = {OTHER: [error]}
    binder = binder_of(session, 3)
    binder.start()
    await session.settled.wait()
    assert session.attempts == [OTHER, HERE, HERE]
    session.lose(2)
    await session.until(lambda: len(session.attempts) == 4)
    assert session.attempts[-1] == HERE
    assert session.made[0].was_closed
    await binder.close()


async def test_nothing_is_tried_once_no_address_is_left(
    session: FakeSession, offered: list[str]
) -> None:
    error = AuthenticationError("locked", NtStatus.ACCOUNT_LOCKED_OUT)
    session.failures = {address: [error] for address in offered}
    binder = binder_of(session, 2)
    binder.start()
    await session.settled.wait()
    assert binder._task is not None
    await binder._task
    assert len(session.attempts) == 3
    await binder.close()


async def test_nothing_is_tried_once_the_session_has_ended(
    session: FakeSession, offered: list[str]
) -> None:
    session.first.closed = True
    binder = binder_of(session, 2)
    binder.start()
    await session.settled.wait()
    assert binder._task is not None
    await binder._task
    assert session.attempts == []
    await binder.close()


async def test_a_server_that_ends_them_at_once_is_asked_less_and_less(
    session: FakeSession, offered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            enough.set()
            await asyncio.Event().wait()

    async def bind(connection: Connection) -> None:
        session.connections.append(connection)
        asyncio.get_running_loop().call_soon(session.lose, 1)

    monkeypatch.setattr(module, "FIRST_DELAY", 1.0)
    monkeypatch.setattr(module, "LONGEST_DELAY", 60.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(session, "bind", bind)
    binder = binder_of(session, 2)
    binder.start()
    await enough.wait()
    assert pauses[-1] > 16
    await binder.close()
