"""The free space of shares is asked for seldom, and of slow disks more seldom."""

import asyncio
from typing import Any

import pytest

from smbquic.server.share import ServedShare
from smbquic.storage import Storage, StorageFile, VolumeStat
from smbquic.web.page import volumes as module
from smbquic.web.page.volumes import INTERVAL, SLOW, SLOW_INTERVAL, Volumes
from tests.unit.clock import Clock


class Disk(Storage):
    def __init__(self) -> None:
        self.asked = 0
        self.error: Exception | None = None

    def lookup(self, name: str, *, write: bool = False) -> StorageFile:
        raise FileNotFoundError(name)

    def volume(self) -> VolumeStat:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return VolumeStat(total_bytes=100, available_bytes=self.asked)


@pytest.fixture
def timer(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


async def test_a_disk_is_asked_now_and_then(clock: Clock, timer: Clock) -> None:
    volumes, disk = Volumes(clock), Disk()
    share = ServedShare("data", disk)
    for _ in range(3):
        assert await volumes.of(share) == VolumeStat(total_bytes=100, available_bytes=1)
    clock.now += INTERVAL
    assert await volumes.of(share) == VolumeStat(total_bytes=100, available_bytes=2)


async def test_a_slow_disk_is_asked_seldom(
    clock: Clock, timer: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes, disk = Volumes(clock), Disk()
    share = ServedShare("data", disk)
    asking = disk.volume

    def slowly() -> VolumeStat:
        timer.now += SLOW * 2
        return asking()

    monkeypatch.setattr(disk, "volume", slowly)
    await volumes.of(share)
    clock.now += SLOW_INTERVAL - 1
    await volumes.of(share)
    assert disk.asked == 1
    clock.now += 1
    await volumes.of(share)
    assert disk.asked == 2


async def test_a_disk_that_fails_is_not_known(clock: Clock, timer: Clock) -> None:
    volumes, disk = Volumes(clock), Disk()
    disk.error = OSError("gone")
    assert await volumes.of(ServedShare("data", disk)) is None


async def test_a_coroutine_that_does_not_end_is_given_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Coroutines:
        async def run(self, function: Any, *arguments: Any) -> Any:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "TIMEOUT", 0.01)
    volumes, share = Volumes(clock), ServedShare("data", Disk())
    share.coroutines = Coroutines()  # type: ignore[assignment]
    assert await volumes.of(share) is None
