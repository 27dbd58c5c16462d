"""What a client of the soak notices: contents, listings and sizes that are not what it has made."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import smbquic
from benchmarks.soak import content
from benchmarks.soak.content import PAGE, Source
from benchmarks.soak.pacer import Pacer
from benchmarks.soak.plan import KILLED_FOLDER, PAGES, PAGES_FOLDER
from benchmarks.soak.report import DifferenceError
from benchmarks.soak.session import SMALL, Changes, ClientWork, Meter
from smbquic import LeaseCache, ShareChange, ShareChangeKind

ACTIONS = (
    *("create", "read", "update", "list", "stat", "rename", "remove", "folder", "lock"),
    *("read page", "write page", "notify", "large", "reconnect", "take over"),
)
HOME = "home"


class Bench:
    """A server of a folder, and a client's work on it."""

    def __init__(self, work: ClientWork, meter: Meter, folder: Path) -> None:
        self.work = work
        self.meter = meter
        self.folder = folder

    def files(self) -> list[Path]:
        """Return the files that the client has made."""
        return sorted((self.folder / HOME).iterdir())


Test = Callable[[Bench], Awaitable[None]]


def run(folder: Path, test: Test, *, seed: int = 1) -> None:
    """Run a test with a client's work, which has begun."""
    for name in (PAGES_FOLDER, KILLED_FOLDER):
        (folder / name).mkdir()
        for number in range(PAGES):
            (folder / name / f"page-{number}").write_bytes(content.page(0))

    async def main() -> None:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(
                smbquic.serve({"s": folder}, {"alice": "pw"}, ["tcp://127.0.0.1:0"])
            )
            url = server.listeners[0].replace("tcp://", "smb://alice@") + "/s"
            share = await stack.enter_async_context(smbquic.connect(url, password="pw"))
            cache = await stack.enter_async_context(LeaseCache(share))
            meter = Meter(Pacer(1e6))
            generator = random.Random(seed)
            work = ClientWork(share, cache, HOME, meter, Source("seed"), generator, {})
            await work.begin(stack)
            await test(Bench(work, meter, folder))

    asyncio.run(main())


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_can_be_done_twice(action: str, tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.work.act(action)
        await bench.work.act(action)
        await bench.work.finish()
        assert not bench.meter.report.failures
        assert bench.meter.report.operations >= 3
        assert not (tmp_path / HOME).exists()

    run(tmp_path, test)


def test_all_actions_are_chosen(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        assert {bench.work.choose() for _ in range(5000)} == set(ACTIONS)

    run(tmp_path, test)


def test_no_more_files_than_there_may_be(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(35):
            await bench.work.create()
        assert len(bench.files()) == 30
        await bench.work.finish()

    run(tmp_path, test)


@pytest.mark.parametrize("action", ["read", "list", "stat"])
def test_a_difference_is_noticed(action: str, tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        await bench.work.create()
        if action == "list":
            (tmp_path / HOME / "of somebody else").touch()
        else:
            [file] = bench.files()
            file.write_bytes(file.read_bytes() + b"!")
        with pytest.raises(DifferenceError):
            await bench.work.act(action)

    run(tmp_path, test)


def test_the_last_look_notices_a_difference(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(3):
            await bench.work.create()
        bench.files()[1].write_bytes(b"other")
        with pytest.raises(DifferenceError):
            await bench.work.finish()

    run(tmp_path, test)


def test_pages_are_counted_up(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(20):
            await bench.work.write_page()
            await bench.work.read_page()
        pages = [tmp_path / PAGES_FOLDER / f"page-{number}" for number in range(PAGES)]
        versions = [content.version_of(file.read_bytes()) for file in pages]
        assert sum(versions) == 20

    run(tmp_path, test)


@pytest.mark.parametrize("data", [content.page(0), bytes(PAGE)], ids=["older", "not whole"])
def test_pages_that_go_back_or_are_not_whole(data: bytes, tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(40):
            await bench.work.write_page()
        for number in range(PAGES):
            (tmp_path / PAGES_FOLDER / f"page-{number}").write_bytes(data)
        with pytest.raises(DifferenceError):
            await bench.work.write_page()

    run(tmp_path, test)


def test_what_a_client_holds_until_it_is_killed(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        async with AsyncExitStack() as stack:
            await bench.work.hold(stack)
            held = tmp_path / f"{HOME}-held"
            assert sorted(file.name for file in held.iterdir()) == ["durable", "locked"]
            await bench.work.list()

    run(tmp_path, test)


def test_small_operations_are_those_that_actions_do(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for action in ACTIONS:
            await bench.work.act(action)
        slow = {"put large", "get large", "reconnect", "take over"}
        assert set(bench.meter.report.times) == {*SMALL, *slow}

    run(tmp_path, test)


def test_a_lost_change_does_not_keep_anybody_waiting() -> None:
    async def changes(*kept: ShareChange) -> AsyncIterator[Any]:
        for change in kept:
            yield change

    async def main() -> None:
        received = Changes()
        async with received.awaiting("home/new") as event:
            await received.receive(changes(ShareChange(ShareChangeKind.ADDED, "home/other")))
            await received.receive(changes(ShareChange(ShareChangeKind.REMOVED, "home/new")))
            assert not event.is_set()
            await received.receive(changes(ShareChange(ShareChangeKind.OVERFLOW, "home")))
            assert event.is_set()
        async with received.awaiting("home/new") as event:
            await received.receive(changes(ShareChange(ShareChangeKind.ADDED, "home/new")))
            assert event.is_set()

    asyncio.run(main())
