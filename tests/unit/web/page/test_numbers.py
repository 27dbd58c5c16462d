"""Bounds of the status page, written down a second time."""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    "MAX_ROWS": [200],
    "DEFAULT_ROWS": [50],
    "MAX_SCANNED": [20_000],
    "MAX_TEXT": [200],
    "MAX_NAME": [256],
    "SUMMARY_AGE": [1.0],
    "LOST_AGE": [10.0],
    "INTERVAL": [1.0, 10.0],
    "SLOW": [0.005],
    "SLOW_INTERVAL": [300.0],
    "TIMEOUT": [1.0],
    "MEDIAN": [0.5],
    "HIGH": [0.99],
    "_TEXT_LIMIT": [1024],
    "_CHANNELS": [32],
    "_LOCKED": [200],
    "_NAMES": [100],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_what_it_was(name: str) -> None:
    assert numbers_of("smbquic.web.page")[name] == NUMBERS[name]
