"""How many files may be open at once is found by trying."""

import asyncio

import pytest

from smbquic.client import open_slots
from smbquic.client.open_slots import OpenSlots
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus


class LimitedServer:
    """Lets a user have so many files open."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open = 0
        self.peak = 0
        self.refused = 0
        self.done: list[int] = []

    async def work(self, number: int) -> int:
        if self.open >= self.most:
            self.refused += 1
            raise StatusError.of(NtStatus.TOO_MANY_OPENED_FILES, "CREATE", str(number))
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            self.done.append(number)
            return number
        finally:
            self.open -= 1


async def run_all(slots: OpenSlots, server: LimitedServer, count: int) -> list[int]:
    async def one(number: int) -> int:
        return await slots.run(lambda: server.work(number))

    return await asyncio.gather(*map(one, range(count)))


@pytest.mark.parametrize("most", [1, 2, 7, 120])
async def test_everything_is_done_whatever_the_server_allows(most: int) -> None:
    server = LimitedServer(most)
    assert await run_all(OpenSlots(), server, 300) == list(range(300))
    assert sorted(server.done) == list(range(300))
    assert server.peak <= most


async def test_where_nothing_is_refused_nobody_waits() -> None:
    server = LimitedServer(1000)
    await run_all(OpenSlots(), server, 300)
    assert server.peak == 300


async def test_more_is_tried_after_a_while() -> None:
    server, slots = LimitedServer(4), OpenSlots()
    await run_all(slots, server, 100)
    server.most = 1000
    server.peak = server.refused = 0
    await run_all(slots, server, 2000)
    assert server.peak > 20
    assert server.refused == 0


async def test_files_that_somebody_else_has_open_are_not_waited_for() -> None:
    server, slots = LimitedServer(0), OpenSlots()
    with pytest.raises(StatusError) as caught:
        await slots.run(lambda: server.work(1))
    assert caught.value.status == NtStatus.TOO_MANY_OPENED_FILES
    assert server.refused == 1


async def test_other_errors_are_raised_at_once() -> None:
    slots = OpenSlots()

    async def denied() -> None:
        raise StatusError.of(NtStatus.ACCESS_DENIED, "CREATE", "x")

    results = await asyncio.gather(*[slots.run(denied) for _ in range(3)], return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["DeniedError"] * 3


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    server, slots = LimitedServer(2), OpenSlots()
    await run_all(slots, server, 10)
    tasks = [asyncio.create_task(slots.run(lambda: server.work(1))) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[3:8]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results.count(1) == 5
    assert await run_all(slots, server, 10) == list(range(10))


async def test_what_takes_no_slot_comes_after_those_that_have_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_slots, "_DELAY", 0)
    server, slots = LimitedServer(1), OpenSlots()
    _, beside = await asyncio.gather(
        slots.run(lambda: server.work(1)), slots.run_beside(lambda: server.work(2))
    )
    assert beside == 2
    assert server.done == [1, 2]
    assert server.refused > 0


async def test_what_takes_no_slot_is_not_attempted_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_slots, "_DELAY", 0)
    server, slots = LimitedServer(0), OpenSlots()
    with pytest.raises(StatusError):
        await slots.run_beside(lambda: server.work(1))
    assert server.refused == 1

    holding = asyncio.Event()
    holder = asyncio.create_task(slots.run(holding.wait))
    await asyncio.sleep(0)
    with pytest.raises(StatusError):
        await slots.run_beside(lambda: server.work(1))
    assert server.refused == 1 + open_slots._ATTEMPTS + 1
    holding.set()
    await holder
