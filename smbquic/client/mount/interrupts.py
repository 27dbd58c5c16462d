"""Ctrl-C while libfuse has the main thread: Python's own handler cannot run then."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Start threads inside of the ``with``: the signals that end a mount are not for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class InterruptWatcher:
    """Waits for SIGINT on a thread, and has libfuse unmount by SIGTERM, which it handles itself.

    libfuse does not tell which signal has ended it, so SIGINT is kept from it. Entered on the main
    thread; all others have been started with `signals_blocked`.
    """

    def __init__(self) -> None:
        self.received = False
        self._ending = False
        self._thread = threading.Thread(target=self._wait, name="interrupts", daemon=True)

    def __enter__(self) -> "InterruptWatcher":
        self._main = threading.get_ident()
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        with signals_blocked():
            self._thread.start()
        return self

    def _wait(self) -> None:
        signal.sigwait({signal.SIGINT})
        if not self._ending:
            self.received = True
            signal.pthread_kill(self._main, signal.SIGTERM)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending = True
        if self._thread.is_alive():
            assert self._thread.ident is not None
            signal.pthread_kill(self._thread.ident, signal.SIGINT)
        self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)
