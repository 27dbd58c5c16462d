"""Work that is done in slices."""

import asyncio

import pytest

from smbquic.server.batches import BackgroundTasks, Steps, after, in_batches
from smbquic.server.outcome import Pending, Reply
from smbquic.wire.close import CloseResponse

DONE = Reply(CloseResponse())


def begun(outcome: Reply | Pending) -> asyncio.Task[Reply]:
    """Begin the work of what is answered later."""
    assert isinstance(outcome, Pending)
    return asyncio.ensure_future(outcome.work)


def steps(log: list[int], count: int) -> Steps:
    for number in range(count):
        if number:
            yield
        log.append(number)


def test_what_is_done_after_the_first_slice_needs_no_task() -> None:
    log: list[int] = []
    assert in_batches(steps(log, 1), DONE) is DONE
    assert log == [0]


async def test_the_rest_is_done_while_others_have_their_turn() -> None:
    log: list[int] = []
    rest = in_batches(steps(log, 4), DONE)
    assert log == [0]
    task = begun(rest)
    for _ in range(3):
        await asyncio.sleep(0)
        log.append(-1)
    assert await task is DONE
    assert log == [0, -1, 1, -1, 2, -1, 3]


async def test_a_failure_of_any_slice_is_raised() -> None:
    def failing(after: int) -> Steps:
        for _ in range(after):
            yield
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        in_batches(failing(0), DONE)
    rest = begun(in_batches(failing(2), DONE))
    with pytest.raises(OSError, match="no"):
        await rest


async def test_cancelling_the_rest_closes_the_generator() -> None:
    ended: list[str] = []

    def work() -> Steps:
        try:
            yield
            yield
        except GeneratorExit:
            ended.append("closed")
            raise

    task = begun(in_batches(work(), DONE))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    assert ended == ["closed"]


async def test_a_finisher_finishes_what_nobody_waits_for() -> None:
    background = BackgroundTasks()
    log: list[int] = []
    assert background.run(steps(log, 1)) is None
    task = background.run(steps(log, 3))
    waiting = begun(after(task, DONE))
    await asyncio.sleep(0)
    waiting.cancel()
    await background.wait()
    assert log == [0, 0, 1, 2]
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_nothing_to_wait_for() -> None:
    assert after(None, DONE) is DONE


async def test_what_waits_for_the_work_that_has_begun() -> None:
    log: list[int] = []
    tasks = BackgroundTasks()
    tasks.when_done(lambda: log.append(10))
    assert log == [10]
    first = tasks.run(steps(log, 2))
    second = tasks.run(steps(log, 4))
    tasks.when_done(lambda: log.append(11))
    tasks.run(steps(log, 1))
    assert first is not None
    assert second is not None
    await first
    assert 11 not in log
    await second
    await tasks.wait()
    await asyncio.sleep(0)
    assert log[-1] == 11
