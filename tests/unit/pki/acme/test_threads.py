"""Functions that block, on a thread."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from smbquic.pki.acme import threads
from smbquic.pki.acme.threads import in_thread


class BlockedCall:
    """Blocks until it is told to end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> str:
        self.thread = threading.current_thread()
        self.begun.set()
        self.ended.wait()
        raise ConnectionError("it was ended")


@pytest.fixture
def work() -> Iterator[BlockedCall]:
    work = BlockedCall()
    yield work
    work.ended.set()
    if work.thread is not None:
        work.thread.join()


async def test_results_and_errors() -> None:
    assert await in_thread(lambda: 7, pytest.fail, 60) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0, pytest.fail, 60)


async def test_the_thread_keeps_nobody_from_ending() -> None:
    assert await in_thread(lambda: threading.current_thread().daemon, pytest.fail, 60)


async def test_the_time_is_over(work: BlockedCall) -> None:
    with pytest.raises(TimeoutError):
        await in_thread(work, work.ended.set, 0.01)
    assert work.ended.is_set()


async def test_it_is_cancelled(work: BlockedCall) -> None:
    task = asyncio.create_task(in_thread(work, work.ended.set, 60))
    await asyncio.to_thread(work.begun.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended.is_set()


def test_one_that_does_not_end_is_left(work: BlockedCall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "CLEAN_UP", 0.01)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await in_thread(work, lambda: None, 0.01)

    asyncio.run(main())
    # What it returns comes too late for the loop, which has ended.
    work.ended.set()
    assert work.thread is not None
    work.thread.join()
