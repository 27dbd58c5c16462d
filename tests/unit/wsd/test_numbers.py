"""Limits, ports and times of WS-Discovery, written down a second time."""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    "MAX_MESSAGE": [8 << 10],
    "MAX_ELEMENTS": [128],
    "MAX_DEPTH": [16],
    "MAX_FIELD": [256],
    "METADATA_VERSION": [1],
    "READ_RATE": [100.0],
    "ANSWER_RATE": [20.0],
    "MAX_FACTOR": [3],
    "MAX_IDS": [1024],
    "PORT": [3702, 5357],
    "MAX_DELAY": [0.5],
    "REPEATS": [(0.0, 0.1, 0.3)],
    "MAX_CONNECTIONS": [16],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_what_it_was(name: str) -> None:
    assert numbers_of("smbquic.wsd")[name] == NUMBERS[name]
