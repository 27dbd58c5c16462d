"""Attacks in small: `python -m tests.flood` has all of them, in earnest."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import pytest

import smbquic
from smbquic.transport.quic import client
from smbquic.transport.quic.udp import UdpEndpoint
from tests.flood import cost
from tests.flood.__main__ import lines, table
from tests.flood.attack import DATAGRAMS
from tests.flood.common import BYTES
from tests.flood.run import (
    AttackedServer,
    AttackPlan,
    Gains,
    attacking,
    percentile,
    run,
    served,
    target_of,
)
from tests.interop.processes import PASSWORD, SHARE


@pytest.fixture(scope="module", params=["", "serve"], ids=["server", "gateway"])
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AttackedServer]:
    """A server, or a gateway to one."""
    plan = AttackPlan("none", backend=request.param)
    with served(plan, tmp_path_factory.mktemp("flood")) as found:
        yield found
        if found.backend is not None:
            assert found.backend.end().faults == []


class WatchedCounts(Counter[str]):
    """Says when enough was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.enough = asyncio.Event()

    def __setitem__(self, key: str, value: int) -> None:
        super().__setitem__(key, value)
        if key in ("packets", "datagrams") and value > 8:
            self.enough.set()


@pytest.mark.parametrize("attack", DATAGRAMS)
async def test_datagrams_are_sent_and_the_server_lives(
    attack: str, found: AttackedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Attackers replace it, in a process of their own.
    monkeypatch.setattr(client, "UdpEndpoint", UdpEndpoint)
    target = target_of(AttackPlan(attack, rate=500, count=4), found)
    counts = WatchedCounts()

    async def begin() -> None:
        pass

    async def run_attack() -> None:
        await DATAGRAMS[attack](target, counts, begin)

    under_way = asyncio.create_task(run_attack())
    enough = asyncio.create_task(counts.enough.wait())
    await asyncio.wait({under_way, enough}, return_when=asyncio.FIRST_COMPLETED)
    assert not under_way.done()
    under_way.cancel()
    await asyncio.wait({under_way})

    assert counts[BYTES] > 0
    assert " ERROR " not in found.server.log.read_text()
    url = f"smb+quic://{found.user}@127.0.0.1:{found.server.ports['quic']}/{SHARE}"
    async with smbquic.connect(url, password=PASSWORD, ca=found.server.pki.ca) as share:
        assert await share.read_bytes("small") == b"content"


def test_passwords_are_guessed(found: AttackedServer) -> None:
    plan = AttackPlan("passwords", seconds=3, rate=50, count=20)
    with attacking(plan, found) as attackers:
        attackers.start()
        sent = json.loads(attackers.read_line())

    assert sent["guesses"] > 0


@pytest.mark.parametrize("backend", ["", "serve"], ids=["server", "gateway"])
def test_what_came_of_an_attack_is_told(backend: str) -> None:
    transports = ("quic",) if backend else ("quic", "tcp")
    plan = AttackPlan(
        *("mixed-packets", "auto", backend, transports),
        seconds=1.5,
        quiet=0.2,
        rate=100,
        count=50,
        settle=0.1,
    )
    outcome = run(plan)

    assert outcome.sent["packets"] > 0
    # Kernels count a little behind, so that what was resident once may be more than the most.
    assert 0 < outcome.memory[0] * 0.9 < outcome.memory[1] < outcome.memory[2]
    assert outcome.errors == []
    assert any(line.startswith("  memory:") for line in lines(outcome))
    if backend:
        assert outcome.behind is not None
        assert outcome.behind.faults == []
        assert outcome.behind.commands.keys() == {"0", "1"}
        assert outcome.behind.logged_on > 0
    _, line = table([outcome])
    assert line.split()[:2] == ["mixed-packets", "auto"]
    assert json.loads(json.dumps(outcome.report()))["plan"]["attack"] == "mixed-packets"


def test_what_a_byte_of_an_attack_costs() -> None:
    measured = cost.measure("initial-fragments", "aioquic", seconds=0.5, rate=100)

    assert measured.bytes >= 1200
    assert measured.report()["of_byte"] * measured.bytes == pytest.approx(measured.seconds)


def test_what_an_honest_client_got() -> None:
    def turn(kind: str, begin: float, amount: float, *times: float) -> dict[str, object]:
        return {"kind": kind, "begin": begin, "end": begin + 1, "amount": amount, "times": times}

    turns = [
        turn("get", 1, 100, 0.5, 0.5),
        turn("get", 5, 900, 1.0),
        turn("small", 2, 8, 0.3, 0.7),
        turn("page", 3, 3, 0.1, 0.2, 0.4),
        turn("visit", 3.5, 1, 0.2),
        turn("lost", 3.6, 1),
    ]

    assert Gains.between(1, 4, turns) == Gains(
        get=100, small=8, worst=0.7, page=0.4, visits=1, visited=1, lost=1
    )
    assert percentile([float(number) for number in range(100, 0, -1)], 0.99) == 100
    assert percentile([float(number) for number in range(1000, 0, -1)], 0.99) == 991
    assert percentile([], 0.99) == 0
