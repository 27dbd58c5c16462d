"""Two engines and the network between them, in simulated time."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from smbquic.pki import PkiDirectory
from smbquic.transport.quic.engine import Acceptance, DatagramSizes, Engine
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import client_engine, server_engine
from smbquic.transport.quic.tls import ClientTls, ServerTls
from smbquic.transport.quic.udp import Path
from tests.engines import INSTALLED
from tests.unit.transport.quic.harness import TransportHarness

CLIENT = (("192.0.2.1", 50000), b"")
SERVER = (("192.0.2.2", 443), b"")
DELAY = 0.005


class Ids:
    """Remembers which connection ids count."""

    def __init__(self) -> None:
        self.known: set[bytes] = set()

    def issued(self, connection_id: bytes) -> None:
        self.known.add(connection_id)

    def retired(self, connection_id: bytes) -> None:
        self.known.discard(connection_id)


class Simulation:
    """A client and a server whose datagrams take 5 ms, if they arrive at all.

    `engines` names those of client and server; one name stands for both. Datagrams above `mtu`
    bytes are lost without a word. The client is at `client_path`, as the server sees it.
    """

    def __init__(
        self,
        pki: PkiDirectory,
        *,
        engines: str = INSTALLED[0],
        trust: ClientTls | None = None,
        identity: ServerTls | None = None,
        options: QuicOptions | None = None,
        sizes: DatagramSizes | None = None,
        mtu: float = float("inf"),
        name: str = "localhost",
    ) -> None:
        client, _, server = engines.partition("-")
        options = options or QuicOptions()
        self.options: Any = replace(options, engine=cast(Any, client))
        self.server_options: Any = replace(options, engine=cast(Any, server or client))
        trust = trust or ClientTls(ca=pki.ca)
        self.identity = identity or ServerTls(pki.server.certificate, pki.server.key)
        self.sizes = sizes or DatagramSizes(1200, 1200)
        self.mtu = mtu
        self.client_path: Any = CLIENT
        self.now = 1000.0
        self.random = random.Random(7)
        self.loss = 0.0
        self.jitter = 0.0
        self.sent: dict[str, list[int]] = {"client": [], "server": []}
        self.destinations: list[Any] = []
        self.client_ids, self.server_ids = Ids(), Ids()
        judge = trust.verify
        verify = None if judge is None else lambda chain: judge(chain, name)
        make = client_engine(trust, name, self.options, verify)[1]
        self.client: Any = make(self.sizes, self.client_ids)
        self.server: Any = None
        self.received: dict[str, bytearray] = {"client": bytearray(), "server": bytearray()}
        self._flying: list[tuple[float, int, str, bytes]] = []
        self._sequence = 0
        self._limit = float("inf")
        self.client.connect(SERVER, self.now)

    def engine(self, name: str) -> Any:
        return self.client if name == "client" else self.server

    def outgoing(self, name: str) -> list[tuple[bytes, Path]]:
        """What an engine has to send now, one by one."""
        engine: Engine = self.engine(name)
        batches = engine.datagrams(self.now)
        return [(datagram, path) for datagrams, path in batches for datagram in datagrams]

    def _send(self, name: str) -> None:
        if self.engine(name) is None:
            return
        for datagram, path in self.outgoing(name):
            self.sent[name].append(len(datagram))
            if name == "server":
                self.destinations.append(path)
            arrives = name == "client" or path[0] == self.client_path[0]
            if arrives and len(datagram) <= self.mtu and self.random.random() >= self.loss:
                at = self.now + DELAY + self.random.random() * self.jitter
                other = "server" if name == "client" else "client"
                self._sequence += 1
                self._flying.append((at, self._sequence, other, datagram))

    def _deliver(self, name: str, datagram: bytes) -> None:
        if name == "server" and self.server is None:
            make = server_engine(self.identity, self.server_options)[1]
            self.server = make(
                self.sizes,
                self.server_ids,
                Acceptance(original_id=datagram[6 : 6 + datagram[5]], first_datagram=len(datagram)),
            )
        path = self.client_path if name == "server" else SERVER
        self.engine(name).receive(datagram, path, self.now)

    def step(self) -> None:
        """Let the next thing happen."""
        for name in ("client", "server"):
            self._send(name)
        timers = {
            name: due
            for name in ("client", "server")
            if self.engine(name) is not None and (due := self.engine(name).timer()) is not None
        }
        next_timer = min(timers.values(), default=float("inf"))
        next_flight = min(self._flying, default=(float("inf"),))[0]
        if not self._flying and not timers:
            raise AssertionError("nothing will ever happen again")
        if min(next_timer, next_flight) > self._limit:
            self.now = self._limit
        elif next_flight <= next_timer:
            flight = min(self._flying)
            self._flying.remove(flight)
            self.now = max(self.now, flight[0])
            self._deliver(flight[2], flight[3])
        else:
            # Time never stands still, and nobody is called in the very moment that is due.
            self.now = max(self.now, next_timer) + 1e-6
            for name, due in timers.items():
                if due <= self.now:
                    self.engine(name).tick(self.now)
        for name in ("client", "server"):
            if self.engine(name) is not None:
                self.received[name] += b"".join(self.engine(name).read())

    def run(self, until: Callable[[], Any], *, steps: int = 200_000) -> None:
        """Let things happen until a condition holds."""
        for _ in range(steps):
            if until():
                return
            self.step()
        raise AssertionError("it never came to pass")

    def advance(self, seconds: float) -> None:
        """Let everything happen that happens within a time."""
        end = self.now + seconds
        while self.now < end:
            self._limit = end
            self.step()
        self._limit = float("inf")

    def establish(self) -> None:
        """Complete the handshake."""
        self.run(lambda: self.client.security and self.server and self.server.security)


@pytest.fixture(scope="session")
def simulate(pki: PkiDirectory) -> Callable[..., Simulation]:
    """Makes simulations."""

    def make(**settings: Any) -> Simulation:
        return Simulation(pki, **settings)

    return make


@pytest.fixture
async def harness() -> TransportHarness:
    """A transport whose handshake is complete, on an engine that the test plays."""
    made = TransportHarness()
    made.establish()
    return made
