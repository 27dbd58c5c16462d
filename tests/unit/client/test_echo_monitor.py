import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from smbquic.client import echo_monitor
from smbquic.client.echo_monitor import RESPONSE_TIMEOUT, EchoMonitor
from smbquic.client.response_waiters import ResponseWaiter, ResponseWaiters, Target
from smbquic.errors import IdleTimeout
from tests.unit.client.fakes import FakeTransport


class Monitored:
    """A monitor whose ECHOs and errors are counted."""

    def __init__(self) -> None:
        self.transport = FakeTransport()
        self.outstanding = ResponseWaiters()
        self.echoes = 0
        self.errors: list[IdleTimeout] = []
        self.monitor = EchoMonitor(
            self.transport, self.outstanding, self._send_echo, self.errors.append
        )

    def _send_echo(self) -> None:
        self.echoes += 1

    def send(self) -> ResponseWaiter:
        """Have a request under way, sent now."""
        loop = asyncio.get_running_loop()
        waiter = ResponseWaiter(loop.create_future(), Target(), 1)
        self.outstanding.add({id(waiter): waiter}, loop.time())
        return waiter


@pytest.fixture
async def monitored() -> AsyncIterator[Monitored]:
    made = Monitored()
    yield made
    made.monitor.stop()


async def test_opens_keep_the_connection_up(monitored: Monitored) -> None:
    monitor, transport = monitored.monitor, monitored.transport
    assert not transport.keep_alive
    monitor.add_open()
    monitor.add_open()
    monitor.remove_open()
    assert transport.keep_alive
    monitor.remove_open()
    assert not transport.keep_alive


async def test_echoes_in_the_silence_while_something_is_open(monitored: Monitored) -> None:
    monitored.monitor.add_open()
    monitored.monitor.check()
    assert monitored.echoes == 0
    monitored.monitor.last_received -= echo_monitor.ECHO_INTERVAL
    monitored.monitor.check()
    assert monitored.echoes == 1


async def test_echoes_in_the_silence_while_a_response_is_due(monitored: Monitored) -> None:
    monitored.send()
    monitored.monitor.last_received -= echo_monitor.ECHO_INTERVAL
    monitored.monitor.check()
    assert monitored.echoes == 1


async def test_no_echo_without_opens(monitored: Monitored) -> None:
    monitored.monitor.last_received -= 10 * RESPONSE_TIMEOUT
    monitored.monitor.check()
    assert monitored.echoes == 0
    assert not monitored.errors


async def test_a_message_ends_the_silence(monitored: Monitored) -> None:
    monitored.send()
    monitored.monitor.last_received -= 2 * RESPONSE_TIMEOUT
    monitored.monitor.reset()
    monitored.monitor.check()
    assert monitored.echoes == 0
    assert not monitored.errors


async def test_a_server_that_owes_a_response_and_is_silent_is_given_up(
    monitored: Monitored,
) -> None:
    monitored.send()
    monitored.monitor.last_received -= RESPONSE_TIMEOUT
    monitored.monitor.check()
    [error] = monitored.errors
    assert "has not answered for 60 s" in str(error)


async def test_a_server_that_answers_only_later_requests_is_given_up(
    monitored: Monitored,
) -> None:
    waiter = monitored.send()
    monitored.outstanding.latest_answered = waiter.sent + RESPONSE_TIMEOUT
    monitored.monitor.check()
    [error] = monitored.errors
    assert "not what it was asked first" in str(error)


class Loop:
    """Tells the time, and notes when something is to be called."""

    def __init__(self) -> None:
        self.now = 100.0
        self.delays: list[float] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, _: object) -> asyncio.Handle:
        self.delays.append(delay)
        return asyncio.Handle(print, (), asyncio.get_running_loop())


async def test_the_next_check_is_when_the_silence_will_have_been_long(
    monitored: Monitored,
) -> None:
    monitor: Any = monitored.monitor
    monitor.stop()
    monitor._loop = loop = Loop()
    monitor.add_open()

    for silence, echoes in ((4.0, 0), (9.0, 0), (10.0, 1), (11.0, 2)):
        monitor.last_received = loop.now - silence
        monitor.check()
        assert monitored.echoes == echoes

    assert loop.delays == [6.0, 1.0, 10.0, 10.0]


async def test_a_server_that_is_given_up_is_not_checked_again(monitored: Monitored) -> None:
    monitored.send()
    monitor: Any = monitored.monitor
    monitor.stop()
    monitor._loop = loop = Loop()

    monitor.last_received = loop.now - RESPONSE_TIMEOUT
    monitor.check()

    assert len(monitored.errors) == 1
    assert loop.delays == []
