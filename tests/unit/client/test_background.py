import asyncio
import threading
from concurrent.futures import Future

import pytest

from smbquic.client.background import LoopThread


@pytest.fixture
def loop() -> LoopThread:
    return LoopThread("test-loop")


async def where() -> int:
    return threading.get_ident()


async def fail() -> None:
    raise ZeroDivisionError("no")


def test_coroutines_run_on_the_other_thread(loop: LoopThread) -> None:
    assert loop.run(where()) != threading.get_ident()
    assert loop.submit(where()).result() == loop.run(where())
    with pytest.raises(ZeroDivisionError):
        loop.run(fail())
    loop.stop()


def test_a_program_ends_that_forgets_to_stop_it(loop: LoopThread) -> None:
    [thread] = [each for each in threading.enumerate() if each.name == "test-loop"]
    assert thread.daemon
    loop.stop()


def test_calls_come_in_order(loop: LoopThread) -> None:
    called: list[int] = []
    loop.call(lambda: called.append(1))
    loop.call(lambda: called.append(2))
    loop.run(where())
    assert called == [1, 2]
    loop.stop()


def test_stopping_cancels_what_still_runs(loop: LoopThread) -> None:
    ended: list[bool] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            ended.append(True)

    future = loop.submit(wait())
    loop.run(where())
    loop.stop()
    assert ended == [True]
    assert future.cancelled()
    loop.stop()
    assert "test-loop" not in {thread.name for thread in threading.enumerate()}


def test_an_interrupted_wait_cancels_the_work(
    loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupted(future: "Future[None]") -> None:
        begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run(wait())
    assert cancelled.wait(30)
    monkeypatch.undo()
    loop.stop()
