"""Limits and times of the worker processes, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # docs/security.md
    "MAX_RECORD": [4096],
    "PEER_LIMIT": [1 << 20],
    "TEXT_LIMIT": [1024, 8192],
    "REPORT_SIZE": [1 << 20],
    "QUEUE_LIMIT": [1 << 20],
    "LINE_LIMIT": [64 << 20],
    "CONTROL_LIMIT": [1 << 20],
    # docs/howto/workers.md
    "STABLE": [60.0],
    "FIRST_DELAY": [0.5],
    "LONGEST_DELAY": [30.0],
    "STOP_TIMEOUT": [5.0],
    "PEER_TIMEOUT": [5.0],
    "EXIT_TIMEOUT": [1.0],
    "START_TIMEOUT": [60.0],
    "RESERVED_CORES": [2],
    "FIGURES_INTERVAL": [1.0],
    "REPORT_INTERVAL": [0.1],
    "CHECK_ALL": [10],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.workers")[name] == values
