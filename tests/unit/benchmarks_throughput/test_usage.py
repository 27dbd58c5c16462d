import os
import subprocess
import sys
import time

from benchmarks.throughput.usage import Usage, descendants, memory, peak_memory, table


def test_a_stopwatch_tells_waiting_from_working() -> None:
    usage = Usage()
    usage.begin()
    while time.process_time() - usage._cpu < 0.05:
        pass
    usage.end()
    report = usage.report()
    assert report["seconds"] >= 0.05
    assert 0.05 <= report["cpu_seconds"] <= report["seconds"] + 0.01
    assert report["peak_bytes"] >= memory("self") * 0.9


def test_memory_grows_with_what_is_held() -> None:
    before = memory(os.getpid())
    held = bytearray(os.urandom(32 << 20))
    assert memory(os.getpid()) - before > 24 << 20
    del held
    assert peak_memory(os.getpid()) - before > 24 << 20


def test_a_family_is_found_in_the_table() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        processes = table()
        assert child.pid in descendants(os.getpid(), processes)
        assert os.getpid() not in descendants(child.pid, processes)
        child.communicate(b"\n")
