"""The order in which notifications are sent, and what is left when a connection ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from smbquic.errors import ConnectionClosed
from smbquic.server.notifications import NotificationQueue


class Session:
    def __init__(self, *, is_valid: bool = True) -> None:
        self.is_valid = is_valid


class Connection:
    """Sends what it is given once the test lets it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.may_send = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []
        self.closed = False
        protocol: Any = self
        self.queue: Any = NotificationQueue(protocol, self.send, self.spawn)

    def unsolicited(self, session: Session, body: str) -> list[str]:
        return [body]

    async def send(self, message: list[Any]) -> None:
        await self.may_send.wait()
        if self.closed:
            raise ConnectionClosed("it has ended")
        self.sent += message

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))


async def test_notifications_are_sent_in_their_order_by_one_task() -> None:
    connection, session = Connection(), Session()
    for body in ("first", "second", "third"):
        connection.queue.add(session, body)
    assert len(connection.tasks) == 1
    connection.may_send.set()
    await connection.tasks[0]
    assert connection.sent == ["first", "second", "third"]
    assert not connection.queue.unsent

    connection.queue.add(session, "fourth")
    await connection.tasks[1]
    assert connection.sent[3:] == ["fourth"]


async def test_a_session_that_has_ended_gets_none() -> None:
    connection = Connection()
    connection.may_send.set()
    connection.queue.add(Session(is_valid=False), "for nobody")
    connection.queue.add(Session(), "for somebody")
    await connection.tasks[0]

    assert connection.sent == ["for somebody"]


async def test_what_was_not_sent_is_left() -> None:
    connection, session = Connection(), Session()
    connection.queue.add(session, "first")
    connection.queue.add(session, "second")
    connection.closed = True
    connection.may_send.set()
    with pytest.raises(ConnectionClosed):
        await connection.tasks[0]

    assert [body for _, body in connection.queue.unsent] == ["first", "second"]
