"""Handlers that are called again until nothing is in their way."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.commands import CommandEntry
from smbquic.server.context import Context
from smbquic.server.outcome import Pending, Reply, RetryAfter
from smbquic.server.retry import until_done
from smbquic.wire.echo import EchoRequest, EchoResponse
from smbquic.wire.header import Command
from tests.unit.server.smb_client import Client, Until


async def echo_later() -> Reply:
    return Reply(EchoResponse())


class Attempts:
    """A handler that has to wait for each of `waits`, and then does what `result` says."""

    def __init__(self, waits: list[RetryAfter], result: Callable[[], Reply]) -> None:
        self.context: Any = SimpleNamespace(waiting_since=None)
        self.waiting_since: list[int | None] = []
        self._waits = list(waits)
        self._result = result

    async def attempt(self) -> Reply:
        self.waiting_since.append(self.context.waiting_since)
        if self._waits:
            raise self._waits.pop(0)
        return self._result()

    async def run(self) -> Reply:
        return await until_done(self.context, self.attempt, since=7)


class Meanwhile:
    """A context that is entered while a request waits; `events` are those that happened."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextmanager
    def enter(self) -> Iterator[None]:
        self.events.append("entered")
        try:
            yield
        finally:
            self.events.append("left")


def wait_over(meanwhile: Meanwhile | None = None) -> RetryAfter:
    """Return what is waited for, and is over already."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    wait = RetryAfter([future])
    wait.meanwhile = None if meanwhile is None else meanwhile.enter()
    return wait


async def test_what_has_not_to_wait_is_called_once() -> None:
    attempts = Attempts([], lambda: Reply(EchoResponse()))

    assert isinstance((await attempts.run()).body, EchoResponse)
    assert attempts.waiting_since == [None]


async def test_a_request_that_waits_knows_since_when() -> None:
    attempts = Attempts([wait_over(), wait_over()], lambda: Reply(EchoResponse()))

    await attempts.run()
    assert attempts.waiting_since == [None, 7, 7]
    assert attempts.context.waiting_since is None


@pytest.mark.parametrize("first", [0, 1])
async def test_the_context_of_a_wait_is_entered_once_until_the_end(first: int) -> None:
    meanwhile = Meanwhile()
    waits = [wait_over(), wait_over(meanwhile), wait_over(meanwhile)][first:]

    def result() -> Reply:
        meanwhile.events.append("done")
        return Reply(EchoResponse())

    await Attempts(waits, result).run()
    assert meanwhile.events == ["entered", "done", "left"]


async def test_what_fails_leaves_nothing_behind() -> None:
    meanwhile = Meanwhile()

    def result() -> Reply:
        raise StatusError(NtStatus.ACCESS_DENIED)

    attempts = Attempts([wait_over(meanwhile)], result)
    with pytest.raises(StatusError):
        await attempts.run()
    assert meanwhile.events == ["entered", "left"]
    assert attempts.context.waiting_since is None


async def test_a_handler_is_called_again_until_nothing_is_in_its_way(
    client: Client, until: Until
) -> None:
    loop = asyncio.get_running_loop()
    breaks = [loop.create_future(), loop.create_future()]
    called: list[int | None] = []

    def handle(context: Context, request: Request) -> Pending:
        called.append(context.waiting_since)
        if len(called) <= len(breaks):
            raise RetryAfter([breaks[len(called) - 1]])
        return Pending(echo_later())

    client.server.dispatcher.commands[Command.ECHO] = CommandEntry(
        handle, session=False, tree=False
    )
    echo = client.send(EchoRequest())
    await client.interim(echo)
    assert len(called) == 1
    breaks[0].set_result(None)
    await until(lambda: len(called) == 2)
    breaks[1].set_result(None)
    assert (await client.answer(echo)).status == NtStatus.SUCCESS
    assert len(called) == 3
    assert called[0] is None
    assert called[1] == called[2]
    assert called[1] is not None
