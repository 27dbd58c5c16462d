import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.rate_limit import BURST, RateLimit


def test_a_rate_is_kept() -> None:
    limit = RateLimit(100)
    assert [limit.delay(100, 0.0) for _ in range(4)] == pytest.approx([0.0, 0.9, 1.9, 2.9])


def test_idle_time_is_made_up_for_but_not_for_long() -> None:
    limit = RateLimit(1000)
    limit.delay(10, 0.0)
    assert [limit.delay(100, 1000.0) for _ in range(3)] == pytest.approx([0, 0, 0.1])


@given(
    st.floats(1, 1e9),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 1 << 20)), min_size=1),
)
def test_no_more_than_the_rate_and_a_burst(rate: float, asked: list[tuple[float, int]]) -> None:
    limit = RateLimit(rate)
    now, total, first = 0.0, 0, None
    for gap, count in asked:
        now += gap
        start = now + limit.delay(count, now)
        first = start if first is None else first
        # What begins at `start` may follow all that the rate has allowed until then.
        assert total <= rate * (start - first + 2 * BURST) * 1.000001 + 1
        total += count
