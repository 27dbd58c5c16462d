"""Two namespaces joined by the emulated link, or by a veth pair as fast as the machine is."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from benchmarks.link.counters import Statistics
from benchmarks.link.emulator import Emulator
from benchmarks.link.errors import LinkError
from benchmarks.link.loss import Loss
from benchmarks.link.namespaces import DEVICE, ROUTER_ADDRESSES, NamespacePair
from benchmarks.link.units import parse_rate, parse_share, parse_size, parse_time

Way = Literal["both", "up", "down"]
# What waits on a link without a rate does not wait for the rate.
UNBOUNDED = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The server's UDP ports whose packets are counted as QUIC's, and as a VPN's."""

    quic: Sequence[int] = (443,)
    vpn: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Delay:
    """A delay that varies from packet to packet: `time`, and up to `jitter` more."""

    time: str | float
    jitter: str | float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The properties of a link, the same in both directions."""

    rate: int
    """Bits per second of IP packets; 0: unlimited."""
    delay: int
    """Nanoseconds, each way."""
    jitter: int
    """Nanoseconds: up to so much more, each way."""
    loss: Loss
    queue: int
    """Bytes that may wait for the serialiser."""
    seed: int
    mtu: int
    quic_ports: tuple[int, ...]
    vpn_ports: tuple[int, ...]

    @property
    def round_trip(self) -> int:
        """Nanoseconds there and back, without jitter and without a queue."""
        return 2 * self.delay


def parse_loss(loss: str | float | Loss) -> Loss:
    """Random loss where it is just a share."""
    return loss if isinstance(loss, Loss) else Loss.random(parse_share(loss))


def queue_bytes(queue: str | float, *, rate: int, round_trip: int, mtu: int) -> int:
    """A queue's bytes; "0.5bdp" is half of what is under way on the link in a round trip."""
    text = str(queue).strip().lower()
    if not text.endswith("bdp"):
        return parse_size(queue)
    factor = float(text.removesuffix("bdp") or 1)
    if not rate:
        return UNBOUNDED
    return max(round(factor * rate * round_trip / (8 * 10**9)), mtu)


class Link(NamespacePair):
    """An emulated link between a client and a server; a context manager.

    `rate` ("20mbit") counts IP packets. `delay` ("50ms" or a `Delay`) is each way, so the round
    trip is twice that, and `loss` ("1%" or a `Loss`) applies each way. `queue` is in bytes
    ("64kib") or in bandwidth-delay products ("0.5bdp"). The same `seed` loses the same packets of a
    direction.
    `mtu` is that of the devices. UDP of `ports` is counted as QUIC's and as the VPN's.
    Raises LinkUnavailable when entered where the machine can't.
    """

    def __init__(
        self,
        *,
        rate: str | float = "unlimited",
        delay: str | float | Delay = 0,
        loss: str | float | Loss = 0,
        queue: str | float = "1bdp",
        seed: int = 0,
        mtu: int = 1500,
        ports: Ports = Ports(),
    ) -> None:
        super().__init__()
        if both := set(ports.quic) & set(ports.vpn):
            raise ValueError(f"ports of QUIC and of the VPN: {sorted(both)}")
        varying = delay if isinstance(delay, Delay) else Delay(delay)
        bits, one_way = parse_rate(rate), parse_time(varying.time)
        self.settings = Settings(
            rate=bits,
            delay=one_way,
            jitter=parse_time(varying.jitter),
            loss=parse_loss(loss),
            queue=queue_bytes(queue, rate=bits, round_trip=2 * one_way, mtu=mtu),
            seed=seed,
            mtu=mtu,
            quic_ports=tuple(ports.quic),
            vpn_ports=tuple(ports.vpn),
        )
        self._emulator: Emulator | None = None

    def _connect(self, stack: ExitStack) -> None:
        settings = self.settings
        self._emulator = Emulator(self.client, self.server)
        stack.callback(self._emulator.close)
        for namespace in (self.client, self.server):
            namespace.spare(self._emulator.pid)
            namespace.configure(settings.mtu)
        self._emulator.command(
            [
                f"seed {settings.seed}",
                f"router {' '.join(ROUTER_ADDRESSES)}",
                *(f"port {port} quic" for port in settings.quic_ports),
                *(f"port {port} vpn" for port in settings.vpn_ports),
            ]
        )
        self.set(
            rate=settings.rate,
            delay=settings.delay / 10**9,
            jitter=settings.jitter / 10**9,
            loss=settings.loss,
            queue=settings.queue,
        )

    @property
    def emulator(self) -> Emulator:
        """The process that is the link."""
        if self._emulator is None:
            raise LinkError("the link has not been entered")
        return self._emulator

    def set(
        self,
        *,
        way: Way = "both",
        rate: str | float | None = None,
        delay: str | float | None = None,
        jitter: str | float | None = None,
        loss: str | float | Loss | None = None,
        queue: str | float | None = None,
        blackout: bool | None = None,
    ) -> None:
        """Change the link while it runs; what is not given stays.

        In a `blackout` whatever is sent is lost; what has left the queue before still arrives. A
        changed rate or delay leaves the queue's length as it is, and packets that are under way
        keep their times.
        """
        commands = []
        if rate is not None:
            commands.append(f"rate {parse_rate(rate)}")
        if delay is not None:
            commands.append(f"delay {parse_time(delay)}")
        if jitter is not None:
            commands.append(f"jitter {parse_time(jitter)}")
        if loss is not None:
            model = parse_loss(loss)
            chances = (model.good, model.bad, model.good_to_bad, model.bad_to_good)
            commands.append("loss " + " ".join(map(repr, chances)))
        if queue is not None:
            commands.append(f"queue {parse_size(queue)}")
        if blackout is not None:
            commands.append(f"blackout {int(blackout)}")
        self._command(way, commands)

    def set_path_mtu(self, size: int, *, icmp: bool = False, way: Way = "both") -> None:
        """Drop packets of more than `size` bytes (0: of none); the devices keep their own MTU.

        They are dropped silently or, with `icmp`, as by a router that says what fits.
        """
        self._command(way, [f"mtu {size}{' icmp' if icmp else ''}"])

    def _command(self, way: Way, commands: Sequence[str]) -> None:
        self.emulator.command(commands if way == "both" else [f"{way} {c}" for c in commands])

    def statistics(self) -> Statistics:
        """The counters since the link was made; after its end, the last ones."""
        return self.emulator.statistics()


class VethPair(NamespacePair):
    """The same two namespaces joined by a veth pair: no rate, no delay, and super-packets."""

    def __init__(self, *, mtu: int = 1500) -> None:
        super().__init__()
        self.mtu = mtu

    def _connect(self, stack: ExitStack) -> None:
        peer = f"peer name {DEVICE} netns {self.server.network}"
        self.client.ip(f"link add name {DEVICE} type veth {peer}")
        for namespace in (self.client, self.server):
            namespace.configure(self.mtu)
