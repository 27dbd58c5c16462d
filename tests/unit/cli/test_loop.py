"""Notifications of the program to systemd."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.cli.failure import Terminated
from smbquic.cli.loop import frozen_program, notify_systemd, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd")

ENDING = [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_the_program_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    name = f"{'@' if abstract else ''}{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(name.replace("@", "\0", 1))
        link.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify_systemd("READY=1")
        assert link.recv(64) == b"READY=1"


def test_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_systemd("READY=1")


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Under nohup, SIGHUP is ignored, and stays so."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_signals_end_the_work_after_it_has_cleaned_up(
    number: signal.Signals, default_signals: None
) -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(Terminated, match=f"ended by {number.name}") as ended:
        run(work())
    assert ended.value.exit_code == 128 + number
    assert cleaned == [True]
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    async def work() -> str:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
        return "done"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(work()) == "done"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_collections_leave_the_program_alone() -> None:
    with frozen_program():
        assert len(gc.get_objects()) < gc.get_freeze_count()
    assert gc.get_freeze_count() == 0
