"""Many clients at once, in small: `python -m tests.load` does it for as long as one likes."""

from pathlib import Path

from smbquic.pki import PkiDirectory
from tests.interop.processes import running_server
from tests.load.run import Plan, run


def test_nothing_differs(tmp_path: Path, pki: PkiDirectory) -> None:
    plan = Plan(clients=20, operations=15, seconds=600.0, seed=7)
    with running_server(tmp_path, pki) as server:
        outcome = run(plan, server)
    assert outcome.differences == []
    assert outcome.operations == 20 * 15
