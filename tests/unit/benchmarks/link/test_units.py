import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.link.units import (
    format_rate,
    format_share,
    format_time,
    parse_rate,
    parse_share,
    parse_size,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("20mbit", 20_000_000),
        ("1.5 Mbit", 1_500_000),
        ("9600bit", 9600),
        ("64kbit", 64_000),
        (".5gbit", 500_000_000),
        ("unlimited", 0),
        (" Unlimited ", 0),
        ("300", 300),
        (10_000_000, 10_000_000),
        (2.5e9, 2_500_000_000),
    ],
)
def test_rates(text: str | float, bits: int) -> None:
    assert parse_rate(text) == bits


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("50ms", 50_000_000),
        ("0.7ms", 700_000),
        ("200us", 200_000),
        ("15ns", 15),
        ("2s", 2_000_000_000),
        (0.05, 50_000_000),
        (1e-05, 10_000),
        (5e-10, 0),
        ("0", 0),
    ],
)
def test_times(text: str | float, nanoseconds: int) -> None:
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "share"), [("1%", 0.01), ("0.1 %", 0.001), ("100%", 1.0), (0.03, 0.03), ("0", 0.0)]
)
def test_shares(text: str | float, share: float) -> None:
    assert parse_share(text) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1500", 1500), ("64kib", 65536), ("64KB", 64000), ("1mib", 1 << 20), ("3b", 3), (9, 9)],
)
def test_sizes(text: str | float, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "fast", "20mbyte", "-1mbit", "1%", "1 2mbit", "2mbit!", "²bit"]
)
def test_what_is_no_rate_is_refused_with_the_units(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate: a number and one of bit, kbit, mbit, gbit"):
        parse_rate(text)


@pytest.mark.parametrize("number", [-1, float("inf"), float("nan")])
def test_a_number_that_is_no_size_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(number)


def test_a_share_is_not_more_than_all() -> None:
    with pytest.raises(ValueError, match=r"'101%' is more than all of it"):
        parse_share("101%")


@given(st.integers(0, 10**13))
def test_nanoseconds_survive_as_seconds(nanoseconds: int) -> None:
    assert parse_time(nanoseconds / 10**9) == nanoseconds


@pytest.mark.parametrize(
    ("bits", "text"),
    [(0, "unlimited"), (20e6, "20mbit"), (99.934e6, "99.934mbit"), (1e9, "1gbit"), (0.5, "0.5bit")],
)
def test_rates_for_tables(bits: float, text: str) -> None:
    assert format_rate(bits) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(20_175_000, "20.175ms"), (2e9, "2s"), (63_000, "63us"), (12, "12ns"), (0, "0ns")],
)
def test_times_for_tables(nanoseconds: float, text: str) -> None:
    assert format_time(nanoseconds) == text


def test_shares_for_tables() -> None:
    assert format_share(0.01) == "1%"
    assert format_share(0.0123456) == "1.235%"
