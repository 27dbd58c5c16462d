"""An emulated network link between two namespaces, for measurements and tests that need one.

    with Link(rate="20mbit", delay="50ms", loss="1%", seed=1) as link:
        server = link.server.popen(["iperf3", "--server", "--one-off"])
        link.server.wait_for_port(("tcp", 5201))
        link.client.run(["iperf3", "--client", link.server.address])
        print(link.statistics().up.tcp)

`VethPair` is the same without an emulator. On the command line: ``python -m benchmarks.link``.
"""

from benchmarks.link.counters import Count, Direction, Statistics, Traffic
from benchmarks.link.errors import LinkError, LinkUnavailable
from benchmarks.link.host import Host, Network
from benchmarks.link.link import Delay, Link, Ports, Settings, VethPair
from benchmarks.link.loss import Loss
from benchmarks.link.namespaces import Namespace, NamespacePair, remove_leftovers

__all__ = [
    "Count",
    "Delay",
    "Direction",
    "Host",
    "Link",
    "LinkError",
    "LinkUnavailable",
    "Loss",
    "Namespace",
    "NamespacePair",
    "Network",
    "Ports",
    "Settings",
    "Statistics",
    "Traffic",
    "VethPair",
    "remove_leftovers",
]
