"""The works that are done over each arm, once per visit, each on a connection of its own."""

from benchmarks.comparison.works.base import Metric, Work
from benchmarks.comparison.works.connecting import AddressChange, Connect
from benchmarks.comparison.works.moving import BulkRead, BulkWrite, SmallRead, SmallWrite
from benchmarks.comparison.works.sharing import AgainstTcp, Competing, LoadedLatency
from benchmarks.comparison.works.small import Listing, RandomRead, StatStorm

DEPTHS = (1, 4, 16)
LISTINGS = (10, 100, 1000, 10_000)
ALL: dict[str, Work] = {
    work.name: work
    for work in (
        Connect("connect", "connect for the first time"),
        Connect("connect-again", "connect once more (not resumed)"),
        Connect("connect-resumed", "connect once more (session resumed)", resumed=True),
        BulkWrite(),
        BulkRead(),
        SmallWrite(),
        SmallRead(),
        *(Listing(count) for count in LISTINGS),
        StatStorm(),
        *(RandomRead(depth) for depth in DEPTHS),
        LoadedLatency(),
        Competing(),
        AgainstTcp(),
        AddressChange(),
    )
}

__all__ = ["ALL", "Metric", "Work"]
