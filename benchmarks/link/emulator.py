"""The emulator's process: started, given its parameters, asked for its counters, ended."""

import json
import subprocess
import threading
from collections.abc import Iterable
from typing import Any

from benchmarks.link.build import emulator
from benchmarks.link.counters import Statistics
from benchmarks.link.errors import LinkError, LinkUnavailable
from benchmarks.link.namespaces import DEVICE, Namespace


class Emulator:
    """Forwards packets between the TUN devices that it makes in two namespaces."""

    def __init__(self, client: Namespace, server: Namespace) -> None:
        program = emulator()
        # It enters the network namespaces by itself, but needs the rights of their owner.
        enter: list[str] = []
        if client.user:
            enter = ["nsenter", f"--user={client.user}", "--preserve-credentials", "--"]
        self._lock = threading.Lock()
        self._last: Statistics | None = None
        self._process = subprocess.Popen(
            [*enter, str(program), str(client.network), str(server.network), DEVICE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C in a terminal is for us.
            start_new_session=True,
        )
        try:
            self._answer()
        except LinkError as error:
            self._process.communicate()
            raise LinkUnavailable(
                f"no TUN devices here: {error} (the emulator needs /dev/net/tun to be readable and"
                " writable, and as root or in a user namespace CAP_NET_ADMIN)"
            ) from error

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LinkError(f"the link emulator ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LinkError(answer["error"])
        return answer

    def _command(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # Its last line says why.
            pass
        try:
            return self._answer()
        except LinkError as error:
            raise LinkError(f"{line}: {error}") from error

    def command(self, lines: Iterable[str]) -> None:
        """Change parameters; when it returns, they are in force."""
        with self._lock:
            for line in lines:
                self._command(line)

    def statistics(self) -> Statistics:
        """The counters; once it has ended, the last ones."""
        with self._lock:
            return self._last or Statistics.of(self._command("stats"))

    def close(self) -> None:
        """End it, and keep its last counters."""
        with self._lock:
            output, _ = self._process.communicate()
            lines = output.splitlines()
            if self._process.returncode or not lines:
                raise LinkError(
                    f"the link emulator ended with exit code {self._process.returncode}: {output}"
                )
            self._last = Statistics.of(json.loads(lines[-1]))
