"""The command line of the soak."""

from pathlib import Path

import pytest

from benchmarks.soak import __main__ as soak_command
from benchmarks.soak.__main__ import line, main, parser, plan_of
from benchmarks.soak.plan import TRANSPORTS
from tests.unit.benchmarks.soak.build import results, sample


@pytest.fixture(autouse=True)
def no_native_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the engine native not installed, as it is optional."""
    missing = {"native": ["the engine native is not installed"]}
    monkeypatch.setattr(soak_command, "missing_engine", lambda engine: missing.get(engine, []))


def test_an_hour_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_command, "missing_engine", lambda _: [])
    plan = plan_of(parser().parse_args([]))
    assert (plan.seconds, plan.rate, plan.interval) == (3600.0, 150.0, 10.0)
    assert plan.transports == plan.killed == TRANSPORTS


def test_an_engine_that_is_not_installed_takes_no_part() -> None:
    plan = plan_of(parser().parse_args([]))
    assert plan.transports == plan.killed == ("quic-qh3", "quic-aioquic", "tcp")


def test_some_of_it() -> None:
    given = ["--minutes", "0.1", "--transports", "quic-*", "--kill", "none", "--sessions", "2"]
    plan = plan_of(parser().parse_args(given))
    assert plan.transports == ("quic-qh3", "quic-aioquic")
    assert (plan.killed, plan.sessions) == ((), 2)
    assert plan.kill_interval == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("--transports", "quic-native"),
            "no such transport: there are quic-qh3, quic-aioquic, tcp",
        ),
        (("--rate", "0"), "above 0"),
        (("--minutes", "-1"), "above 0"),
    ],
)
def test_mistakes(given: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_how_it_goes() -> None:
    figures = {"rate": 7.0, "failures": 2.0, "p50": 0.0015, "p99": 0.02}
    shown = line(sample(60.0, transports={"tcp": figures, "quic-qh3": {**figures, "p50": 0.0}}))
    assert shown.startswith("    60 s    14/s 4 failed, 100.0 MiB, 20 fds, 0 sessions")
    assert "p50/p99 ms: tcp 1.5/20; processors 0.25+0.50, others 0.10" in shown


def test_results_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, charts = tmp_path / "result.json", tmp_path / "charts"
    results().save(file, {})
    assert main(["--show", str(file), "--charts", str(charts)]) == 0
    shown = capsys.readouterr().out
    assert "met    locks given back" in shown
    assert f"{charts / 'memory.svg'}\n" in shown
    slow = results(slower=3.0)
    slow.save(file, {})
    assert main(["--show", str(file)]) == 1
    slow.interrupted = True
    slow.save(file, {})
    assert main(["--show", str(file)]) == 130


def test_what_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--show", str(tmp_path / "none.json")])
    assert ended.value.code == 2
    assert "holds no result" in capsys.readouterr().err
