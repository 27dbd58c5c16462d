"""The links of the method, by name: ``20ms-100mbit``, ``20ms-100mbit-1%``, ``...-burst1%``."""

from dataclasses import dataclass

from benchmarks.link import Link, Loss, Ports
from benchmarks.link.units import format_rate, parse_rate, parse_share, parse_time
from benchmarks.ports import QUIC_PORT, VPN_PORT

BURST = 4.0
"""Packets in a row that the burst model loses on average."""
RATED = ("20ms-100mbit", "50ms-50mbit", "100ms-20mbit", "200ms-10mbit")
LAN = "1ms-unlimited"
LOSSES = ("0.1%", "1%", "2%", "3%", "burst1%")


@dataclass(frozen=True, slots=True)
class LinkChoice:
    """A link as it is named: `round_trip` in nanoseconds, `rate` in bits per second (0: none)."""

    name: str
    round_trip: int
    rate: int
    loss: Loss
    queue: str = "1bdp"

    @classmethod
    def parse(cls, name: str) -> "LinkChoice":
        """RTT-RATE[-LOSS][-QUEUE], as ``50ms-50mbit-1%-0.5bdp``. Raises `ValueError`."""
        round_trip, _, rest = name.partition("-")
        rate, *more = rest.split("-")
        loss, queue = Loss.random(0), "1bdp"
        for part in more:
            if part.endswith("bdp"):
                queue = part
            elif part.startswith("burst"):
                loss = Loss.bursts(parse_share(part.removeprefix("burst")), BURST)
            else:
                loss = Loss.random(parse_share(part))
        if not rate:
            raise ValueError(f"{name!r} is no link: write RTT-RATE, as 50ms-50mbit-1%")
        return cls(name, parse_time(round_trip), parse_rate(rate), loss, queue)

    @property
    def title(self) -> str:
        """For people."""
        loss = f", {self.loss.mean:.1%} loss" if self.loss.mean else ", no loss"
        if self.loss.good_to_bad:
            loss += " in bursts"
        rate = format_rate(self.rate).replace("mbit", " Mbit/s").replace("gbit", " Gbit/s")
        queue = "" if self.queue == "1bdp" else f", queue {self.queue}"
        return f"{self.round_trip / 1e6:g} ms, {rate}{loss}{queue}"

    def make(self, seed: int) -> Link:
        """The link, with this seed for its losses."""
        return Link(
            rate=self.rate,
            delay=self.round_trip / 2 / 10**9,
            loss=self.loss,
            queue=self.queue,
            seed=seed,
            ports=Ports(quic=(QUIC_PORT,), vpn=(VPN_PORT,)),
        )
