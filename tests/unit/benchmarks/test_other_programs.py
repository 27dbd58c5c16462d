import subprocess
import sys

import pytest

from benchmarks import other_programs, usage
from benchmarks.other_programs import OtherPrograms, busy_seconds


def test_waiting_is_not_working() -> None:
    ticks = usage.TICK
    line = f"cpu  {1 * ticks} {2 * ticks} {3 * ticks} 99999 88888 {4 * ticks} 0 {5 * ticks} 7 7"
    assert busy_seconds(line) == pytest.approx(15)


def test_what_our_commands_do_is_not_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    work = "import time\nwhile time.process_time() < 0.4: pass"
    monkeypatch.setattr(other_programs, "_busy", other_programs._ours)
    seen = OtherPrograms()
    subprocess.run([sys.executable, "-c", work], check=True)
    assert seen.share() < 0.01


def test_what_others_do_is(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 13.0])
    busy = iter([100.0, 104.0])
    ours = iter([50.0, 51.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    monkeypatch.setattr(other_programs, "_busy", lambda: next(busy))
    monkeypatch.setattr(other_programs, "_ours", lambda: next(ours))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert OtherPrograms().share() == pytest.approx(0.5)
