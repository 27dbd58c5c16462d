"""Access masks: what generic rights stand for, and what a share grants at most."""

from smbquic.wire.access_mask import AccessMask

READ = (
    AccessMask.FILE_READ_DATA
    | AccessMask.FILE_READ_EA
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
EXECUTE = (
    AccessMask.FILE_EXECUTE
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
WRITE = (
    AccessMask.FILE_WRITE_DATA
    | AccessMask.FILE_APPEND_DATA
    | AccessMask.FILE_WRITE_EA
    | AccessMask.FILE_WRITE_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
ALL = (
    READ
    | EXECUTE
    | WRITE
    | AccessMask.FILE_DELETE_CHILD
    | AccessMask.DELETE
    | AccessMask.WRITE_DAC
    | AccessMask.WRITE_OWNER
)
READ_ONLY = READ | EXECUTE

READS_DATA = AccessMask.FILE_READ_DATA | AccessMask.FILE_EXECUTE
MODIFIES_DATA = AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA

_GENERIC = (
    (AccessMask.GENERIC_READ, READ),
    (AccessMask.GENERIC_WRITE, WRITE),
    (AccessMask.GENERIC_EXECUTE, EXECUTE),
    (AccessMask.GENERIC_ALL, ALL),
)


def map_generic(desired: int) -> int:
    """Replaces the generic bits by the file rights that they stand for ([MS-FSA] 2.1.5.1)."""
    mapped = desired
    for generic, rights in _GENERIC:
        if desired & generic:
            mapped = (mapped & ~generic) | rights
    return mapped
