"""Helpers with which handlers wait for the coroutines of a storage."""

import asyncio
import sys

import pytest

from smbquic.server.coroutines import StorageCoroutines


async def seven() -> int:
    await asyncio.sleep(0)
    return 7


async def test_plain_code_waits() -> None:
    coroutines = StorageCoroutines()

    assert not coroutines.can_wait()
    assert await coroutines.run(coroutines.can_wait)
    assert await coroutines.run(coroutines.wait, seven()) == 7


async def test_plain_parts_of_a_coroutine_wait() -> None:
    coroutines = StorageCoroutines()

    async def work() -> int:
        return await seven() + coroutines.wait(seven())

    assert await coroutines.complete(work()) == 14


async def test_nothing_waits_elsewhere() -> None:
    waiting = seven()
    with pytest.raises(RuntimeError, match="nothing can wait"):
        StorageCoroutines().wait(waiting)
    waiting.close()


def test_without_greenlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "greenlet", None)
    monkeypatch.delitem(sys.modules, "smbquic.server.plain_code", raising=False)

    with pytest.raises(ImportError, match=r"pip install 'smbquic\[coroutines\]'"):
        StorageCoroutines()
