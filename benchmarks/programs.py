"""The programs that a measurement runs: how they are found, started, talked to and ended."""

import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from benchmarks.link import Host

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
"""Debian has smbd and the VPNs where only root's PATH looks."""
STARTING = 20.0
"""Seconds that a program may take until it is ready."""
WORKING = 300.0
"""Seconds that a program may take for one work; longer is an error, not a slow sample."""
STOPPING = 10.0
"""Seconds that a program may take to end after SIGTERM."""
SHOWN = 2000
"""How many characters of a failed program's output its error shows: the last ones."""

Figures = dict[str, Any]
"""The figures that a program reports of a work, by name."""
Perform = Callable[[dict[str, Any], Callable[[str], None]], Figures]
"""Has a client perform a request; the second argument is called with each event it reports."""


class ProgramError(Exception):
    """A program did not start, or did not do what it was asked for."""


def missing_programs(programs: Mapping[str, str]) -> list[str]:
    """Return which of these are not installed, as sentences; each has its package in Debian."""
    return [
        f"{program} is not installed (Debian: apt install {package})"
        for program, package in programs.items()
        if shutil.which(program, path=SEARCH_PATH) is None
    ]


def missing_engine(engine: str) -> list[str]:
    """Return as a sentence that a QUIC engine is not installed, if it is not."""
    module = {"native": "smbquic_native", "stock": "aioquic"}.get(engine, engine)
    return [] if find_spec(module) else [f"the engine {engine} is not installed"]


class Program:
    """A program that reads requests and prints answers, a line of JSON each."""

    def __init__(
        self, host: Host, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> None:
        self._name = " ".join(command[:3])
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = host.popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=env,
            # Ctrl-C in a terminal is for us.
            start_new_session=True,
        )

    def answer(self, timeout: float) -> Figures:
        """Return the next line. Raises `ProgramError`."""
        assert self.process.stdout is not None
        stdout = self.process.stdout.fileno()
        # Two lines may come at once: what was read of the second is kept here, where it is seen.
        while b"\n" not in self._unread:
            ready, _, _ = select.select([stdout], [], [], timeout)
            if not ready:
                raise ProgramError(f"{self._name}: no answer within {timeout:g} s")
            more = os.read(stdout, 1 << 16)
            if not more:
                raise ProgramError(
                    f"{self._name} ended with exit code {self.process.wait()}{self._printed()}"
                )
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        document: Figures = json.loads(line)
        if "error" in document:
            raise ProgramError(document["error"])
        return document

    def _printed(self) -> str:
        """Return the end of what it wrote to its standard error."""
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        return f":\n{text[-SHOWN:]}" if text else ""

    def send_line(self, line: str) -> None:
        """Send it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def perform(self, request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
        """Have a work done. Raises `ProgramError`."""
        self.send_line(json.dumps(request))
        while "event" in (document := self.answer(WORKING)):
            on_event(document["event"])
        return document

    def close(self) -> None:
        """End it."""
        terminate(self.process)
        self._errors.close()


@dataclass(frozen=True, slots=True)
class Finished:
    """The output of a program until its end, and the processor time that it took."""

    output: str
    cpu_seconds: float

    def document(self) -> dict[str, Any]:
        """Return its last line, which is a JSON object."""
        return dict(json.loads(self.output.splitlines()[-1]))


def run(host: Host, command: Sequence[str], env: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end. Raises `ProgramError`."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = host.popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            start_new_session=True,
        )
        try:
            # No other child ends meanwhile.
            before = os.times()
            process.wait(WORKING)
            after = os.times()
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"{command[0]} is not done after {WORKING:g} s") from error
        finally:
            terminate(process)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise ProgramError(
            f"{' '.join(command[:3])}: exit code {process.returncode}: {text.strip()[-SHOWN:]}"
        )
    spent = after.children_user + after.children_system
    return Finished(text, spent - before.children_user - before.children_system)


def terminate(process: "subprocess.Popen[Any]") -> None:
    """End a process with SIGTERM, and with SIGKILL where that takes too long."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
