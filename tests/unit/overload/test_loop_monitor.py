"""Steps that hold the event loop for too long are counted, and the culprit is named."""

import asyncio
import logging

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.overload import loop_monitor
from smbquic.overload.loop_monitor import (
    HELD,
    LOG_INTERVAL,
    LONG,
    REMEMBERED,
    LoopMonitor,
    TimedCoroutine,
)
from smbquic.protocol.request import Request
from smbquic.server import dispatch
from smbquic.server.context import Context
from smbquic.server.outcome import Outcome
from smbquic.server.server import Server
from smbquic.wire.create import CreateOptions
from smbquic.wire.header import Command
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Connect


def test_only_what_takes_too_long_counts() -> None:
    monitor, asked = LoopMonitor(Clock()), []

    def describe() -> str:
        asked.append(1)
        return "READ"

    monitor.step_ended(HELD * 0.99, describe)
    assert (monitor.held, monitor.longest, asked) == (0, 0.0, [])
    monitor.step_ended(HELD, describe)
    monitor.step_ended(HELD * 3, describe)
    monitor.step_ended(HELD * 2, describe)
    assert (monitor.held, monitor.longest) == (3, HELD * 3)
    assert [(each.seconds, each.what) for each in monitor.recent] == [
        (HELD, "READ"),
        (HELD * 3, "READ"),
        (HELD * 2, "READ"),
    ]


def test_only_the_latest_are_remembered() -> None:
    monitor = LoopMonitor(Clock())
    for number in range(REMEMBERED + 1):
        monitor.step_ended(HELD, f"READ {number}".__str__)
    assert len(monitor.recent) == REMEMBERED
    assert monitor.recent[0].what == "READ 1"


def test_the_log_names_the_culprit_and_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    monitor = LoopMonitor(clock)
    for _ in range(100):
        monitor.step_ended(HELD, lambda: "READ of alice")
    monitor.step_ended(LONG, lambda: "WRITE of alice")
    clock.now += LOG_INTERVAL
    monitor.step_ended(HELD, lambda: "ECHO of alice")
    said = [
        (record.levelname, record.getMessage().partition(" held")[0]) for record in caplog.records
    ]
    assert said == [
        ("INFO", "READ of alice"),
        ("WARNING", "WRITE of alice"),
        ("INFO", "ECHO of alice"),
    ]
    assert "for 250 ms" in caplog.text


async def test_each_step_of_a_coroutine_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(loop_monitor, "perf_counter", clock)
    monitor = LoopMonitor(Clock())
    failed: list[type[BaseException]] = []

    async def work(hold: float) -> str:
        clock.now += HELD / 2
        await asyncio.sleep(0)
        clock.now += HELD / 2
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as error:
            failed.append(type(error))
            clock.now += hold
        return "done"

    for hold in (HELD / 2, HELD * 1.5):
        task = asyncio.create_task(TimedCoroutine(work(hold), monitor, lambda: "work"))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        assert await task == "done"
    assert failed == [asyncio.CancelledError] * 2
    assert monitor.held == 1


async def test_work_that_is_cancelled_before_it_begins_is_closed() -> None:
    async def work() -> None:
        raise AssertionError("it ran")

    task = asyncio.create_task(TimedCoroutine(work(), LoopMonitor(), lambda: "work"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_slow_request_is_told_with_its_user_and_share(
    connect: Connect,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    client = await connect()
    clock = Clock()
    monkeypatch.setattr(dispatch, "perf_counter", clock)
    handled = server.dispatcher.commands[Command.CREATE]

    def slow(context: Context, request: Request) -> Outcome:
        clock.now += LONG
        return handled.handle(context, request)

    monkeypatch.setitem(server.dispatcher.commands, Command.CREATE, handled._replace(handle=slow))
    before = server.loop_monitor.held
    created = await client.create("", create_options=CreateOptions.FILE_DIRECTORY_FILE)
    assert created.status == NtStatus.SUCCESS
    assert server.loop_monitor.held == before + 1
    assert "CREATE of alice on the share 'data' held the event loop for 250 ms" in caplog.text
