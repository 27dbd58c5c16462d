"""Limits, sizes and times of the client, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # docs/explanation/performance.md
    "CHUNK": [1 << 20],
    "WINDOW": [16],
    # [MS-SRVS] 2.2.2.4: the bits that say what a share is
    "_KIND_BITS": [3],
    # The fragments of Windows
    "_CHUNK": [4280],
    "MOST_SHARES": [65_536],
    "_MAX_STUB": [16 << 20],
    # [RFC9000] 14.1; [RFC9000] 15: a version of this form is never used
    "_DATAGRAM": [1200],
    "_NO_VERSION": [0x1A2A3A4A],
    "_UDP_TRIES": [3],
    "ECHO_INTERVAL": [10.0],
    "RESPONSE_TIMEOUT": [60.0],
    "LISTING": [1 << 20],
    "LONGEST_LISTING": [512 << 20],
    "_ENTRY_MEMORY": [256],
    "STALL": [0.005],
    "FIRST_DELAY": [0.2, 0.25],
    "CLOSES_ALLOWED": [3],
    "LONGEST_DELAY": [2.0, 5.0],
    "LOSSES_ALLOWED": [5],
    "CONCURRENCY": [16],
    "LARGE": [16 << 20],
    "UNDER_WAY": [64 << 20],
    "WRITE_BACK": [64 << 20],
    "MARGIN": [16 << 20],
    "SAMPLE": [16 << 10],
    "SAMPLES": [48],
    "IN_USE": [60.0],
    "FOLDERS": [32],
    "BURST": [0.1],
    "_BLOCK": [1 << 20],
    "_RESPONSE_SIZE": [1024],
    "CANCELLATION_TIMEOUT": [5.0],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.client")[name] == values
