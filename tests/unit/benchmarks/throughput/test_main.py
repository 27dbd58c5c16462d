"""Which arms are taken, and which of several samples."""

import dataclasses
import subprocess
import sys
from typing import Any, cast

import pytest

from benchmarks.throughput import __main__ as command
from benchmarks.throughput.__main__ import Taker, chosen, measure, parser
from benchmarks.throughput.arms import Arm, all_arms
from benchmarks.throughput.bench import Bench, WrongBytesError


class Loads:
    """Neighbours that are as busy as they are told to be, look after look."""

    def __init__(self, loads: list[float]) -> None:
        self._loads = iter(loads)

    def load(self) -> float:
        return next(self._loads)


def taker(monkeypatch: pytest.MonkeyPatch, loads: list[float], retries: int) -> Taker:
    monkeypatch.setattr(command, "Neighbours", lambda: Loads(loads))
    monkeypatch.setattr(Taker, "_wait", lambda self: None)
    return Taker(cast(Bench, None), patience=0, retries=retries)


def counting(figures: list[float]) -> Arm:
    """An arm that gives these rates, one after the other."""
    rates = iter(figures)
    return Arm("counting", "", lambda bench: {"get": {"rate": next(rates)}}, [])


def test_a_quiet_sample_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = taker(monkeypatch, [0.05], retries=3).take(counting([1.0]), 0)
    assert (sample.figures["get"]["rate"], sample.noisy) == (1.0, False)


def test_noisy_ones_are_taken_again_and_the_least_noisy_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sample = taker(monkeypatch, [0.9, 0.3, 0.6], retries=2).take(counting([1.0, 2.0, 3.0]), 0)
    assert (sample.figures["get"]["rate"], sample.others, sample.noisy) == (2.0, 0.3, True)


def test_a_failure_is_kept_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(bench: Any) -> Any:
        raise WrongBytesError("back")

    monkeypatch.setattr(command, "Neighbours", lambda: Loads([0.0] * 9))
    monkeypatch.setattr(Taker, "_wait", lambda self: None)
    wrong = Arm("wrong", "", fail, [])
    once = dataclasses.replace(counting([1.0, 2.0]), name="once", once=True)
    options = parser().parse_args(["--rounds", "2"])
    results = measure(cast(Bench, None), [wrong, once], options)
    assert results.failures == ["round 0: wrong: back", "round 1: wrong: back"]
    # What shows nothing new is not repeated.
    assert [(sample.arm, sample.round) for sample in results.samples] == [("once", 0)]
    assert "round 0: once: {'get': '1'}" in capsys.readouterr().err


def test_arms_are_chosen_by_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {arm.name for arm in chosen("quic-*,raw-qh3")}
    assert names == {n.name for n in all_arms() if n.name.startswith("quic-")} | {"raw-qh3"}
    assert chosen("pigeon") == []


def test_arms_that_cannot_be_are_left_out_loudly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "all_arms", lambda: [Arm("smbd", "", lambda bench: {}, ["root"])])
    assert chosen("*") == []
    assert capsys.readouterr().err == "without smbd: lacking root\n"


def test_no_such_arm_is_a_mistake() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", "--arms", "pigeon"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "no such arm" in done.stderr
