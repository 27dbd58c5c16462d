"""Limits on clients, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # docs/security.md, docs/explanation/performance.md; 65,536 locks or 4,096 watches fill 16 MiB
    "TIME_SLICE": [0.001],
    "SLICE": [0.003],
    "MINIMUM_TIME": [1.0],
    "SLOW_OPERATION": [0.02],
    "SLOW_PERIOD": [60.0],
    "QUICK_FLUSH": [0.0002],
    "QUICK_FLUSHES": [16],
    "SMALL_READ": [1 << 20],
    "SMALL_WRITE": [1 << 20],
    "HELD": [0.01],
    "OPEN": [5 << 10],
    "MOST": [131_072],
    "PER_OPEN": [3],
    "MAX_POSTPONED": [512],
    "MAX_POSTPONED_BYTES": [4 << 20],
    "MAX_POSTPONED_OF_ADDRESS": [64],
    "KEPT": [16 << 20],
    "CHECK_INTERVAL": [0.1],
    "IDLE_TIMEOUT": [0.5],
    "IDLE_TIMEOUT_WITH_OPENS": [2.0],
    "LARGEST": [9 << 20],
    "QUIET_SECONDS": [3],
    "WORTHWHILE": [16 << 20],
    "LOG_INTERVAL": [10.0],
    "LONG": [0.25],
    "REMEMBERED": [50],
    "CONNECTION": [80 << 10],
    "DESCRIPTORS": [32 << 20],
    "ENGINE": [320 << 10],
    "PROGRAM": [128 << 20],
    "WORKER": [96 << 20],
    "RESERVED": [64],
    "BUSY_TIME": [0.05],
    "COUNT_INTERVAL": [0.01],
    "CROWDED": [32],
    "RETRY_INTERVAL": [0.05],
    "SAVED_TIME": [0.1],
    "INTERVAL": [1.0],
    "LOCK": [256],
    "WATCH": [4096],
    "CHANGE": [128],
    "PIPE": [4096],
    "SESSION": [4096],
    "TREE": [512],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.overload")[name] == values
