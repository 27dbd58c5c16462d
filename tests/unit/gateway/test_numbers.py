"""Limits and times of the gateway, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # [MS-SMB2] 2.1
    "PORT": [445],
    # docs/security.md
    "MOST": [16_384],
    "MOST_PENDING": [128],
    "MOST_SESSIONS": [64],
    "MOST_REQUESTS": [1024],
    "LONGEST_NAME": [256],
    "LONGEST_PATH": [1024],
    "MOST_STATUSES": [64],
    "CONNECT_TIMEOUT": [5.0],
    "NEXT_BACKEND": [0.5],
    "MOST_TIMEOUTS": [3],
    "NEXT_SERVER": [1.0],
    "JITTER": [0.1],
    "SOON": [0.25],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.gateway")[name] == values
