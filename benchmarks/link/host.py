"""Where the programs of one end run: this machine, one of its cores, or a network namespace."""

import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from benchmarks.link.errors import LinkError


class Host:
    """One end of a network. Its programs are started with `entry` in front of their command.

    `address` is what its programs are reached at from the other end.
    """

    def __init__(
        self,
        role: str,
        address: str,
        entry: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.role = role
        self.address = address
        self.entry = list(entry)
        self._environment = dict(environment or {})

    def popen(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a command here. Options are those of `Popen`."""
        return subprocess.Popen(
            [*self.entry, *command],
            env={**(os.environ if env is None else env), **self._environment},
            **options,
        )

    def run(
        self, command: Sequence[str], *, input: str | None = None, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command here to its end: its output as text; LinkError if it fails."""
        done = subprocess.run(
            [*self.entry, *command],
            input=input,
            stdin=None if input is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **self._environment},
            **options,
        )
        if done.returncode:
            output = "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))
            raise LinkError(f"{shlex.join(command)}: exit code {done.returncode}\n{output}")
        return done

    def pinned(self, core: int) -> "Host":
        """Return this host with all programs on one core."""
        entry = [*self.entry, "taskset", "--cpu-list", str(core)]
        return Host(self.role, self.address, entry, self._environment)

    def listening(self) -> set[tuple[str, int]]:
        """Return the ports that somebody listens on, as ("tcp", 445)."""
        found = set()
        # TCP: listening. UDP: not connected.
        for protocol, wanted in (("tcp", "0A"), ("udp", "07")):
            files = [f"/proc/self/net/{protocol}", f"/proc/self/net/{protocol}6"]
            for line in self.run(["cat", *files]).stdout.splitlines():
                _, local, _, state, *_ = line.split()
                if state == wanted:
                    found.add((protocol, int(local.rpartition(":")[2], 16)))
        return found

    def wait_for_port(
        self,
        *wanted: tuple[str, int],
        process: "subprocess.Popen[Any] | None" = None,
        timeout: float = 10.0,
    ) -> None:
        """Wait until somebody listens on these ports; on any, if none is given.

        LinkError if nobody does in time, or `process` has ended before.
        """
        deadline = time.monotonic() + timeout
        while not (set(wanted) <= (listening := self.listening()) and listening):
            if process is not None and process.poll() is not None:
                raise LinkError(f"{process.args!r} ended with exit code {process.returncode}")
            if time.monotonic() > deadline:
                ports = ", ".join(f"{kind} {port}" for kind, port in wanted) or "any port"
                raise LinkError(f"nobody listens on {ports} of the {self.role} after {timeout} s")
            time.sleep(0.02)


class Network(Protocol):
    """A network that joins a client's host and a server's."""

    @property
    def client(self) -> Host:
        """The client's end."""

    @property
    def server(self) -> Host:
        """The server's end."""
