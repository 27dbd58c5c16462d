"""How many requests of a connection may wait, and the tasks that do them."""

import asyncio

import pytest

from smbquic.server.pending_requests import PendingRequests


async def wait_forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("tasks", "unbounded", "size", "full"),
    [
        (2, 0, 0, False),
        (3, 0, 0, True),
        # Those that others decide about are limited elsewhere.
        (5, 3, 0, False),
        (6, 3, 0, True),
        (1, 0, 100, False),
        (1, 0, 101, True),
        # They may need a further message of the client to end.
        (2, 2, 101, False),
    ],
)
async def test_how_many_may_wait(tasks: int, unbounded: int, size: int, full: bool) -> None:
    pending = PendingRequests(lambda error: None)
    for _ in range(tasks):
        pending.spawn(wait_forever())
    pending.unbounded, pending.size = unbounded, size

    assert pending.is_full(2, 100) == full
    assert pending.is_working == (tasks > unbounded)
    await pending.cancel()
    assert not pending.tasks


async def test_a_task_that_fails_is_reported_and_one_that_is_cancelled_is_not() -> None:
    failed: list[BaseException] = []
    pending = PendingRequests(failed.append)
    error = ValueError("it fails")

    async def fail() -> None:
        raise error

    pending.spawn(fail())
    cancelled = pending.spawn(wait_forever())
    await pending.wait_for_one()
    assert failed == [error]
    assert pending.tasks == {cancelled}

    await pending.cancel()
    assert cancelled.cancelled()
    assert failed == [error]


async def test_there_may_be_nothing_to_cancel() -> None:
    await PendingRequests(lambda error: None).cancel()
