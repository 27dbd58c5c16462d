import asyncio
from collections.abc import AsyncIterator, Callable
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


async def test_echoes_in_the_silence_of_what_is_to_be_kept_up(monitored: Monitored) -> None:
    monitored.transport.keep_alive = True
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
    monitored.transport.keep_alive = True

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


class SimulatedLoop:
    """Time that the test moves, and the timer that the monitor sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due = 0.0
        self.call: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> asyncio.Handle:
        self.due, self.call = self.now + delay, call
        return asyncio.Handle(call, (), asyncio.get_running_loop())

    def advance(self, seconds: int, each_second: Callable[[], None] = lambda: None) -> None:
        for _ in range(seconds):
            self.now += 1.0
            each_second()
            if self.call is not None and self.now >= self.due:
                call, self.call = self.call, None
                call()


@pytest.fixture
async def loop(monitored: Monitored) -> SimulatedLoop:
    """The loop of a monitor whose server owes a response since now."""
    monitor: Any = monitored.monitor
    monitor.stop()
    monitor._loop = simulated = SimulatedLoop()
    monitored.send()
    monitor.reset()
    monitor.check()
    return simulated


async def test_a_response_may_arrive_slowly(monitored: Monitored, loop: SimulatedLoop) -> None:
    def receive() -> None:
        monitored.transport.received += 1000

    loop.advance(600, receive)
    assert not monitored.errors
    assert monitored.echoes == 0

    loop.advance(59)
    assert not monitored.errors
    loop.advance(11)
    assert len(monitored.errors) == 1


async def test_a_request_may_leave_slowly(monitored: Monitored, loop: SimulatedLoop) -> None:
    transport = monitored.transport
    transport.sent = transport.untaken = 1 << 20

    def take() -> None:
        transport.untaken -= 1000

    loop.advance(600, take)
    assert not monitored.errors

    # What the server does not take any more is no sign of life, nor is less than before.
    transport.untaken += 5000
    loop.advance(30, lambda: None)
    transport.untaken -= 5000
    loop.advance(40)
    assert len(monitored.errors) == 1


async def test_a_server_that_takes_only_echoes_is_given_up(
    monitored: Monitored, loop: SimulatedLoop
) -> None:
    def send_echo() -> None:
        monitored.echoes += 1
        monitored.transport.sent += 68

    monitor: Any = monitored.monitor
    monitor._send_echo = send_echo
    loop.advance(70)

    assert monitored.echoes == 5
    [error] = monitored.errors
    assert "has not answered for 60 s" in str(error)
