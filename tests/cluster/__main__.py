"""A Samba cluster behind two gateways: what its users see when parts of it die.

    python -m tests.cluster --json FILE
    python -m tests.cluster --short --files folder

Starts on this machine, in namespaces: three nodes with smbd and CTDB on one file system, two
gateways, and the machines of two users, whose connections write and copy all the time. Then a
client moves, gateways and nodes are killed, cut off and drained, and what the connections see is
printed. Takes root, and Debian's packages samba, ctdb and glusterfs-server. Everything that was
started ends with the command, however that ends.

Ends with 1 where something is lost that a cluster has to keep: a record that was acknowledged as
flushed, a copy that is not equal, a connection that does not go on.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.cluster.cluster import running_cluster
from tests.cluster.machines import MachineError
from tests.cluster.run import ClusterReport, run


def leave(number: int, frame: FrameType | None) -> None:
    """End as with Ctrl-C, which cleans up."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--short", action="store_true", help="two minutes of it, without measuring")
    parser.add_argument(
        "--files",
        choices=["gluster", "folder"],
        default="gluster",
        help="GlusterFS with three copies, or one folder of this machine that all nodes share",
    )
    parser.add_argument("--count", type=int, default=3, help="connections of each of the two users")
    parser.add_argument("--json", type=Path, help="write all that was seen to this file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="smbquic-cluster-") as name:
        report = ClusterReport()
        try:
            with running_cluster(Path(name), files=given.files, count=given.count) as cluster:
                run(cluster, report, short=given.short)
        except (MachineError, KeyboardInterrupt) as error:
            print(f"ended early: {str(error) or 'interrupted'}", file=sys.stderr)
            report.faults.append("it ended early")
    if given.json:
        report.load = list(os.getloadavg())
        given.json.write_text(json.dumps(report.report(), indent=1) + "\n")
    print("\n".join(report.faults), end="\n" if report.faults else "")
    return 1 if report.faults else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, leave)
    sys.exit(main(sys.argv[1:]))
