import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import estimate, jain, noise_floor, paired_ratio, quantile, slope

SAMPLES = st.lists(st.floats(1, 1e9), min_size=1, max_size=20)


@given(SAMPLES)
def test_the_median_lies_in_its_interval_and_that_among_the_samples(samples: list[float]) -> None:
    found = estimate(samples, resamples=200)
    assert found.median == statistics.median(samples)
    assert min(samples) <= found.low <= found.high <= max(samples)
    assert found.count == len(samples)


def test_an_interval_is_the_same_each_time() -> None:
    samples = [1.0, 4.0, 2.0, 8.0, 5.0]
    assert estimate(samples) == estimate(samples)


def test_equal_samples_have_no_spread() -> None:
    found = estimate([3.0] * 5)
    assert (found.low, found.high, found.spread) == (3.0, 3.0, 0.0)


def test_more_samples_narrow_the_interval() -> None:
    few = estimate([float(n % 5) for n in range(5)])
    many = estimate([float(n % 5) for n in range(500)])
    assert many.high - many.low < few.high - few.low


def test_there_is_no_median_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        estimate([])
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.parametrize(
    ("share", "value"), [(0, 10), (0.25, 17.5), (0.5, 25), (0.99, 39.7), (1, 40)]
)
def test_quantiles_are_interpolated(share: float, value: float) -> None:
    assert quantile([10, 20, 30, 40], share) == pytest.approx(value)


def test_quantiles_agree_with_the_standard_library() -> None:
    values = sorted([3.0, 1.5, 9.0, 4.0, 7.0, 7.5])
    cuts = statistics.quantiles(values, n=10, method="inclusive")
    assert [quantile(values, n / 10) for n in range(1, 10)] == pytest.approx(cuts)


def test_pairs_cancel_what_disturbs_a_block() -> None:
    reference = {1: 100.0, 2: 10.0, 3: 55.0}
    found = paired_ratio({block: 2 * value for block, value in reference.items()}, reference)
    assert found is not None
    assert (found.low, found.median, found.high, found.count) == (2, 2, 2, 3)


def test_only_common_blocks_are_paired() -> None:
    found = paired_ratio({1: 3.0, 2: 8.0}, {2: 4.0, 3: 9.0})
    assert found is not None
    assert (found.median, found.count) == (2.0, 1)
    assert paired_ratio({1: 1.0}, {2: 1.0}) is None


def test_a_reference_of_nothing_is_no_pair() -> None:
    assert paired_ratio({1: 1.0}, {1: 0.0}) is None


def test_the_noise_floor_is_the_largest_deviation() -> None:
    assert noise_floor({1: 100.0, 2: 100.0}, {1: 100.0, 2: 100.0}) == 0
    assert noise_floor({1: 100.0}, {1: 90.0}) == pytest.approx(0.1)
    assert noise_floor({1: 100.0}, {2: 90.0}) is None


@pytest.mark.parametrize(
    ("rates", "index"), [([5, 5], 1.0), ([1, 0], 0.5), ([1, 0, 0, 0], 0.25), ([2, 1], 0.9)]
)
def test_jain(rates: list[float], index: float) -> None:
    assert jain(rates) == pytest.approx(index)


def test_nobody_is_treated_fairly_where_nobody_gets_anything() -> None:
    with pytest.raises(ValueError, match="nobody"):
        jain([0, 0])


def test_the_slope_of_a_line() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == pytest.approx(2)
    assert slope([(0, 1), (1, 3), (2, 2)]) == pytest.approx(0.5)


def test_the_slope_of_too_little() -> None:
    assert slope([]) == slope([(1, 2)]) == slope([(1, 2), (1, 9)]) == 0.0
