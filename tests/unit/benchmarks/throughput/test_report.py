import pytest

from benchmarks.throughput.report import Results, Sample, Spread, Target, targets


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


@pytest.mark.parametrize(
    ("rate", "at_least", "verdict"),
    [
        (350, True, "met     speed: 350 [350..350], >= 350"),
        (349, True, "MISSED  speed: 349 [349..349], >= 350"),
        (349, False, "met     speed: 349 [349..349], <= 350"),
        (351, False, "MISSED  speed: 351 [351..351], <= 350"),
    ],
)
def test_a_target_is_met_or_missed(rate: float, at_least: bool, verdict: str) -> None:
    target = Target("speed", lambda results: results.spread("tcp", "get", "rate"), 350, at_least)
    assert target.line(Results([sample("tcp", 0, rate)])) == verdict
    assert target.line(Results()) is None


def test_what_the_project_wants_looks_at_the_right_figures() -> None:
    fast = [
        sample("quic-qh3", 0, 400),
        sample("samba-wireguard", 0, 450),
        sample("raw-qh3", 0, 500, way="stream"),
    ]
    lines = [line for target in targets() if (line := target.line(Results(fast)))]
    assert [line.partition(":")[0] for line in lines] == [
        "met     get, qh3, MB/s",
        "MISSED  get, qh3 / its raw stream",
        "met     get, qh3 / Samba in WireGuard",
    ]
