"""The program as a process: run to its end, or kept running, as a server or not."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from smbquic.auth.users import UserStore
from smbquic.pki import PkiDirectory
from tests import with_workers

PASSWORD = "correct horse"
TIMEOUT = 60


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def environment(**changes: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SMBQUIC_")}
    return {**own, "PYTHONWARNINGS": "default", **changes}


def smbquic(
    *arguments: str, password: str | None = PASSWORD, patience: int = TIMEOUT, **changes: str
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    if password is not None:
        changes["SMBQUIC_PASSWORD"] = password
    return subprocess.run(
        [sys.executable, "-m", "smbquic", *arguments],
        capture_output=True,
        text=True,
        timeout=patience,
        stdin=subprocess.DEVNULL,
        env=environment(**changes),
        check=False,
    )


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[dict[str, Any]]:
    """A command that serves until it gets SIGINT: its ready event. Ends with exit code 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        yield ready
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
        # While it still has clients it says first that it drains.
        assert json.loads(process.stdout.readlines()[-1]) == {"event": "stopped"}
    finally:
        process.kill()
        process.communicate()


def is_one_line(result: "subprocess.CompletedProcess[str]", code: int, *words: str) -> None:
    """Exit code, no traceback, and a single line that holds the words."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word.lower() in lines[0].lower()


class Served:
    """A server with the share ``data``, and how to get there."""

    def __init__(self, folder: Path, pki: PkiDirectory, listeners: list[str]) -> None:
        self.folder = folder
        self.ca = str(pki.ca)
        self.ports = {url.partition(":")[0]: url.rpartition(":")[2] for url in listeners}

    def url(self, path: str = "", transport: str = "quic", host: str = "localhost") -> str:
        scheme = {"quic": "smb+quic", "tcp": "smb"}[transport]
        return f"{scheme}://alice@{host}:{self.ports[transport]}/data/{path}"

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return smbquic(*arguments, SMBQUIC_CA=self.ca, **options)


def serve_arguments(directory: Path, certificate: Path, key: Path, *listen: str) -> tuple[str, ...]:
    users = UserStore()
    users.add("alice", PASSWORD)
    users.save(directory / "users.txt")
    (directory / "share").mkdir()
    return (
        *("serve", "--share", f"data={directory / 'share'}"),
        *("--share", f"archive={directory / 'share'}:ro"),
        *("--users", str(directory / "users.txt")),
        *("--cert", str(certificate), "--key", str(key)),
        *(part for address in listen for part in ("--listen", address)),
        *with_workers.OPTIONS,
    )
