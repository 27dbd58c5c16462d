"""Counters of the emulator: packets and bytes of each class in each direction, by their fate."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

CLASSES = ("tcp", "quic", "vpn", "other")
# Above this, the emulator may have been what was measured.
CPU_LIMIT = 0.8


@dataclass(frozen=True, slots=True)
class Count:
    """Packets, and the bytes in them from the IP header on."""

    packets: int = 0
    bytes: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.packets + other.packets, self.bytes + other.bytes)

    def __sub__(self, other: "Count") -> "Count":
        return Count(self.packets - other.packets, self.bytes - other.bytes)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Packets that were offered to the link, by what became of them."""

    offered: Count = Count()
    delivered: Count = Count()
    mtu: Count = Count()
    """Dropped: larger than the path's MTU."""
    queue: Count = Count()
    """Dropped: the queue was full."""
    blackout: Count = Count()
    """Dropped: in a blackout."""
    loss: Count = Count()
    """Dropped: by the loss model."""
    write: Count = Count()
    """Dropped: the receiving device did not take it."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From the emulator's JSON."""
        return cls(**{field.name: Count(*document[field.name]) for field in fields(cls)})

    @property
    def in_flight(self) -> Count:
        """Waiting in the queue or travelling."""
        gone = (self.delivered, self.mtu, self.queue, self.blackout, self.loss, self.write)
        return self.offered - sum(gone, Count())

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of the link."""

    ring_drops: int
    """Packets that the kernel dropped before the emulator could read them; -1: not known."""
    queue_bytes: int
    queue_peak_bytes: int
    late: int
    """Packets delivered over a millisecond after their time."""
    latest_ns: int
    icmp_sent: int
    tcp: Traffic
    quic: Traffic
    vpn: Traffic
    other: Traffic

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From the emulator's JSON."""
        classes = {name: Traffic.of(document[name]) for name in CLASSES}
        return cls(**{**document, **classes})

    @property
    def total(self) -> Traffic:
        """All classes together."""
        return self.tcp + self.quic + self.vpn + self.other


@dataclass(frozen=True, slots=True)
class Statistics:
    """The emulator's counters since it started."""

    elapsed_ns: int
    cpu_ns: int
    cpu_share_peak: float
    """The emulator's largest share of a core over a second."""
    scheduling: str
    """How the system schedules the emulator: "fifo" (real time), "nice" or "normal"."""
    up: Direction
    """From the client to the server."""
    down: Direction
    """From the server to the client."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From the emulator's JSON."""
        up, down = Direction.of(document["up"]), Direction.of(document["down"])
        return cls(**{**document, "up": up, "down": down})

    @property
    def cpu_share(self) -> float:
        """The emulator's share of a core, on average."""
        return self.cpu_ns / max(self.elapsed_ns, 1)

    @property
    def in_flight(self) -> Count:
        """Waiting or travelling, in both directions."""
        return self.up.total.in_flight + self.down.total.in_flight

    @property
    def problems(self) -> list[str]:
        """Why a measurement on this link is invalid; empty where it is not."""
        found = []
        for name, direction in (("up", self.up), ("down", self.down)):
            if direction.ring_drops < 0:
                found.append(f"{name}: it is not known what the TUN ring dropped")
            elif direction.ring_drops:
                found.append(f"{name}: {direction.ring_drops} packets dropped by the TUN ring")
            if failed := direction.total.write.packets:
                found.append(f"{name}: {failed} packets not taken by the TUN device")
        # Of less than a second the average says nothing.
        average = self.cpu_share if self.elapsed_ns >= 10**9 else 0.0
        share = max(average, self.cpu_share_peak)
        if share > CPU_LIMIT:
            found.append(f"the emulator used {share:.0%} of a core")
        return found
