"""Samples over time stay bounded, and are read on from where a reader stopped."""

from smbquic.observe import time_series as module
from smbquic.observe.time_series import Ring, TimeSeries


def test_a_reader_goes_on_where_it_stopped() -> None:
    ring = Ring(1, 10)
    assert ring.after(0) == {"interval": 1, "first": 1, "times": [], "values": []}
    for number in range(3):
        ring.add(100.0 + number, (float(number), None))
    assert ring.after(0)["values"] == [(0.0, None), (1.0, None), (2.0, None)]
    assert ring.after(2) == {"interval": 1, "first": 3, "times": [102.0], "values": [(2.0, None)]}
    assert ring.after(3)["values"] == []
    assert ring.after(3)["first"] == 4


def test_a_reader_of_a_server_that_was_restarted_begins_anew() -> None:
    ring = Ring(1, 10)
    ring.add(1.0, (1.0,))
    assert ring.after(500)["first"] == 1
    assert ring.after(500)["times"] == [1.0]


def test_the_oldest_samples_go() -> None:
    series = TimeSeries(["a"])
    for number in range(module.SECONDS + 5):
        series.add(float(number), (1.0,))
    found = series.seconds.after(0)
    assert (len(found["times"]), found["first"]) == (module.SECONDS, 6)


def test_a_minute_is_the_mean_of_its_seconds() -> None:
    series = TimeSeries(["rate", "latency"])
    for number in range(130):
        series.add(float(number), (float(number), 4.0 if number == 7 else None))
    found = series.minutes.after(0)
    assert found["times"] == [59.0, 119.0]
    assert found["values"] == [(29.5, 4.0), (89.5, None)]
