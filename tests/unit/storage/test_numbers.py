"""Limits, sizes and times of storages, written down a second time.

Tests of what happens at a limit lower it, or take it from its module; a change of it by mistake is
seen here.
"""

import os

import pytest

from tests.unit.numbers import numbers_of

NUMBERS = {
    # What names, attributes and streams may take: Linux' limits, and NTFS'
    "MAX_UNITS": [255],
    "MAX_DEPTH": [256],
    "MAX_NAME": [250, 254, 255],
    "MAX_SIZE": [65_535],
    "MAX_VALUE": [65_536],
    "_MAX_BYTES": [4095],
    "_MAX_VECTORS": [1024],
    "_OFFSET_END": [2**63],
    # The size of extended attributes as OS/2 packs them
    "_HEADER": [4],
    # The same of one of them; and the separators of a name that is remembered
    "_ENTRY": [2, 5],
    "_PRIVATE": [0xF000],
    # Linux' fcntl.h, falloc.h, fs.h, stat.h and inotify.h
    "_SET_LEASE": [1024],
    "_KEEP_SIZE": [1],
    "_PUNCH_HOLE": [2],
    "_CLONE_RANGE": [0x4020940D],
    "_HERE": [-100],
    "_NOT_A_LINK": [0x100],
    "_THE_DESCRIPTOR": [0x1000],
    "_BIRTH": [0x800],
    "_BIRTH_TIME_OFFSET": [80],
    "_IN_MODIFY": [0x2],
    "_IN_ATTRIB": [0x4],
    "_IN_MOVED_FROM": [0x40],
    "_IN_MOVED_TO": [0x80],
    "_IN_CREATE": [0x100],
    "_IN_DELETE": [0x200],
    "_IN_Q_OVERFLOW": [0x4000],
    "_IN_IGNORED": [0x8000],
    "_IN_ONLYDIR": [0x01000000],
    "_IN_EXCL_UNLINK": [0x04000000],
    "_IN_ISDIR": [0x40000000],
    "_MASK": [0x0500_03C6],
    # How files and folders are opened: links are not followed, and nothing is waited for
    "_FILE": [
        os.O_NOFOLLOW + os.O_NONBLOCK + os.O_NOCTTY + os.O_CLOEXEC,
    ],
    "_LIST": [os.O_DIRECTORY + os.O_NOFOLLOW + os.O_CLOEXEC],
    "_WALK": [os.O_DIRECTORY + os.O_NOFOLLOW + os.O_CLOEXEC + os.O_PATH],
    # Room for Linux' struct statx
    "_STATX_SIZE": [256],
    # Samba's DOS attributes
    "_HAS_ATTRIBUTES": [0x01],
    "_HAS_CREATION_TIME": [0x10],
    "_EPOCH": [116_444_736_000_000_000],
    # Bounds of memory and of work
    "AT_ONCE": [500],
    "CAPACITY": [128 << 20],
    "FILE_COST": [2048],
    "LARGE": [8 << 20],
    "MAX_BYTES": [256 << 20],
    "MAX_FILES": [10_000],
    "MAX_FOLDERS": [16_384],
    "MOST_FOUND": [256],
    "MOST_WAITING": [64],
    "PAGE": [64 << 10],
    "READ_SIZE": [4096],
    "_SCANNED_AT_ONCE": [128],
    "PAGE_COST": [128],
    "UNIT": [4096],
    "_ATTEMPTS": [100],
    "_BUCKETS": [4096],
    "_CHUNK": [1 << 20],
    "_MOST_ENTRIES": [10_000],
    "_PIECE": [1 << 20],
    # How long what is known of a folder is believed
    "GRACE": [0.25],
    "LIFETIME": [1.0],
    "_LATER": [20_000_000],
}


@pytest.mark.parametrize(("name", "values"), NUMBERS.items())
def test_numbers(name: str, values: list[object]) -> None:
    assert numbers_of("smbquic.storage")[name] == values
