"""Coroutines that run beside the main thread, and the signals that end them."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from smbquic.cli.failure import Terminated
from smbquic.cli.shell.worker import Worker, ended_by_signals


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.stop()


def test_results_and_errors(worker: Worker) -> None:
    async def work(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError("negative")
        return value

    assert worker.run(work(3)) == 3
    with pytest.raises(ValueError, match="negative"):
        worker.run(work(-1))


async def interrupt(number: signal.Signals, done: list[str]) -> None:
    os.kill(os.getpid(), number)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        done.append("cleaned up")


def test_ctrl_c_cancels_it_and_waits(worker: Worker) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        worker.run(interrupt(signal.SIGINT, done))
    assert done == ["cleaned up"]


class InterruptedLoop(asyncio.SelectorEventLoop):
    """A loop that gets Ctrl-C right before it is given some work."""

    armed = False

    def call_soon_threadsafe(  # type: ignore[override]
        self, *arguments: Any, **options: Any
    ) -> asyncio.Handle:
        if self.armed:
            self.armed = False
            os.kill(os.getpid(), signal.SIGINT)
        return super().call_soon_threadsafe(*arguments, **options)


def test_ctrl_c_before_it_has_begun_cancels_it_once() -> None:
    loop = InterruptedLoop()
    worker = Worker(lambda: loop)
    done: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append("cleaned up")

    loop.armed = True
    with pytest.raises(KeyboardInterrupt):
        worker.run(work())
    worker.stop()
    assert done == ["cleaned up"]


def test_a_second_ctrl_c_cancels_the_cleaning_up(worker: Worker) -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        worker.run(work())


def test_signals_that_end_the_program(worker: Worker) -> None:
    done: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    with ended_by_signals(), pytest.raises(Terminated) as caught:
        worker.run(interrupt(signal.SIGTERM, done))
    assert (caught.value.exit_code, done) == (143, ["cleaned up"])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_context_manager_is_entered_there(worker: Worker) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def manager() -> AsyncIterator[int]:
        events.append("entered")
        yield 7
        events.append("left")

    with worker.entered(manager()) as value:
        assert (value, events) == (7, ["entered"])
    assert events == ["entered", "left"]
