"""Two engines and the network between them, in simulated time."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.transport.quic.connection_ids import ConnectionIdSource
from smbquic.transport.quic.engine import Acceptance, CloseReason, DatagramSizes, Engine, Security
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.registry import client_engine, server_engine
from smbquic.transport.quic.tls import ClientTls, ServerTls
from smbquic.transport.quic.udp import Path, SegmentBatch, single_datagrams
from tests.engines import INSTALLED

CLIENT = (("192.0.2.1", 50000), b"")
SERVER = (("192.0.2.2", 443), b"")
DELAY = 0.005
CONGESTION_EXPERIENCED = 0b11


class Ids:
    """Remembers which connection ids count."""

    def __init__(self) -> None:
        self.known: set[bytes] = set()

    def issued(self, connection_id: bytes) -> None:
        self.known.add(connection_id)

    def retired(self, connection_id: bytes) -> None:
        self.known.discard(connection_id)


@dataclass
class Bottleneck:
    """A link of `rate` bytes/s in each direction, behind queues of `queue` bytes.

    `dropped` is how many datagrams have found the queue full.
    """

    rate: float
    queue: float
    dropped: int = 0
    _free_at: dict[str, float] = field(default_factory=dict)

    def leaves_at(self, name: str, size: int, now: float) -> float | None:
        """Return when a datagram of an end has left the queue; None if it is dropped."""
        free_at = max(self._free_at.get(name, now), now)
        if (free_at - now) * self.rate + size > self.queue:
            self.dropped += 1
            return None
        self._free_at[name] = free_at + size / self.rate
        return self._free_at[name]


class Simulation:
    """A client and a server whose datagrams take `delay` (5 ms), if they arrive at all.

    They pass a `bottleneck` if there is one.

    `engines` names those of client and server; one name stands for both. Datagrams above `mtu`
    bytes are lost without a word. The client is at `client_path`, as the server sees it. While it
    is `congested`, the network marks what may be marked; one that `removes_marks` clears all.
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
        name: str = "localhost",
    ) -> None:
        client, _, server = engines.partition("-")
        options = options or QuicOptions()
        self.options = replace(options, engine=cast(EngineName, client))
        self.server_options = replace(options, engine=cast(EngineName, server or client))
        trust = trust or ClientTls(ca=pki.ca)
        self.identity = identity or ServerTls(pki.server.certificate, pki.server.key)
        self.sizes = sizes or DatagramSizes(1200, 1200)
        self.mtu = float("inf")
        self.client_path: Path = CLIENT
        self.now = 1000.0
        self.random = random.Random(7)
        self.delay = DELAY
        self.bottleneck: Bottleneck | None = None
        self.loss = 0.0
        self.jitter = 0.0
        self.congested = self.removes_marks = False
        self.sent: dict[str, list[int]] = {"client": [], "server": []}
        self.codepoints: dict[str, list[int]] = {"client": [], "server": []}
        self.destinations: list[Path] = []
        self.client_ids, self.server_ids = Ids(), Ids()
        check = trust.verify
        verify = None if check is None else lambda chain: check(chain, name)
        make = client_engine(trust, name, self.options, verify)[1]
        self.client = make(self.sizes, self.client_ids)
        self._server: Engine | None = None
        self.received: dict[str, bytearray] = {"client": bytearray(), "server": bytearray()}
        self._flying: list[tuple[float, int, str, bytes, int]] = []
        self._sequence = 0
        self._limit = float("inf")
        self.client.connect(SERVER, self.now)

    @property
    def server(self) -> Engine:
        """The engine of the server, which exists once a datagram of the client has arrived."""
        assert self._server is not None, "no datagram has arrived at the server"
        return self._server

    @property
    def accepted(self) -> bool:
        """Whether the server has an engine."""
        return self._server is not None

    def engine(self, name: str) -> Engine:
        return self.client if name == "client" else self.server

    def security(self, name: str) -> Security:
        """Return what the handshake of an end has negotiated, once it is complete."""
        security = self.engine(name).security
        assert security is not None, f"the handshake of the {name} is not complete"
        return security

    def close_reason(self, name: str) -> CloseReason:
        """Why the connection of an end is closed, once it is."""
        reason = self.engine(name).close_reason
        assert reason is not None, f"the connection of the {name} is not closed"
        return reason

    def datagram_size(self, name: str) -> int:
        size = self.engine(name).statistics().datagram_size
        assert size is not None
        return size

    def lost_packets(self, name: str) -> int:
        lost = self.engine(name).statistics().lost_packets
        assert lost is not None
        return lost

    def _engines(self) -> dict[str, Engine]:
        """The engines that exist, by their names."""
        return {name: self.engine(name) for name in ("client", "server")[: 1 + self.accepted]}

    def outgoing(self, name: str) -> list[tuple[bytes, Path]]:
        """Return the datagrams that an engine has to send now, one by one."""
        sent: list[tuple[bytes, Path]] = []
        for datagrams, path in self.engine(name).datagrams(self.now):
            for each in datagrams:
                ecn = each.ecn if isinstance(each, SegmentBatch) else 0
                for datagram in single_datagrams([each]):
                    sent.append((datagram, path))
                    self.codepoints[name].append(ecn)
        return sent

    def _send(self, name: str) -> None:
        before = len(self.codepoints[name])
        sent = self.outgoing(name)
        for (datagram, path), ecn in zip(sent, self.codepoints[name][before:], strict=True):
            self.sent[name].append(len(datagram))
            if name == "server":
                self.destinations.append(path)
            arrives = name == "client" or path[0] == self.client_path[0]
            leaves = self._leaves_at(name, len(datagram))
            if leaves is None:
                continue
            if arrives and len(datagram) <= self.mtu and self.random.random() >= self.loss:
                at = leaves + self.delay + self.random.random() * self.jitter
                other = "server" if name == "client" else "client"
                self._sequence += 1
                # A congested router marks what it would drop otherwise ([RFC3168] 5).
                if ecn and self.congested:
                    ecn = CONGESTION_EXPERIENCED
                if self.removes_marks:
                    ecn = 0
                self._flying.append((at, self._sequence, other, datagram, ecn))

    def _leaves_at(self, name: str, size: int) -> float | None:
        if self.bottleneck is None:
            return self.now
        return self.bottleneck.leaves_at(name, size, self.now)

    def _deliver(self, name: str, datagram: bytes, ecn: int) -> None:
        if name == "server" and self._server is None:
            make = server_engine(self.identity, self.server_options)[1]
            self._server = make(
                self.sizes,
                self.server_ids,
                Acceptance(
                    original_id=datagram[6 : 6 + datagram[5]],
                    first_datagram=len(datagram),
                    connection_ids=ConnectionIdSource(self.server_options.connection_ids),
                ),
            )
        path = self.client_path if name == "server" else SERVER
        self.engine(name).receive(datagram, path, self.now, ecn)

    def step(self) -> None:
        """Let the next thing happen."""
        engines = self._engines()
        for name in engines:
            self._send(name)
        timers = {
            name: due for name, engine in engines.items() if (due := engine.timer()) is not None
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
            self._deliver(*flight[2:])
        else:
            # Time never stands still, and nobody is called in the very moment that is due.
            self.now = max(self.now, next_timer) + 1e-6
            for name, due in timers.items():
                if due <= self.now:
                    self.engine(name).tick(self.now)
        for name, engine in self._engines().items():
            self.received[name] += b"".join(engine.read())

    def run(self, until: Callable[[], object], *, steps: int = 100_000) -> None:
        """Let things happen until a condition holds."""
        for _ in range(steps):
            if until():
                return
            self.step()
        raise AssertionError("it never came to pass")

    def has_received(self, name: str, count: int) -> bool:
        """Whether an end has received so many bytes of the stream."""
        return len(self.received[name]) >= count

    def advance(self, seconds: float) -> None:
        """Let everything happen that happens within a time."""
        self._limit = self.now + seconds
        self.run(lambda: self.now >= self._limit)
        self._limit = float("inf")

    def establish(self) -> None:
        """Complete the handshake."""
        self.run(lambda: self.client.security and self.accepted and self.server.security)


def library(engine: Engine) -> Any:
    """The connection of the library behind an adapter, for what no engine has to offer."""
    return vars(engine)["_quic"]


class Simulate(Protocol):
    """Makes simulations: the fixture `simulate`."""

    def __call__(
        self,
        *,
        engines: str = ...,
        trust: ClientTls | None = None,
        identity: ServerTls | None = None,
        options: QuicOptions | None = None,
        sizes: DatagramSizes | None = None,
        name: str = ...,
    ) -> Simulation:
        """See `Simulation`."""
