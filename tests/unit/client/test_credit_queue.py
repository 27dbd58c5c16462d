import asyncio

import pytest

from smbquic.client.credit_queue import CreditQueue
from smbquic.client.response_waiters import ResponseWaiter, ResponseWaiters, Target
from smbquic.errors import ConnectionClosed, LocalProtocolError
from smbquic.protocol.credits import CreditPool

MIB = 1 << 20


class Window:
    """The credits of a client whose server is the test."""

    def __init__(self, credits: int) -> None:
        self.pool = CreditPool()
        self.pool.available = credits
        self.outstanding = ResponseWaiters()
        self.requests_for_credits = 0
        self.queue = CreditQueue(self.pool, self.outstanding, self._count)

    def _count(self) -> None:
        self.requests_for_credits += 1

    def acquire(self, charge: int = 1) -> "asyncio.Task[None]":
        return asyncio.create_task(self.queue.acquire(charge))

    def grant(self, credits: int) -> None:
        self.pool.grant(credits)
        self.queue.update()

    def send(self, charge: int = 1) -> None:
        """Have a request under way."""
        future = asyncio.get_running_loop().create_future()
        self.pool.spend(charge)
        waiter = ResponseWaiter(future, Target(), charge)
        self.outstanding.add({id(waiter): waiter}, 0.0)


async def run_others() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_credits_that_are_there_are_given_at_once() -> None:
    window = Window(3)
    await window.queue.acquire(3)
    assert window.requests_for_credits == 0


async def test_a_small_request_waits_behind_a_large_one() -> None:
    window = Window(2)
    window.send()
    large, small = window.acquire(2), window.acquire(1)
    await run_others()
    assert not small.done()
    window.grant(1)
    await large
    window.pool.spend(2)
    assert not small.done()
    window.grant(1)
    await small


async def test_credits_are_not_given_twice_before_they_are_spent() -> None:
    window = Window(1)
    window.send()
    first, second = window.acquire(), window.acquire()
    await run_others()
    window.grant(1)
    # `first` was given its credit and has not run, so that the pool still has it.
    assert window.queue.available == 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(window.queue.acquire(1), 0)
    await first
    window.pool.spend(1)
    await run_others()
    assert not second.done()
    second.cancel()


async def test_a_task_that_is_cancelled_after_it_got_credits_gives_them_back() -> None:
    window = Window(1)
    window.send()
    first, second = window.acquire(), window.acquire()
    await run_others()
    window.grant(1)
    first.cancel()
    await second
    assert first.cancelled()
    assert window.queue.available == 1


async def test_a_task_that_is_cancelled_while_it_waits_leaves_the_queue() -> None:
    window = Window(1)
    window.send()
    large, small = window.acquire(5), window.acquire(1)
    await run_others()
    window.grant(1)
    assert not small.done()
    large.cancel()
    await small
    assert window.queue.available == 1


async def test_credits_are_requested_only_where_no_response_may_bring_some() -> None:
    window = Window(2)
    window.send()
    waiting = window.acquire(2)
    await run_others()
    assert window.requests_for_credits == 0
    other = Window(1)
    alone = other.acquire(2)
    await run_others()
    assert other.requests_for_credits == 1
    for task in (waiting, alone):
        task.cancel()


async def test_credits_are_requested_again_as_long_as_that_brings_more() -> None:
    window = Window(1)
    task = window.acquire(3)
    await run_others()
    window.grant(1)
    assert window.requests_for_credits == 2
    window.grant(1)
    await task
    assert window.requests_for_credits == 2


@pytest.mark.parametrize("credits", [0, 1])
async def test_a_request_that_costs_more_than_the_server_grants_fails(credits: int) -> None:
    window = Window(credits)
    task = window.acquire(16)
    await run_others()
    window.queue.update()  # the response to the request for credits granted none
    with pytest.raises(LocalProtocolError, match=f"takes 16 .* grants only {credits}"):
        await task
    window.grant(16)
    await window.queue.acquire(16)


async def test_those_who_wait_get_an_error_of_their_own_at_the_end() -> None:
    window = Window(1)
    window.send()
    tasks = [window.acquire(), window.acquire()]
    await run_others()
    window.queue.fail(lambda: ConnectionClosed("the cable is cut"))
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, ConnectionClosed)
    assert isinstance(second, ConnectionClosed)
    assert first is not second


async def test_payloads_take_a_quarter_of_what_the_server_grants() -> None:
    window = Window(32)
    assert window.queue.limit_payload(8 * MIB) == 65536
    window.send(8)
    window.queue.update()
    assert window.queue.limit == 32
    assert window.queue.limit_payload(8 * MIB) == 8 * 65536
    assert window.queue.limit_payload(1000) == 1000
    window.pool.spend(20)
    window.queue.update()
    assert window.queue.limit == 32  # what the server has granted once counts
