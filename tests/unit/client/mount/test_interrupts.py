import signal
import subprocess
import sys
import threading

import pytest

from smbquic.client.mount.interrupts import InterruptWatcher, signals_blocked

PROGRAM = """
import os, signal
from smbquic.client.mount.interrupts import InterruptWatcher

def ended(number, frame):
    print(signal.Signals(number).name, flush=True)

signal.signal(signal.SIGTERM, ended)
with InterruptWatcher() as interrupts:
    os.kill(os.getpid(), signal.{signal})
    signal.sigtimedwait((), 0.01) if interrupts.received else None
    while not interrupts.received and "{signal}" == "SIGINT":
        pass
print(interrupts.received)
"""


@pytest.mark.parametrize(
    ("name", "output"), [("SIGINT", "SIGTERM\nTrue\n"), ("SIGTERM", "SIGTERM\nFalse\n")]
)
def test_sigint_becomes_sigterm_and_is_remembered(name: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(signal=name)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == output


def test_without_a_signal_it_ends_and_leaves_the_mask_as_it_was() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with InterruptWatcher() as interrupts:
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert not interrupts.received
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_threads_do_not_get_the_signals() -> None:
    found: set[int] = set()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with signals_blocked():
        thread = threading.Thread(
            target=lambda: found.update(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        )
        thread.start()
    thread.join()
    assert found >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
