"""Which arms are taken, and which of several samples."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.arms.smb import SmbArm
from benchmarks.link import Host
from benchmarks.programs import ProgramError
from benchmarks.throughput import __main__ as command
from benchmarks.throughput.__main__ import Taker, chosen, main, measure, parser
from benchmarks.throughput.bench import Bench, Figures
from benchmarks.throughput.measurements import Measurement, all_measurements
from benchmarks.throughput.networks import FastNetwork
from benchmarks.workspace import Sizes, Workspace
from smbquic.pki import PkiDirectory

ROOT = Path(__file__).parents[4]
PUBLISHED = sorted((ROOT / "benchmarks" / "results").glob("*/throughput/*.json"))
NETWORK = FastNetwork(Host("client", "127.0.0.1"), Host("server", "127.0.0.1"), "loopback")
ARM = SmbArm(name="tcp", title="", transport="tcp", tcp=None)


class Loads:
    """Other processes that are as busy as the test says, call after call."""

    def __init__(self, loads: Sequence[float]) -> None:
        self._loads = iter(loads)

    def load(self) -> float:
        return next(self._loads)


@pytest.fixture
def bench(tmp_path: Path, pki: PkiDirectory) -> Bench:
    """A bench on which nothing is measured."""
    workspace = Workspace(tmp_path, pki, "", Sizes(bulk=0))
    return Bench(
        ordinary=NETWORK, jumbo=NETWORK, workspace=workspace, seconds=1, operations=1, connections=1
    )


def be_quiet(monkeypatch: pytest.MonkeyPatch, loads: Sequence[float]) -> None:
    """Let others be so busy, and nobody wait for them."""
    monkeypatch.setattr(command, "OtherProcesses", lambda: Loads(loads))
    monkeypatch.setattr(Taker, "_wait", lambda self: None)


def counting(rates: Sequence[float]) -> Measurement:
    """A measurement that gives these rates, one after the other."""
    left = iter(rates)

    def figures(*_: object) -> dict[str, Figures]:
        return {"get": {"rate": next(left)}}

    return Measurement("counting", "", figures, ARM)


def test_a_quiet_sample_is_taken_at_once(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    be_quiet(monkeypatch, [0.05])
    sample = Taker(bench, patience=0, retries=3).take(counting([1.0]), 0)
    assert (sample.figures["get"]["rate"], sample.noisy) == (1.0, False)


def test_noisy_ones_are_taken_again_and_the_least_noisy_stays(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    be_quiet(monkeypatch, [0.9, 0.3, 0.6])
    sample = Taker(bench, patience=0, retries=2).take(counting([1.0, 2.0, 3.0]), 0)
    assert (sample.figures["get"]["rate"], sample.others, sample.noisy) == (2.0, 0.3, True)


def test_a_failure_is_kept_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bench: Bench
) -> None:
    def fail(*_: object) -> dict[str, Figures]:
        raise ProgramError("got: the hash differs")

    be_quiet(monkeypatch, [0.0] * 9)
    wrong = Measurement("wrong", "", fail, ARM)
    once = replace(counting([1.0, 2.0]), name="once", once=True)
    options = parser().parse_args(["--rounds", "2"])
    results = measure(bench, [wrong, once], options)
    assert results.failures == [f"round {n}: wrong: got: the hash differs" for n in (0, 1)]
    # What shows nothing new is not repeated.
    assert [(sample.arm, sample.round) for sample in results.samples] == [("once", 0)]
    assert "round 0: once: {'get': '1'}" in capsys.readouterr().err


def test_arms_are_chosen_by_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever this machine has.
    monkeypatch.setattr(Measurement, "missing", lambda self: [])
    names = {one.name for one in chosen("quic-*,raw-qh3")}
    ours = {one.name for one in all_measurements() if one.name.startswith("quic-")}
    assert names == ours | {"raw-qh3"}
    assert chosen("pigeon") == []


def test_arms_that_cannot_be_are_left_out_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Measurement, "missing", lambda self: ["smbd is not installed"])
    assert chosen("samba") == []
    assert capsys.readouterr().err == "without samba: smbd is not installed\n"


def test_no_such_arm_is_a_mistake() -> None:
    for program in (("benchmarks.throughput",), ("benchmarks", "throughput")):
        done = subprocess.run(
            [sys.executable, "-m", *program, "--arms", "pigeon"], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "no such arm" in done.stderr


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_published_results_can_be_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--show", str(file)]) == 0
    shown = capsys.readouterr().out
    units = ("MB/s", "us, p50", "KiB, server, for each", "CPU us each, server")
    assert any(unit in shown for unit in units)


def test_results_are_published() -> None:
    assert PUBLISHED


def test_what_is_no_result_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--show", str(tmp_path / "none.json")])
    assert ended.value.code == 2
    assert "none.json holds no result" in capsys.readouterr().err
