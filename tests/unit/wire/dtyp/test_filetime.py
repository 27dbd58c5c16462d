from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.wire.dtyp.filetime import from_unix_ns, to_unix_ns


def test_of_the_specification() -> None:
    # [MS-SMB2] 4.10: Jul 16, 2021 07:42:53.634690300 UTC
    seconds = int(datetime(2021, 7, 16, 7, 42, 53, tzinfo=UTC).timestamp())
    assert from_unix_ns(seconds * 10**9 + 634_690_300) == 132708949736346903
    assert to_unix_ns(132708949736346903) == seconds * 10**9 + 634_690_300


def test_epochs() -> None:
    assert from_unix_ns(0) == 116_444_736_000_000_000
    assert to_unix_ns(116_444_736_000_000_000) == 0
    assert to_unix_ns(0) == -11_644_473_600 * 10**9


@pytest.mark.parametrize(("ns", "expected"), [(99, 0), (100, 1), (-1, -1), (-100, -1), (-101, -2)])
def test_rounds_down(ns: int, expected: int) -> None:
    assert from_unix_ns(ns) - from_unix_ns(0) == expected


def test_before_1601() -> None:
    assert from_unix_ns(-20_000_000_000 * 10**9) == 0


def test_after_30828() -> None:
    assert from_unix_ns(2**80) == 2**63 - 1


@given(filetime=st.integers(0, 2**63 - 1))
def test_round_trip(filetime: int) -> None:
    assert from_unix_ns(to_unix_ns(filetime)) == filetime
