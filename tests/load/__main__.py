"""Many clients do random things on one share, and everything is compared with models.

    python -m tests.load --clients 200 --seconds 60 --seed 1

Ends with 1 if the server differs from the models anywhere.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from smbquic.pki import init
from tests.interop.processes import running_server
from tests.load.run import LoadPlan, lines, run


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--operations", type=int, default=1 << 30, help="of each client, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--transport", choices=["tcp", "quic", "both"], default="both")
    given = parser.parse_args()
    transports = ("tcp", "quic") if given.transport == "both" else (given.transport,)
    plan = LoadPlan(
        given.clients, given.processes, given.seconds, given.operations, given.seed, transports
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_server(folder, init(folder / "pki")) as server:
            before = server.memory()
            outcome = run(plan, server)
            memory = (before, server.memory(), server.peak_memory())
            print("\n".join(lines(plan, outcome, memory)))
            if outcome.differences:
                print(server.log.read_text()[-4000:], file=sys.stderr)
    return 1 if outcome.differences else 0


if __name__ == "__main__":
    sys.exit(main())
