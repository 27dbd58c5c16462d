"""Sums over all connections and files, made in slices, so that clients need not wait for them."""

from collections import Counter
from collections.abc import Collection
from dataclasses import field

from smbquic.gateway.connection import GatewayConnection
from smbquic.gateway.gateway import Gateway
from smbquic.lazy_dataclass import dataclass
from smbquic.overload.slices import Slices
from smbquic.server.connection import ServerConnection
from smbquic.server.server import Server


@dataclass(slots=True)
class ConnectionSums:
    """What all connections have together.

    `lost_packets` are also those of connections that have ended. `credits` are those that clients
    hold. `round_trips` are in seconds, `windows` are congestion windows in bytes, of QUIC only.
    """

    transports: Counter[str] = field(default_factory=lambda: Counter(quic=0, tcp=0))
    lost_packets: int = 0
    credits: int = 0
    round_trips: list[float] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)


async def sums_of(service: Server | Gateway) -> ConnectionSums:
    """Return the sums over all connections that there are now."""
    # Both before anything else runs: a connection that ends meanwhile must not count twice, as a
    # counter that goes down looks like one of a server that was started again.
    connections: list[ServerConnection | GatewayConnection] = list(service.connections)
    sums = ConnectionSums(lost_packets=service.lost_packets)
    slices = Slices()
    for connection in connections:
        await slices.step()
        path = connection.transport.statistics()
        sums.transports[connection.transport.peer.kind] += 1
        sums.lost_packets += path.lost_packets or 0
        if path.round_trip is not None:
            sums.round_trips.append(path.round_trip)
        if path.congestion_window is not None:
            sums.windows.append(path.congestion_window)
        if isinstance(connection, ServerConnection):
            sums.credits += connection.protocol.credits_held
    return sums


async def count_locks(server: Server) -> int:
    """Return how many byte ranges are locked."""
    locks = 0
    slices = Slices()
    for state in server.files.states():
        await slices.step()
        locks += len(state.locks)
    return locks


def spread(values: Collection[float]) -> dict[str, float]:
    """Return the median, the value that one in ten exceeds, and the largest one."""
    if not values:
        return {}
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "median": ordered[last // 2],
        "p90": ordered[last * 9 // 10],
        "max": ordered[last],
    }
