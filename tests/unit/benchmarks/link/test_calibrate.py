from dataclasses import replace

import pytest

from benchmarks.link.calibrate import HEADER, Calibration, arrived, row

GOOD = Calibration(
    round_trip=20_000_000,
    round_trip_measured=20_150_000,
    round_trip_deviation=60_000,
    rate=100_000_000,
    tcp_rate=99_980_000,
    udp_rate=100_003_000,
    loss=0.01,
    lost=102,
    sent=10_000,
    loss_interval=(67.2, 132.8),
    cpu_share=0.35,
    problems=(),
)


def test_the_rate_is_the_median_of_whole_seconds() -> None:
    seconds = [(1.0, 5e6, True), (2.0, 1e6, False), (1.0, 9e6, False), (1.0, 7e6, False)]
    seconds += [(1.001, 8e6, False), (0.05, 99e6, False)]
    report = {
        "intervals": [
            {"sum": {"seconds": length, "bits_per_second": rate, "omitted": omitted}}
            for length, rate, omitted in seconds
        ]
    }
    assert arrived(report) == 8e6


def test_a_link_that_is_as_it_was_set() -> None:
    assert GOOD.wrong == []
    line = row(GOOD)
    assert " ".join(line.split()) == (
        "20ms 20.15ms 60us 100mbit 99.98mbit 100.003mbit 1% 1.02% 0.672% - 1.328% 35% as set"
    )
    assert line.index("35%") + 3 == len(HEADER)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (replace(GOOD, round_trip_measured=20_500_000), "round trip"),
        (replace(GOOD, udp_rate=98_000_000), "rate"),
        (replace(GOOD, lost=133), "loss"),
        (replace(GOOD, lost=67), "loss"),
        (replace(GOOD, problems=("the emulator used 90% of a core",)), "the emulator used"),
    ],
)
def test_what_is_not_as_it_was_set_is_named(wrong: Calibration, name: str) -> None:
    assert len(wrong.wrong) == 1
    assert wrong.wrong[0].startswith(name)
    assert f"wrong: {name}" in row(wrong)
