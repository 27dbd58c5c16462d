"""What the server is asked for: metrics, and what the kernel knows of it."""

import os
import threading
from pathlib import Path

import pytest

from benchmarks.soak.samples import HELD, LoopLag, held, parse_metrics, process_memory, total

METRICS = """\
# HELP smbquic_connections Open connections.
# TYPE smbquic_connections gauge
smbquic_connections{transport="quic"} 2.0
smbquic_connections{transport="tcp"} 1.0
# HELP smbquic_locks Byte ranges that clients have locked.
# TYPE smbquic_locks gauge
smbquic_locks 5.0
"""


def lag(*counts: int, seconds: float) -> str:
    """Return an exposition: so many measurements up to 1 ms, 10 ms, and longer."""
    lines = [
        f'smbquic_loop_lag_seconds_bucket{{le="{le}"}} {n}'
        for le, n in zip(("0.001", "0.01", "+Inf"), counts, strict=True)
    ]
    return "\n".join([
        "# TYPE smbquic_loop_lag_seconds histogram",
        *lines,
        f"smbquic_loop_lag_seconds_count {counts[-1]}",
        f"smbquic_loop_lag_seconds_sum {seconds}",
        "",
    ])  # fmt: skip


def test_metrics_by_name_and_labels() -> None:
    metrics = parse_metrics(METRICS)
    assert metrics["smbquic_connections"][(("transport", "quic"),)] == 2.0
    assert total(metrics, "smbquic_connections") == 3.0
    assert total(metrics, "no_such_metric") == 0.0


def test_what_clients_hold() -> None:
    found = held(parse_metrics(METRICS))
    assert tuple(found) == HELD
    assert (found["connections"], found["locks"], found["sessions"]) == (3, 5, 0)


def test_the_lag_is_that_of_one_interval() -> None:
    loop = LoopLag()
    assert loop.update(parse_metrics(lag(10, 10, 10, seconds=0.005))) == (0.0005, 0.001)
    mean, bound = loop.update(parse_metrics(lag(10, 20, 20, seconds=0.055)))
    assert mean == pytest.approx(0.005)
    assert bound == 0.01


def test_one_in_a_hundred_may_be_later() -> None:
    assert LoopLag().update(parse_metrics(lag(99, 99, 100, seconds=0)))[1] == 0.001
    assert LoopLag().update(parse_metrics(lag(98, 98, 100, seconds=0)))[1] == float("inf")


def test_nothing_was_measured() -> None:
    assert LoopLag().update(parse_metrics("")) == (0.0, 0.0)


def test_what_the_kernel_knows() -> None:
    before = process_memory(os.getpid())
    assert before.rss >= before.pss > 1 << 20
    with Path(os.devnull).open():
        ended = threading.Event()
        thread = threading.Thread(target=ended.wait)
        thread.start()
        try:
            after = process_memory(os.getpid())
        finally:
            ended.set()
            thread.join()
    assert after.descriptors == before.descriptors + 1
    assert after.threads == before.threads + 1


def test_a_process_that_has_ended() -> None:
    with pytest.raises(OSError, match="No such file"):
        process_memory(1 << 30)
