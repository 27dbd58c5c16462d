"""Pages that several clients write, and what a client notices of them."""

import random
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from benchmarks.soak import content
from benchmarks.soak.content import PAGE
from benchmarks.soak.pages import Pages
from benchmarks.soak.plan import KILLED_FOLDER, PAGES, PAGES_FOLDER
from benchmarks.soak.report import DifferenceError
from tests.unit.benchmarks.soak.bench import Bench, run


def test_pages_are_counted_up(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(20):
            await bench.pages.write()
            await bench.pages.read()
        pages = [tmp_path / PAGES_FOLDER / f"page-{number}" for number in range(PAGES)]
        versions = [content.version_of(file.read_bytes()) for file in pages]
        assert sum(versions) == 20

    run(tmp_path, test)


@pytest.mark.parametrize("data", [content.page(0), bytes(PAGE)], ids=["older", "not whole"])
def test_pages_that_go_back_or_are_not_whole(data: bytes, tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        for _ in range(40):
            await bench.pages.write()
        for number in range(PAGES):
            (tmp_path / PAGES_FOLDER / f"page-{number}").write_bytes(data)
        with pytest.raises(DifferenceError):
            await bench.pages.write()

    run(tmp_path, test)


def test_killed_clients_have_pages_of_their_own(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        pages = Pages(bench.cache, bench.meter, random.Random(1), {}, killed=True)
        for _ in range(5):
            await pages.write()
            await pages.read()
        assert set(bench.meter.report.times) == {"write killed page", "read killed page"}
        files = (tmp_path / KILLED_FOLDER).iterdir()
        assert sum(content.version_of(file.read_bytes()) for file in files) == 5

    run(tmp_path, test)


def test_a_page_that_another_client_holds_is_refused(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(8 * PAGES):
                await bench.pages.hold(stack)
            await bench.pages.take_over()
        refused = bench.meter.report.refused
        # Each page is locked once, and read and locked in vain by all others.
        assert refused["take over"] == 1
        assert refused["hold"] > 7 * PAGES
        await bench.pages.take_over()
        assert bench.meter.report.refused["take over"] == 1
        files = (tmp_path / KILLED_FOLDER).iterdir()
        assert sum(content.version_of(file.read_bytes()) for file in files) == 1

    run(tmp_path, test)
