"""Plain code that is left while it waits, and entered again."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from smbquic.server.plain_code import PlainCode

VARIABLE: ContextVar[int] = ContextVar("variable")


def wait(awaitable: Any) -> Any:
    current = PlainCode.current()
    assert current is not None
    return current.wait(awaitable)


async def twice(number: int) -> int:
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await asyncio.sleep(0)
    return 2 * number


async def test_what_has_nothing_to_wait_for() -> None:
    assert PlainCode.current() is None
    assert await PlainCode(max, (1, 2)) == 2


async def test_waiting_in_the_middle() -> None:
    def work(number: int) -> int:
        VARIABLE.set(number)
        found = int(wait(twice(number)) + wait(twice(number)))
        assert VARIABLE.get() == number
        return found

    async def run(number: int) -> int:
        return int(await PlainCode(work, (number,)))

    assert await asyncio.gather(*map(run, range(5))) == [0, 4, 8, 12, 16]


async def test_waiting_in_a_coroutine_that_is_waited_for() -> None:
    async def outer() -> int:
        await asyncio.sleep(0)
        return int(wait(twice(3)))

    assert await PlainCode(wait, (outer(),)) == 6


async def test_what_is_raised_is_raised_where_it_is_waited_for() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("broken")

    def work(function: Callable[[], object]) -> str:
        try:
            wait(function())
        except OSError as error:
            return str(error)
        return ""

    assert await PlainCode(work, (fail,)) == "broken"
    with pytest.raises(OSError, match="broken"):
        await PlainCode(wait, (fail(),))


async def test_cancellation_is_raised_where_it_is_waited_for() -> None:
    done = []
    waiting = asyncio.Event()

    def work() -> None:
        try:
            waiting.set()
            wait(asyncio.Event().wait())
        except asyncio.CancelledError:
            done.append(wait(twice(1)))
            raise

    async def run() -> None:
        await PlainCode(work, ())

    task = asyncio.create_task(run())
    await waiting.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [2]
