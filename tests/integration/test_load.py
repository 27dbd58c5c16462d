"""Many clients at once, in small: `python -m tests.load` does it for as long as one likes."""

from pathlib import Path
from time import sleep

import pytest

from smbquic.pki import PkiDirectory
from tests.engines import ENGINES
from tests.interop.processes import running_server
from tests.load import gateways, memory
from tests.load.gateways import GatewayPlan
from tests.load.run import LoadPlan, run


def test_nothing_differs(tmp_path: Path, pki: PkiDirectory) -> None:
    plan = LoadPlan(clients=20, operations=15, seconds=600.0, seed=7)
    with running_server(tmp_path, pki) as server:
        outcome = run(plan, server)
    assert outcome.differences == []
    assert outcome.operations == 20 * 15


@pytest.mark.parametrize("engine", ENGINES)
def test_memory_comes_back_after_a_crowd(tmp_path: Path, pki: PkiDirectory, engine: str) -> None:
    """Clients that moved 8 MiB each cost little while they are there, and nothing afterwards."""
    crowd = memory.Crowd(clients=40, active=4, size=8 << 20)
    with running_server(tmp_path, pki, "--engine", engine) as server:
        before = server.memory()
        [most] = memory.peaks(server, crowd, count=1)
        # Of 40 clients with 16 MiB each. Most of it is what the cores of qh3 share for sending.
        assert most - before < 288 << 20
        for _ in range(600):
            if server.memory() - before < 32 << 20:
                break
            sleep(0.1)
        assert server.memory() - before < 32 << 20


def test_clients_of_two_gateways_when_one_of_three_servers_is_killed() -> None:
    plan = GatewayPlan(clients=60, processes=1, newcomers=4)
    result = gateways.run(plan)
    assert result.faults == []
    assert result.clients_of == {0: 20, 1: 20, 2: 20}
    assert (result.ended, result.untouched) == (20, 40)
    assert result.newcomers_of.total() == 8
    assert result.killed not in result.newcomers_of
    assert len(list(gateways.lines(plan, result))) == 9
