"""Times on the wire. [MS-DTYP] 2.3.3

A FILETIME counts 100 ns since 1601-01-01 UTC; everywhere else in the package a time is an int of
nanoseconds since 1970-01-01 UTC.
"""

_EPOCH = 116_444_736_000_000_000
"""1970-01-01 as a FILETIME."""

_LATEST = 0x7FFF_FFFF_FFFF_FFFF


def from_unix_ns(ns: int) -> int:
    """Return the FILETIME of `ns`, rounded down; what it cannot say is the nearest that it can."""
    filetime = ns // 100 + _EPOCH
    if 0 <= filetime <= _LATEST:
        return filetime
    return 0 if filetime < 0 else _LATEST


def to_unix_ns(filetime: int) -> int:
    """Return the nanoseconds since 1970 of a FILETIME; negative before 1970."""
    return (filetime - _EPOCH) * 100
