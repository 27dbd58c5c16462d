from smbquic.observe.histogram import Histogram


def test_a_time_is_counted_at_the_first_bound_that_it_does_not_exceed() -> None:
    found = Histogram((0.1, 1.0))
    for seconds in (0.0, 0.1, 0.2, 1.0, 1.5, 99.0):
        found.add(seconds)
    assert found.counts == [2, 2, 2]
    assert found.count == 6
    assert found.total == 101.8


def test_there_are_none_at_first() -> None:
    assert (Histogram((1.0,)).counts, Histogram((1.0,)).count) == ([0, 0], 0)
