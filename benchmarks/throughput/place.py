"""Where the two ends of a measurement run: two network namespaces, or this machine's loopback."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.link import LinkUnavailable, Namespace, VethPair
from benchmarks.programs import ProgramError, terminate
from benchmarks.usage import tree_cpu_seconds

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


@dataclass(slots=True)
class End:
    """One end: an address, and the means to run a program there.

    `namespace` is None on loopback. With a `core`, its programs run on that one only. `helpers`
    are processes whose work is this end's too, such as a VPN's.
    """

    address: str
    namespace: Namespace | None
    core: int | None = None
    helpers: list[int] = field(default_factory=list)

    def _command(self, command: Sequence[str]) -> list[str]:
        entry = self.namespace.entry if self.namespace else []
        pin = [] if self.core is None else ["taskset", "--cpu-list", str(self.core)]
        return [*entry, *pin, *command]

    @contextlib.contextmanager
    def running(
        self, command: Sequence[str], patience: float = PATIENCE
    ) -> Iterator[tuple["subprocess.Popen[str]", str]]:
        """A program, once it has said its first line, and that line; ends with the block."""
        with tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                self._command(command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # smbd, when it ends, ends its whole process group, which must not be ours.
                start_new_session=True,
            )
            try:
                assert process.stdout is not None
                ready, _, _ = select.select([process.stdout], [], [], patience)
                line = process.stdout.readline() if ready else ""
                if not line:
                    errors.seek(0)
                    raise ProgramError(f"{command[0]} did not start:\n{errors.read()}")
                yield process, line
            finally:
                terminate(process)

    def run(self, command: Sequence[str], timeout: float = 600) -> tuple[str, float]:
        """Run a client to its end: its output, and the processor seconds that it took."""
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                self._command(command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                before = os.times()
                process.wait(timeout)
                after = os.times()
            finally:
                terminate(process)
            output.seek(0)
            text = output.read()
        if process.returncode:
            raise ProgramError(f"{command[:3]}: exit code {process.returncode}\n{text}")
        spent = after.children_user + after.children_system
        return text, spent - before.children_user - before.children_system

    def run_json(self, command: Sequence[str], timeout: float = 600) -> dict[str, Any]:
        """Run a program of ours, whose last line is a JSON object."""
        text, _ = self.run(command, timeout)
        return dict(json.loads(text.splitlines()[-1]))

    def helper_seconds(self) -> float:
        """Processor time of the helpers so far."""
        return sum(map(tree_cpu_seconds, self.helpers))


@dataclass(frozen=True, slots=True)
class Place:
    """A client's end and a server's, and how large packets between them may be."""

    client: End
    server: End
    mtu: int
    name: str

    @property
    def largest_datagram(self) -> int:
        """Bytes of UDP payload that fit into a packet of IPv4."""
        return self.mtu - 28

    def pinned(self) -> "Place":
        """The same with each end on a core of its own, where there are two."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return self
        return Place(
            End(self.client.address, self.client.namespace, cores[1], self.client.helpers),
            End(self.server.address, self.server.namespace, cores[0], self.server.helpers),
            self.mtu,
            self.name,
        )


@contextlib.contextmanager
def place(mtu: int) -> Iterator[Place]:
    """Two namespaces joined by a veth pair of this MTU; loopback where there are none."""
    with contextlib.ExitStack() as stack:
        try:
            pair = stack.enter_context(VethPair(mtu=mtu))
        except LinkUnavailable as error:
            print(f"on loopback instead of a veth pair: {error}", file=sys.stderr)
            ends = (End("127.0.0.1", None), End("127.0.0.1", None))
            yield Place(*ends, mtu, "loopback")
        else:
            yield Place(
                End(pair.client.address, pair.client),
                End(pair.server.address, pair.server),
                mtu,
                f"veth, MTU {mtu}",
            )
