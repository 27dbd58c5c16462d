import asyncio
import gc
from types import SimpleNamespace

import pytest

from smbquic.client import concurrency
from smbquic.client.concurrency import (
    ByteBudget,
    JobQueue,
    RunningTasks,
    run_each,
    run_to_completion,
    run_window,
)


async def some_time() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


async def test_each_does_all_of_it_but_not_too_much_at_once() -> None:
    running = most = 0
    done = []

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(item)

    await run_each(range(20), work, limit=3)
    assert sorted(done) == list(range(20))
    assert most == 3
    await run_each([], work, limit=0)


async def test_each_stops_at_the_first_failure_and_waits_for_the_rest() -> None:
    ended = []

    async def work(item: int) -> None:
        if item == 2:
            raise ValueError("two")
        try:
            await asyncio.Event().wait()
        finally:
            await some_time()
            ended.append(item)

    with pytest.raises(ValueError, match="two"):
        await run_each(range(100), work, limit=3)
    assert sorted(ended) == [0, 1]


async def test_each_is_cancelled_as_a_whole() -> None:
    ended = []
    begun = asyncio.Event()

    async def work(item: int) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            if item:
                await some_time()
            ended.append(item)

    task = asyncio.create_task(run_each(range(100), work, limit=2))
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1]


async def test_each_may_clean_up_when_it_is_cancelled_however_soon_the_others_have_ended() -> None:
    cleaned = []
    begun = asyncio.Event()

    async def work(item: int) -> None:
        if item == 2:
            begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5 * item):
                await asyncio.sleep(0)
            cleaned.append(item)

    task = asyncio.create_task(run_each(range(100), work, limit=3))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [0, 1, 2]


async def test_a_window_waits_for_its_oldest_item() -> None:
    begun: list[int] = []
    ends = [asyncio.Event() for _ in range(9)]

    async def work(item: int) -> None:
        begun.append(item)
        await ends[item].wait()

    task = asyncio.create_task(run_window(range(9), work, limit=3))
    await asyncio.sleep(0)
    ends[1].set()
    ends[2].set()
    await some_time()
    assert begun == [0, 1, 2]
    ends[0].set()
    await some_time()
    assert begun == [0, 1, 2, 3, 4, 5]
    for end in ends[:7]:
        end.set()
    await some_time()
    assert begun == list(range(9))
    ends[8].set()
    await some_time()
    assert not task.done()
    ends[7].set()
    await task


async def test_an_error_of_the_last_items_is_raised_too() -> None:
    async def work(item: int) -> None:
        await some_time()
        if item == 0:
            raise ValueError("zero")

    with pytest.raises(ValueError, match="zero"):
        await run_window(range(2), work, limit=3)


async def test_a_window_ends_with_its_first_error() -> None:
    ended = []

    async def work(item: int) -> None:
        try:
            if item == 1:
                raise ValueError("one")
            if item > 1:
                await asyncio.Event().wait()
        finally:
            if item == 2:
                await some_time()
            ended.append(item)

    with pytest.raises(ValueError, match="one"):
        await run_window(range(100), work, limit=3)
    assert sorted(ended) == [0, 1, 2]


async def test_bytes_are_given_in_order() -> None:
    budget = ByteBudget(10)
    order: list[str] = []

    async def take(name: str, count: int) -> None:
        async with budget.hold(count):
            assert budget.free >= 0
            order.append(name)
            await asyncio.sleep(0)

    async with budget.hold(6):
        assert budget.free == 4
        tasks = [asyncio.create_task(take(*each)) for each in (("a", 7), ("b", 1), ("c", 99))]
        await asyncio.sleep(0)
        assert order == []  # b fits, and does not overtake a
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c"]
    assert budget.free == 10


async def test_all_that_fits_is_given_at_once() -> None:
    budget = ByteBudget(10)
    begun: list[int] = []
    end = asyncio.Event()

    async def take(count: int) -> None:
        async with budget.hold(count):
            begun.append(count)
            await end.wait()

    async with budget.hold(10):
        tasks = [asyncio.create_task(take(count)) for count in (3, 7, 1)]
        await some_time()
        assert begun == []
    await some_time()
    assert (begun, budget.free) == ([3, 7], 0)
    end.set()
    await asyncio.gather(*tasks)
    assert begun == [3, 7, 1]


async def test_bytes_may_have_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    now = 100.0
    loop = SimpleNamespace(time=lambda: now)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    budget = ByteBudget(1000)
    fake = SimpleNamespace(sleep=sleep, get_running_loop=lambda: loop)
    monkeypatch.setattr(concurrency, "asyncio", fake)
    async with budget.hold(500):
        assert waits == []
    budget.limit_rate(100)
    for _ in range(3):
        async with budget.hold(50):
            pass
    assert len(waits) == 3
    assert waits[2] - waits[1] == pytest.approx(0.5)
    budget.limit_rate(None)
    async with budget.hold(500):
        assert len(waits) == 3


async def test_who_is_cancelled_while_it_waits_for_bytes_gets_none() -> None:
    budget = ByteBudget(10)

    async def take(count: int) -> None:
        async with budget.hold(count):
            await asyncio.Event().wait()

    first = asyncio.create_task(take(10))
    waiting = [asyncio.create_task(take(8)) for _ in range(2)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    waiting[1].cancel()  # it was given its bytes in this moment
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert budget.free == 10


async def test_jobs_make_jobs() -> None:
    jobs = JobQueue(2)
    done: list[str] = []

    running = most = 0

    async def node(name: str, depth: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        done.append(name)
        await asyncio.sleep(0)
        running -= 1
        if depth:
            for child in "ab":
                jobs.add(lambda child=child: node(name + child, depth - 1))  # type: ignore[misc]

    await jobs.run(lambda: node("", 3))
    assert len(done) == 15
    assert most == 2
    assert set(done) >= {"", "a", "bbb", "aba"}


async def test_a_failing_job_ends_them_all() -> None:
    jobs = JobQueue(3)
    done: list[int] = []
    ended: list[int] = []

    async def fail() -> None:
        raise ValueError("no")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await some_time()
            ended.append(1)

    async def count() -> None:
        done.append(1)

    async def first() -> None:
        for job in (count, fail, wait, wait):
            jobs.add(job)

    with pytest.raises(ValueError, match="no"):
        await jobs.run(first)
    assert done == []
    assert ended == [1, 1]


async def test_work_is_done_to_its_end_in_spite_of_a_cancellation() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.append(True)
        raise ValueError("which the cancellation hides")

    task = asyncio.create_task(run_to_completion(work()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_work_to_the_end_gives_its_result_or_error() -> None:
    async def seven() -> int:
        return 7

    async def fail() -> None:
        raise ValueError("no")

    assert await run_to_completion(seven()) == 7
    with pytest.raises(ValueError, match="no"):
        await run_to_completion(fail())


async def test_work_that_takes_too_long_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    may_end, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await may_end.wait()
        ended.set()
        raise ValueError("which nobody hears of")

    task = asyncio.create_task(run_to_completion(work(), timeout=0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    may_end.set()
    await ended.wait()
    await some_time()
    del task
    gc.collect()
    assert not caplog.records


async def test_tasks_that_are_started_meanwhile_are_waited_for_too() -> None:
    tasks, done = RunningTasks(), []

    async def work(left: int) -> None:
        await asyncio.sleep(0)
        if left:
            tasks.start(work(left - 1))
        done.append(left)

    tasks.start(work(2))
    gc.collect()  # nobody else refers to it
    assert not done
    await tasks.wait()
    assert done == [2, 1, 0]
    await tasks.wait()


async def test_tasks_that_are_cancelled_have_ended() -> None:
    tasks, ended = RunningTasks(), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    tasks.start(work())
    await asyncio.sleep(0)
    await tasks.cancel()
    assert ended == ["cleaned up"]
    await tasks.wait()
