import mmap
import os
import subprocess
import sys
import time

import pytest

from benchmarks.usage import Stopwatch, descendants, memory, peak_memory, table


@pytest.mark.parametrize(
    ("worked", "waited"), [(0.0, 3.0), (2.0, 0.0), (2.0, 3.0)], ids=["waits", "works", "does both"]
)
def test_a_stopwatch_tells_waiting_from_working(
    monkeypatch: pytest.MonkeyPatch, worked: float, waited: float
) -> None:
    clocks = {"monotonic": 1000.0, "process_time": 7.0}
    for name in clocks:
        monkeypatch.setattr(time, name, lambda name=name: clocks[name])
    stopwatch = Stopwatch()
    stopwatch.begin()
    clocks["monotonic"] += worked + waited
    clocks["process_time"] += worked
    stopwatch.end()
    report = stopwatch.report()
    assert (report["seconds"], report["cpu_seconds"]) == (worked + waited, worked)
    assert report["peak_bytes"] >= memory("self") * 0.9


def test_a_stopwatch_has_the_time_of_this_process() -> None:
    stopwatch = Stopwatch()
    begun = time.process_time()
    stopwatch.begin()
    while time.process_time() - stopwatch._cpu < 0.05:
        pass
    stopwatch.end()
    # Each clock is only compared with itself.
    assert 0.05 <= stopwatch.cpu_seconds <= time.process_time() - begun
    assert stopwatch.seconds > 0


def test_memory_grows_with_what_is_held() -> None:
    before = memory(os.getpid())
    # A mapping of its own: what other tests have given back would be used again first.
    with mmap.mmap(-1, 32 << 20) as held:
        held.write(os.urandom(32 << 20))
        assert memory(os.getpid()) - before > 24 << 20
    assert peak_memory(os.getpid()) - before > 24 << 20


def test_a_family_is_found_in_the_table() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        processes = table()
        assert child.pid in descendants(os.getpid(), processes)
        assert os.getpid() not in descendants(child.pid, processes)
        child.communicate(b"\n")
