"""Memory and processor time of processes."""

import os
import sys

import pytest

from smbquic.observe.process_usage import processor_seconds, resident


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
def test_this_process() -> None:
    memory, seconds = resident(), processor_seconds(os.getpid())
    assert memory is not None
    assert seconds is not None
    assert memory > 1 << 20
    assert 0 < seconds <= sum(os.times()[:2]) + 0.02


def test_a_process_that_has_ended() -> None:
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    os.waitpid(child, 0)
    assert resident(child) is None
    assert processor_seconds(child) is None
