"""What a client of the soak notices: contents, listings and sizes that are not what it has made."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from benchmarks.soak.report import DifferenceError
from benchmarks.soak.session import SMALL
from tests.unit.benchmarks.soak.bench import HOME, Bench, run

ACTIONS = (
    *("create", "read", "update", "list", "stat", "rename", "remove", "folder", "lock"),
    *("read page", "write page", "notify", "large", "reconnect", "take over"),
)


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
