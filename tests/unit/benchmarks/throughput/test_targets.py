import pytest

from benchmarks.throughput.results import Results, Sample
from benchmarks.throughput.targets import Target, targets


def sample(arm: str, rate: float, way: str = "get") -> Sample:
    return Sample(arm, 0, 0.0, {way: {"rate": rate}})


@pytest.mark.parametrize(
    ("rate", "at_least", "outcome"),
    [
        (350, True, "met     speed: 350 [350..350], >= 350"),
        (349, True, "MISSED  speed: 349 [349..349], >= 350"),
        (349, False, "met     speed: 349 [349..349], <= 350"),
        (351, False, "MISSED  speed: 351 [351..351], <= 350"),
    ],
)
def test_a_target_is_met_or_missed(rate: float, at_least: bool, outcome: str) -> None:
    target = Target("speed", lambda results: results.spread("tcp", "get", "rate"), 350, at_least)
    assert target.line(Results([sample("tcp", rate)])) == outcome
    assert target.line(Results()) is None


def test_what_the_project_wants_looks_at_the_right_figures() -> None:
    fast = [
        sample("quic-qh3", 400),
        sample("samba-wireguard", 450),
        sample("raw-qh3", 500, way="stream"),
    ]
    lines = [line for target in targets() if (line := target.line(Results(fast)))]
    assert [line.partition(":")[0] for line in lines] == [
        "met     get, qh3, MB/s",
        "MISSED  get, qh3 / its raw stream",
        "met     get, qh3 / Samba in WireGuard",
    ]
