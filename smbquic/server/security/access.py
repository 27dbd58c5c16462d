"""Access masks: the file rights of generic rights, and the most that a share grants."""

from smbquic.wire.access_mask import AccessMask

# Plain integers: every open computes with them, and flags are ten times slower.
READ = int(
    AccessMask.FILE_READ_DATA
    | AccessMask.FILE_READ_EA
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
EXECUTE = int(
    AccessMask.FILE_EXECUTE
    | AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
WRITE = int(
    AccessMask.FILE_WRITE_DATA
    | AccessMask.FILE_APPEND_DATA
    | AccessMask.FILE_WRITE_EA
    | AccessMask.FILE_WRITE_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
ALL = int(
    READ
    | EXECUTE
    | WRITE
    | AccessMask.FILE_DELETE_CHILD
    | AccessMask.DELETE
    | AccessMask.WRITE_DAC
    | AccessMask.WRITE_OWNER
)
READ_ONLY = READ | EXECUTE

READS_DATA = int(AccessMask.FILE_READ_DATA | AccessMask.FILE_EXECUTE)
MODIFIES_DATA = int(AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA)

_GENERIC = (
    (int(AccessMask.GENERIC_READ), READ),
    (int(AccessMask.GENERIC_WRITE), WRITE),
    (int(AccessMask.GENERIC_EXECUTE), EXECUTE),
    (int(AccessMask.GENERIC_ALL), ALL),
)
_ANY_GENERIC = sum(generic for generic, _ in _GENERIC)


def map_generic(desired: int) -> int:
    """Replace the generic bits by the file rights that they stand for ([MS-FSA] 2.1.5.1)."""
    if not desired & _ANY_GENERIC:
        return desired
    mapped = desired
    for generic, rights in _GENERIC:
        if desired & generic:
            mapped = (mapped & ~generic) | rights
    return mapped
