"""The networks without a limit: a veth pair between two namespaces, or this machine's loopback."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.link import Host, LinkUnavailable, VethPair

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class FastNetwork:
    """A client's host and a server's, joined with nothing in between."""

    client: Host
    server: Host
    name: str

    def pinned(self) -> "FastNetwork":
        """Return the same network with each end on a core of its own, where there are two."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return self
        return FastNetwork(self.client.pinned(cores[1]), self.server.pinned(cores[0]), self.name)


@contextmanager
def fast_network(mtu: int) -> Iterator[FastNetwork]:
    """Join two namespaces by a veth pair of this MTU; use loopback where there are none."""
    with ExitStack() as stack:
        try:
            pair = stack.enter_context(VethPair(mtu=mtu))
        except LinkUnavailable as error:
            print(f"on loopback instead of a veth pair: {error}", file=sys.stderr)
            yield FastNetwork(Host("client", LOOPBACK), Host("server", LOOPBACK), "loopback")
        else:
            yield FastNetwork(pair.client, pair.server, f"veth, MTU {mtu}")
