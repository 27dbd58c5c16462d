"""A whole run of the benchmark: killed in the middle, taken up again, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.arms import ALL
from benchmarks.comparison import runner
from benchmarks.comparison.plan import Visit
from benchmarks.comparison.profiles import Leg
from benchmarks.comparison.report import checks
from benchmarks.comparison.results import SAMPLES, cells, load
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.link import remove_leftovers
from benchmarks.workspace import Sizes, Workspace, remove_leftover_files, temporary_workspace

pytestmark = pytest.mark.usefixtures("network_namespaces")

ARMS = ("tcp-encrypted", "quic-aioquic")
MTU = 1500


def start(out: Path) -> "subprocess.Popen[str]":
    """A run of two arms on a link without a rate."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks", "run", "--arms", ",".join(ARMS)),
            *("--links", "2ms-unlimited", "--out", str(out), "--seed", "5"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_goes_on_and_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with start(out) as killed:
        deadline = time.monotonic() + 120
        while not (out / SAMPLES).exists() and killed.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    first = (out / SAMPLES).read_text().splitlines()[0]

    with start(out) as again:
        output, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert "removed what a killed run had left" in errors
    assert "tcp-encrypted |" in output
    assert (out / SAMPLES).read_text().splitlines()[0] == first
    # What the killed run left would be found by whoever comes next.
    assert remove_leftovers() == remove_leftover_files() == []

    result = load(out)
    assert result["seed"] == 5
    assert sorted(result["arms"]) == sorted(ARMS)
    found = cells(result)
    for arm in ARMS:
        for work in result["legs"][0]["works"]:
            if not WORKS[work].suits(ALL[arm]):
                continue
            cell = found["2ms-unlimited", work, arm]
            assert (sorted(cell.samples), cell.invalid) == ([1, 2, 3], [])
        connects = found["2ms-unlimited", "connect", arm].samples.values()
        assert all(figures["round_trips"] >= 4 for figures in connects)
    bulk = found["2ms-unlimited", "bulk-read", "quic-aioquic"].samples[1]
    assert bulk["wire"]["down"]["delivered_bytes"] > bulk["bytes"] > 1 << 20
    summary = json.loads((out / "summary.json").read_text())
    assert summary["invalid_visits"] == 0
    assert (out / "report.html").exists()


LEG = Leg(
    "5ms-100mbit",
    ("connect", "bulk-write", "bulk-read", "against-tcp"),
    Sizes(bulk=2 << 20, listings=()),
)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    with temporary_workspace(LEG.sizes, seed=1) as made:
        yield made


# The two of the whole run, and the same program once more, need no turn of their own.
@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith(ARMS)])
def test_every_other_arm_works(name: str, workspace: Workspace) -> None:
    arm = ALL[name]
    if lacking := arm.missing():
        if os.environ.get("CI") and "kernel" not in lacking[0]:
            pytest.fail(lacking[0])
        pytest.skip(lacking[0])
    visit = runner.make(Visit(LEG.link, 1, arm.name), LEG, workspace, seed=1)
    assert visit["problems"] == []
    assert list(visit["works"]) == [n for n in LEG.works if arm.works is None or n in arm.works]
    for work in visit["works"].values():
        assert work["problems"] == []
        passed = sum(way["delivered_bytes"] for way in work["figures"]["wire"].values())
        assert passed > work["figures"].get("bytes", 500)
        assert set(work["figures"]["sent_again"]) == {"client", "server"}
    for work, way in checks.BULK.items():
        if work in visit["works"]:
            figures = visit["works"][work]["figures"]
            carried = figures["wire"][way]["delivered_bytes"]
            assert figures["bytes"] / carried < arm.header_share(work)
            # Some packets are not full; and a busy machine has more of them sent again.
            again = figures["sent_again"]["client" if way == "up" else "server"] * MTU
            assert figures["bytes"] / (carried - again) > 0.95 * arm.header_share(work)
    if arm.works is None:
        assert 0 < visit["works"]["against-tcp"]["figures"]["share"] < 1


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    def fails(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 2
        return done.stderr

    assert "no such arm: pigeon" in fails("run", "--arms", "pigeon")
    assert "is no rate" in fails("run", "--links", "20ms-fast")
    assert "holds no result" in fails("report", str(tmp_path))


ORDINARY_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
VISITS = """
import json
from benchmarks.comparison import runner
from benchmarks.workspace import Sizes, temporary_workspace
from benchmarks.comparison.plan import Visit
from benchmarks.comparison.profiles import Leg

leg = Leg("5ms-100mbit", ("connect", "bulk-read"), Sizes(bulk=1 << 20, listings=()))
with temporary_workspace(leg.sizes, seed=1) as workspace:
    visits = [Visit(leg.link, 1, arm) for arm in ("tcp", "quic-qh3", "vpn-model")]
    print(json.dumps([runner.make(visit, leg, workspace, seed=1) for visit in visits]))
"""


def test_it_works_without_root_and_says_what_does_not() -> None:
    possible = subprocess.run([*ORDINARY_USER, "unshare", "-Urn", "true"], capture_output=True)
    if possible.returncode:
        pytest.skip("ordinary users may not make user namespaces here")
    done = subprocess.run(
        [*ORDINARY_USER, sys.executable, "-c", VISITS], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for visit in json.loads(done.stdout):
        assert visit["problems"] == []
        assert [work["problems"] for work in visit["works"].values()] == [[], []]
    doctor = subprocess.run(
        [*ORDINARY_USER, sys.executable, "-m", "benchmarks", "doctor"],
        capture_output=True,
        text=True,
    )
    assert "ok   link" in doctor.stdout
    for arm in ("samba-tcp", "openvpn", "ipsec"):
        assert f"NO   {arm}: " in doctor.stdout
