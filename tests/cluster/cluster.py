"""A Samba cluster, two gateways and the machines of two users, and what the users see."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smbquic.pki import init
from tests.cluster.gateways import GatewayMachine
from tests.cluster.machines import Machine, MachineError, NetworkSwitch
from tests.cluster.nodes import SHARE, USERS, Files, Node, SambaCluster

# Of the network that RFC 2544 sets aside for benchmarks.
NODES = ("198.18.0.21", "198.18.0.22", "198.18.0.23")
GATEWAYS = ("198.18.0.11", "198.18.0.12")
CLIENTS = ("198.18.0.101", "198.18.0.102")
NAMES = ("fs.example", "files.example")
"""The names that the two users have for the cluster."""
PATIENCE = 180.0
"""Seconds in which work has to go on, whatever happens."""
_ROOT = Path(__file__).parents[2]

Event = dict[str, Any]


class ClientMachine(Machine):
    """The machine of a user, with connections that work all the time (`tests.cluster.client`).

    Its ``/etc/hosts`` has both gateways for each name, the user's own first, as a name server has
    that gives them in turns.
    """

    def __init__(self, number: int, folder: Path, ca: Path) -> None:
        super().__init__(f"client{number}", CLIENTS[number], folder)
        self.user = USERS[number]
        self.url = f"smb+quic://{self.user}@{NAMES[number]}/{SHARE}"
        self._ca = ca
        self._process: subprocess.Popen[str] | None = None
        self.process_id = 0
        order = GATEWAYS[number:] + GATEWAYS[:number]
        names = " ".join(NAMES)
        hosts = "".join(f"{address} {names}\n" for address in ("127.0.0.1", *order))
        (self.etc / "hosts").write_text(hosts.replace(f"127.0.0.1 {names}", "127.0.0.1 localhost"))

    def begin(self, count: int, events: "ConnectionEvents") -> None:
        """Start to work over so many connections."""
        with (self.folder / "client.log").open("w") as errors:
            self._process = self.popen(
                *(sys.executable, "-m", "tests.cluster.client", self.url),
                *("--ca", str(self._ca), "--count", str(count), "--folder", str(self.folder)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=_ROOT,
            )
        assert self._process.stdout is not None
        events.read(self._process.stdout)

    def tell(self, command: str) -> None:
        """Send the connections a command."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Let the connections verify what they have written, and end."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(PATIENCE)


class ConnectionEvents:
    """The events of all connections, in the order in which they came."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._came = threading.Condition()
        self._readers: list[threading.Thread] = []

    def read(self, lines: Any) -> None:
        """Read the events of a client until its output ends."""
        reader = threading.Thread(target=self._read, args=(lines,))
        reader.start()
        self._readers.append(reader)

    def _read(self, lines: Any) -> None:
        with lines:
            for line in lines:
                with self._came:
                    self.all.append(json.loads(line))
                    self._came.notify_all()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition on the events holds. Raises `MachineError`."""
        with self._came:
            if not self._came.wait_for(condition, PATIENCE):
                raise MachineError(f"not after {PATIENCE:g} s: {what}\n{self.all[-20:]}")

    def of(self, event: str, since: float = 0.0, who: str = "") -> list[Event]:
        """Return the events of a kind since a time, of one connection or of all."""
        return [
            each
            for each in list(self.all)
            if each["event"] == event and each["at"] >= since and who in ("", each["who"])
        ]

    def join(self) -> None:
        """Wait until all outputs have ended."""
        for reader in self._readers:
            reader.join()


@dataclass
class Cluster:
    """All machines, started, and the connections that work."""

    samba: SambaCluster
    gateways: Sequence[GatewayMachine]
    clients: Sequence[ClientMachine]
    switch: NetworkSwitch
    events: ConnectionEvents
    count: int
    """Connections of each client."""
    ca: Path
    seconds_to_start: float = 0.0
    mark: int = 0
    weights: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NODES, 1))

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes of Samba."""
        return self.samba.nodes

    @property
    def connections(self) -> list[str]:
        """The names of all connections that work."""
        return [f"{each.user}-{number}" for each in self.clients for number in range(self.count)]

    def place(self, who: str, before: float = float("inf")) -> Event:
        """Return the event that says where a connection was at a time: its node and its gateway."""
        return [each for each in self.events.of("connected", who=who) if each["at"] < before][-1]

    def begin(self) -> None:
        """Have the connections begin to work."""
        for client in self.clients:
            client.begin(self.count, self.events)
        self.settle()

    def settle(self) -> None:
        """Wait until each connection has done something that it has begun after now."""
        self.mark += 1
        for client in self.clients:
            client.tell(f"mark {self.mark}")

        def reached() -> bool:
            return all(
                any(each["mark"] >= self.mark for each in self.events.of("marked", who=who))
                for who in self.connections
            )

        self.events.wait(reached, "work goes on")

    def dial(self, *, on: bool) -> None:
        """Have new connections made all the time, or no more."""
        for client in self.clients:
            client.tell(f"dial {'on' if on else 'off'}")

    def weigh(self, node: Node, weight: int) -> None:
        """Change a node's weight at both gateways."""
        self.weights[node.address] = weight
        for gateway in self.gateways:
            gateway.configure(self.weights)
            gateway.reload()


@contextlib.contextmanager
def running_cluster(folder: Path, *, files: Files, count: int) -> Iterator[Cluster]:
    """Start it all in `folder`, with `count` connections of each user; ends with the block."""
    if os.geteuid() != 0:
        raise MachineError("a cluster takes root: namespaces, mounts and smbd")
    began = time.monotonic()
    folder.chmod(0o755)  # smbd works as the users
    with ExitStack() as stack:
        pki = init(folder / "pki", names=list(NAMES))
        switch = NetworkSwitch(folder)
        switch.start(stack)
        samba = SambaCluster(stack, switch, NODES, files, folder)
        samba.start()
        gateways = [
            GatewayMachine(number, address, NODES, pki, folder)
            for number, address in enumerate(GATEWAYS)
        ]
        for gateway in gateways:
            gateway.start(stack)
            stack.callback(gateway.wait)
            stack.callback(gateway.kill)
            switch.attach(gateway)
            gateway.serve()
        clients = [ClientMachine(number, folder, pki.ca) for number in range(len(CLIENTS))]
        events = ConnectionEvents()
        cluster = Cluster(samba, gateways, clients, switch, events, count, pki.ca)
        stack.callback(events.join)
        for client in clients:
            client.start(stack)
            stack.callback(client.end)
            stack.callback(client.kill)
            switch.attach(client)
        cluster.seconds_to_start = time.monotonic() - began
        yield cluster
