"""Limits, sizes and times of the server, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # docs/security.md
    "_MAX_HELD": [4 << 20],
    "UNAUTHENTICATED_SESSIONS": [4],
    "_MAX_CHANGES": [1000],
    "_LONGEST": [300.0, 80],
    "MAX_GRANTS": [128],
    "TIME_SLICE": [0.002],
    "_MAX_CONTEXTS": [32],
    "_MAX_STUB": [64 << 10],
    "CAPACITY": [100_000],
    # [MS-SMB2] 3.3.3: what a server lets one client copy
    "MAX_CHUNKS": [256],
    "MAX_CHUNK": [1 << 20],
    "MAX_COPY": [16 << 20],
    # [MS-SMB2] 3.3.5.2.10, 2.2.26
    "_SEQUENCES": [1 << 16],
    "_NEWER": [0x7FFF],
    "_LOCK_SEQUENCES": [64],
    # [MS-FSA] 2.1.5.1
    "_NEVER_GRANTED": [0x0CE0FE00],
    "_VALID_ATTRIBUTES": [0x7FB7],
    "_VALID_OPTIONS": [0xFFFFFF],
    "_VALID_SHARE_ACCESS": [7],
    # [MS-FSA] 2.1.4.17
    "_DELAY": [2.0],
    # What the length of all extended attributes of a file can say
    "_MAX_SIZE": [65_530],
    "MAX_COUNT": [256],
    # [C706] 12.6
    "MAX_FRAGMENT": [5840],
    "_LEAST_FRAGMENT": [1432],
    "_LONGEST_ANSWER": [1 << 20],
    # [MS-FSCC] 2.4.38
    "_ALLOCATION": [4096],
    "_UNLIMITED": [0xFFFFFFFF],
    # [MS-FSCC] 2.3.46: 16 bytes before the data
    "_PEEK_SIZE": [16],
    # [MS-SMB2] 2.2.32.2, 2.2.32.1
    "_SNAPSHOTS_SIZE": [16],
    "_LIMITS_SIZE": [12],
    # Offsets are signed and of 64 bits
    "MAX_OFFSET": [2**63 - 1],
    "_MAX_RANGES": [1024],
    "_MAX_BUFFER": [128 << 10],
    # [MS-FSCC] 2.5.7
    "_SECTOR": [512],
    "_PAGE": [4096],
    "_LARGEST_UNIT": [2**31],
    # [MS-SMB2] 2.2.32.5
    "_DEFAULT_SPEED": [1_000_000_000],
    # [MS-FSCC] 2.1.6
    # [MS-SMB2] 3.3.5.2.7.2: 0xFFFFFFFF is the tree of the request before
    "_LAST_TREE_ID": [0xFFFFFFFE],
    # Windows 10 and Windows Server 2016
    "_VERSION": [(10, 0)],
    # [MS-DTYP] 2.4.2.4
    "_NT_AUTHORITY": [5],
    "_FIRST_USER": [1000],
    "_DOMAIN_USERS": [513],
    "_DOMAIN_GUESTS": [514],
    "_UNIX": [22],
    "_UNIX_USER": [1],
    "_UNIX_GROUP": [2],
    "MAX_ACES": [1024],
    "_MAX_LENGTH": [255],
    # Measured, or chosen.
    "_LEAST": [3],
    "_MOVE_TIMEOUT": [0.05],
    "_WATCHED_AT_ONCE": [256],
    "BATCH": [128],
    "LIFETIME": [1.0],
    "THREADS": [64],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.server")[name] == values
