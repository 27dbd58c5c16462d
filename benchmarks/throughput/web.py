"""Who watches a server: a browser with its status page, and Prometheus."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from benchmarks.arms.base import WebListener
from benchmarks.programs import ProgramError

PAGE_INTERVAL = 2.0
"""Seconds between two updates of the status page, as in a browser."""
METRICS_INTERVAL = 1.0
"""Seconds between two scrapes; Prometheus makes them less often."""
TIMEOUT = 30.0


class _UnixConnection(HTTPConnection):
    """An HTTP connection to a Unix socket."""

    def __init__(self, listener: WebListener) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = str(listener.socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Visitor:
    """A program that has one connection to a web listener."""

    def __init__(self, listener: WebListener) -> None:
        self._connection = _UnixConnection(listener)
        self._headers = {"Authorization": f"Bearer {listener.token}"}
        self._last = {"seconds": 0, "minutes": 0}

    def get(self, path: str) -> bytes:
        """Return the answer to a request. Raises `ProgramError`."""
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise ProgramError(f"{path}: HTTP status {response.status}")
        return content

    def update_page(self) -> None:
        """Ask for what the page of a browser asks for: the newest samples, and connections."""
        last = "&".join(f"{name}={number}" for name, number in self._last.items())
        overview: dict[str, Any] = json.loads(self.get(f"/api/overview?{last}"))
        for name in self._last:
            samples = overview["series"][name]
            self._last[name] = samples["first"] + len(samples["times"]) - 1
        self.get("/api/connections")

    def fetch_metrics(self) -> None:
        """Ask for the metrics."""
        self.get("/metrics")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Answers:
    """How many there were so far, and the seconds of the longest."""

    count = 0
    longest = 0.0


@contextmanager
def page_open(listener: WebListener) -> Iterator[Answers]:
    """Update the status page every other second. Raises `ProgramError`."""
    with _repeated(listener, Visitor.update_page, PAGE_INTERVAL) as answers:
        yield answers


@contextmanager
def metrics_fetched(listener: WebListener) -> Iterator[Answers]:
    """Fetch the metrics every second. Raises `ProgramError`."""
    with _repeated(listener, Visitor.fetch_metrics, METRICS_INTERVAL) as answers:
        yield answers


@contextmanager
def _repeated(
    listener: WebListener, ask: Callable[[Visitor], None], interval: float
) -> Iterator[Answers]:
    """Have a thread ask at once, and again after each interval, until the block ends."""
    answers = Answers()
    over = threading.Event()

    def run() -> None:
        with closing(Visitor(listener)) as visitor:
            while not over.is_set():
                started = time.monotonic()
                ask(visitor)
                answers.longest = max(answers.longest, time.monotonic() - started)
                answers.count += 1
                over.wait(interval)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run)
        try:
            yield answers
        finally:
            over.set()
        try:
            running.result()
        except (OSError, HTTPException) as error:
            raise ProgramError(f"the web listener: {error}") from error
