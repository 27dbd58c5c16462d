"""Long work on the event loop, done in slices."""

import asyncio

import pytest

from smbquic.overload import slices
from smbquic.overload.slices import Slices


@pytest.mark.parametrize(("elapsed", "served"), [(0.002, False), (0.003, True)])
async def test_others_are_served_after_a_slice(
    monkeypatch: pytest.MonkeyPatch, elapsed: float, served: bool
) -> None:
    now = [100.0]
    monkeypatch.setattr(slices, "perf_counter", lambda: now[0])
    work = Slices()
    turns: list[int] = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    now[0] += elapsed
    await work.step()
    assert (turns == [1]) is served
    # A new slice has begun.
    asyncio.get_running_loop().call_soon(turns.append, 2)
    now[0] += 0.002 - elapsed * (not served)
    await work.step()
    assert 2 not in turns
