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
    # [MS-SMB2] 2.2.13, 2.2.19, 2.2.26: flags and access rights, alone and together
    "_READ": [0x1],
    "_WRITE": [0x2],
    "_WRITING": [0x102],
    "_READS": [0x21],
    "_WRITES": [0x6],
    "_DELETES": [0x10000],
    "_SHARES_DELETION": [0x4],
    "_CONTENT": [0x10027],
    "READS_DATA": [0x21],
    "MODIFIES_DATA": [0x6],
    "_READ_ATTRIBUTES": [0x80],
    "_READ_EA": [0x8],
    "_READ_CONTROL": [0x20000],
    "_WRITE_ATTRIBUTES": [0x100],
    "_WRITE_DATA": [0x2],
    "_WRITE_EA": [0x10],
    "_DELETE": [0x10000],
    "_DELETE_CHILD": [0x40],
    "_LIST": [0x1],
    "_LIST_DIRECTORY": [0x1],
    "_ADD_FILE": [0x2],
    "_ADD_SUBDIRECTORY": [0x4],
    "_SYSTEM_SECURITY": [0x0100_0000],
    "_MAXIMUM_ALLOWED": [0x0200_0000],
    "_ANY_GENERIC": [0xF000_0000],
    "_ALL": [0x1F01FF],
    "ALL": [0x1F01FF],
    "EXECUTE": [0x1200A0],
    "READ_ONLY": [0x1200A9],
    "ATTRIBUTES_ONLY": [0x100180],
    "_ATTRIBUTES_OR_DESCRIPTOR": [0x120180],
    "_OWNER_RIGHTS": [0xE0000],
    "_LEAST_RIGHTS": [0x120080],
    "_OVERWRITE": [0x2],
    "_OVERWRITE_FILE": [0x110],
    "_EXCLUSIVE": [0x2],
    "_UNLOCK": [0x4],
    "_IMMEDIATELY": [0x10],
    "_KINDS": [(0x1, 0x2, 0x11, 0x12)],
    "_REPLAY": [0x2000_0000],
    "_POSTQUERY": [0x1],
    "_EPOCHS": [1 << 16],
    "_V1_SIZE": [32],
    "_V2_SIZE": [52],
    # [MS-SMB2] 2.2.13: create options
    "_DIRECTORY": [0x1],
    "_NON_DIRECTORY": [0x40],
    "_DELETE_ON_CLOSE": [0x1000],
    "_OPEN_LINK": [0x20_0000],
    "_UNSUPPORTED_OPTIONS": [0x10_2080],
    "_SYNCHRONOUS": [0x30],
    "_WRITE_THROUGH": [0x2],
    "_UNBUFFERED": [0x8],
    "_SETTABLE_MODE": [0x36],
    "MODE": [0x103E],
    # [MS-FSCC] 2.6
    "_READONLY": [0x1],
    "_HIDDEN_OR_SYSTEM": [0x6],
    "_KEPT_ATTRIBUTES": [0x1127],
    "_KNOWN_DISPOSITION": [0x1F],
    "_LEAVE": [0],
    "_FREEZE": [-1],
    "_THAW": [-2],
    # [MS-SMB2] 2.2.35: what a watch is notified of
    "_FILE_NAME": [0x1],
    "_DIR_NAME": [0x2],
    "_STREAM_NAME": [0x200],
    "_STREAM_CONTENT": [0xC00],
    "_METADATA": [0x1F4],
    "CONTENT": [0x18],
    "OVERWRITTEN": [0x1C],
    "_FIXED_SIZE": [12],
    # [MS-DTYP] 2.4.4.1, 2.4.6, 2.4.7
    "_OBJECT": [0x1],
    "_CONTAINER": [0x2],
    "_BOTH": [0x3],
    "_NO_PROPAGATE": [0x4],
    "_INHERIT_ONLY": [0x8],
    "_INHERITED": [0x10],
    "_AUTO_INHERIT_WANTED": [0x100],
    "_AUTO_INHERITED": [0x400],
    "_CONTROL_PRESENT": [0x4],
    "_CONTROL_PROTECTED": [0x1000],
    "_KEPT_CONTROL": [0x1404],
    "_UNPROTECTED": [0x2000_0000],
    "_SACL": [0x8],
    "_SACL_PARTS": [0x78],
    "_READABLE": [0x17],
    "_BACKUP": [0x1_0000],
    # [MS-SMB2] 2.2.32.2, 2.2.32.1
    "_SNAPSHOTS_SIZE": [16],
    "_LIMITS_SIZE": [12],
    # [MS-SMB2] 2.2.33
    "_RESTART": [0x1, 0x11],
    "_SINGLE_ENTRY": [0x2],
    "_ALIGNMENT": [8],
    "_EA_ALIGNMENT": [4],
    # READ_CONTROL and WRITE_DAC; [MS-DTYP] 2.4.7
    "_OWNER": [0x1, 0x6_0000],
    "_ROUGH_SIZE": [64],
    # Ends of ranges: of locks, and of files
    "_END": [2**64, 2**63],
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
    "SMALL_READ": [1 << 20],
    "SMALL_WRITE": [1 << 20],
    "_LEAST": [3],
    "_MOVE_TIMEOUT": [0.05],
    "_MOST_OWN": [1024],
    "AT_ONCE": [32],
    "MOST_WAITING": [1 << 16],
    "BATCH": [128],
    "LIFETIME": [1.0],
    "THREADS": [64],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.server")[name] == values
