"""Operations begin at a rate, and no faster."""

import asyncio

import pytest

from benchmarks.soak.pacer import Pacer


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept; nobody waits for it, so time stands still."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr("benchmarks.soak.pacer.asyncio.sleep", sleep)
    return seconds


def test_turns_are_apart(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    async def take() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "time", lambda: 100.0)
        turns = Pacer(4)
        for _ in range(3):
            await turns.turn()

    asyncio.run(take())
    # The first one begins at once.
    assert slept == [0.25, 0.5]


def test_missed_turns_are_not_made_up_for(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take() -> None:
        loop = asyncio.get_running_loop()
        turns = Pacer(4)
        for now in (100.0, 200.0, 200.0):
            monkeypatch.setattr(loop, "time", lambda now=now: now)
            await turns.turn()

    asyncio.run(take())
    assert slept == [0.25]
