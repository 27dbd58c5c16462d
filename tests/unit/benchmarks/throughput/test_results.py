import json
from pathlib import Path

import pytest

from benchmarks.documents import DocumentError
from benchmarks.throughput.results import Results, Sample, Spread


def sample(arm: str, number: int, rate: float, *, others: float = 0.0, way: str = "get") -> Sample:
    return Sample(arm, number, others, {way: {"rate": rate}})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((3.0,), "3 [3..3]"),
        ((1.0, 0.25, 2.5), "1 [0.25..2.5]"),
        # Of an even number the middle lies between two.
        ((100.0, 350.0), "225 [100..350]"),
    ],
)
def test_a_spread_has_the_middle_the_least_and_the_most(
    values: tuple[float, ...], text: str
) -> None:
    assert str(Spread(values)) == text


def test_a_figure_is_taken_over_all_rounds() -> None:
    results = Results([sample("tcp", 0, 500), sample("tcp", 1, 700), sample("quic-qh3", 0, 1)])
    spread = results.spread("tcp", "get", "rate")
    assert spread is not None
    assert (spread.values, spread.median) == ((500, 700), 600)
    assert results.spread("tcp", "put", "rate") is None
    assert results.spread("samba", "get", "rate") is None


def test_ratios_are_of_the_same_round() -> None:
    ours = [sample("quic-qh3", n, rate) for n, rate in ((0, 100), (1, 300), (2, 90))]
    theirs = [sample("samba-wireguard", n, rate) for n, rate in ((1, 200), (0, 100))]
    ratio = Results([*ours, *theirs]).ratio(
        ("quic-qh3", "get", "rate"), ("samba-wireguard", "get", "rate")
    )
    assert ratio is not None
    assert ratio.values == (1.0, 1.5)
    assert Results(ours).ratio(("quic-qh3", "get", "rate"), ("tcp", "get", "rate")) is None


def test_the_table_says_what_was_measured_and_what_was_noisy() -> None:
    results = Results([sample("tcp", 0, 123.4), sample("tcp", 1, 456.7, others=0.3)])
    head, line = results.lines({"tcp": "SMB over TCP", "smbprotocol": "was not measured"})
    assert head.split() == ["tcp", "get", "SMB", "over", "TCP", "(1", "of", "2", "noisy)"]
    assert line.split() == ["290", "[123..457]", "MB/s"]


def test_a_saved_result_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    results = Results([sample("tcp", 0, 123.4, others=0.3)], ["round 0: idle-tcp: ended"])
    results.save(file, {"networks": ["loopback"]})
    assert json.loads(file.read_text())["networks"] == ["loopback"]
    again = Results.load(file)
    assert (again.samples, again.failures) == (results.samples, results.failures)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"samples": [1], "failures": []}'])
def test_what_is_no_result_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(text)
    with pytest.raises(DocumentError, match=r"result\.json holds no result"):
        Results.load(file)
