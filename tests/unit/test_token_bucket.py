import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.token_bucket import TokenBucket


def taken(bucket: TokenBucket, now: float) -> int:
    return sum(bucket.take(now) for _ in range(1000))


def test_no_more_is_taken_than_there_is() -> None:
    bucket = TokenBucket(rate=16, burst=24)
    assert taken(bucket, 100.0) == 24
    assert taken(bucket, 100.0) == 0
    assert taken(bucket, 100.5) == 8
    # Half a token is kept.
    assert taken(bucket, 100.5 + 1.5 / 16) == 1
    assert taken(bucket, 100.5 + 2 / 16) == 1


def test_a_pause_fills_it_and_no_more() -> None:
    bucket = TokenBucket(rate=20, burst=30)
    taken(bucket, 0.0)
    assert taken(bucket, 1e6) == 30


def test_what_is_taken_in_advance_delays_what_comes_then() -> None:
    bucket = TokenBucket(rate=100, burst=10)
    assert [bucket.delay(0.0, 100) for _ in range(4)] == pytest.approx([0.0, 0.9, 1.9, 2.9])
    assert not bucket.take(3.9)
    assert bucket.take(3.92)


def test_a_pause_is_made_up_for_but_not_for_long() -> None:
    bucket = TokenBucket(rate=1000, burst=100)
    bucket.delay(0.0, 10)
    assert [bucket.delay(1000.0, 100) for _ in range(3)] == pytest.approx([0, 0, 0.1])


@pytest.mark.parametrize("now", [0.0, 1e6])
def test_a_burst_of_single_ones_is_not_delayed(now: float) -> None:
    bucket = TokenBucket(rate=50, burst=10)
    delays = [bucket.delay(now) for _ in range(13)]
    assert delays == pytest.approx([0.0] * 11 + [0.02, 0.04])


@given(
    st.floats(1, 1e9),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 1 << 20)), min_size=1),
)
def test_no_more_than_the_rate_and_a_burst(rate: float, asked: list[tuple[float, int]]) -> None:
    burst = rate / 10
    bucket = TokenBucket(rate, burst)
    now, total, first = 0.0, 0, None
    for gap, count in asked:
        now += gap
        start = now + bucket.delay(now, count)
        first = start if first is None else first
        # What begins at `start` may follow all that the rate has allowed until then.
        assert total <= (rate * (start - first) + 2 * burst) * 1.000001 + 1
        total += count
