"""Commands of this machine: those after ``!`` and ``|``, and the pager.

They are what the user has typed, word for word: no name from a server is ever a part of one.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smbquic.cli.failure import PartialFailure, Terminated


class LocalCommandFailed(PartialFailure):
    """Raised when a command of this machine has ended with an exit code that is not 0."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"the command of this machine has ended with exit code {code}")


def run_local(command: str, folder: Path) -> None:
    """Run a command, or a shell if it is empty. Raises `LocalCommandFailed`."""
    _wait(_start(command or _user_shell(), folder))


@contextmanager
def piped_to(command: str, folder: Path) -> Iterator[int]:
    """Run a command, whose standard input is what is written to the descriptor inside the ``with``.

    Waits for its end. Raises `LocalCommandFailed`.
    """
    process = _start(command, folder, subprocess.PIPE)
    assert process.stdin is not None
    try:
        yield process.stdin.fileno()
    except BaseException:
        process.stdin.close()
        with suppress(LocalCommandFailed):
            _wait(process)
        raise
    process.stdin.close()
    _wait(process)


def _start(command: str, folder: Path, stdin: int | None = None) -> "subprocess.Popen[bytes]":
    """Start a command. Raises `KeyboardInterrupt` if Ctrl-C came meanwhile, and ends the command.

    Raised inside of `Popen`, it would leave a process that nobody waits for; and the terminal has
    not sent the signal to a process that was not there yet.
    """
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        process = subprocess.Popen(command, shell=True, cwd=folder, stdin=stdin)  # noqa: S602
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        with process:
            process.terminate()
        raise KeyboardInterrupt
    return process


def _wait(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a command to end. Ctrl-C is for the command, which the terminal sends it to, too."""
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        except Terminated:
            process.terminate()
            raise
        break
    if code:
        raise LocalCommandFailed(128 - code if code < 0 else code)


def pager() -> str:
    """Return the command that shows text page by page."""
    return os.environ.get("PAGER", "").strip() or "more"


def _user_shell() -> str:
    if sys.platform == "win32":
        return os.environ.get("COMSPEC", "cmd")
    return 'exec "${SHELL:-/bin/sh}"'
