"""What is done over each arm, once per visit, each on a connection of its own."""

from benchmarks.works.base import Figures, Metric, Work
from benchmarks.works.connecting import AddressChange, Connect
from benchmarks.works.moving import BulkRead, BulkWrite, SmallRead, SmallWrite
from benchmarks.works.sharing import AgainstTcp, Competing, LoadedLatency
from benchmarks.works.small import Listing, RandomRead, StatStorm

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

__all__ = ["ALL", "Figures", "Metric", "Work"]
