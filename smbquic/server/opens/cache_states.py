"""Caching rights of clients as bits, and the causes that break an oplock or lease.

[MS-SMB2] 2.2.13.2.8, [MS-FSA] 2.1.4.12
"""

from enum import Enum, auto

from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create_contexts import LeaseState

NOTHING = 0
READ = int(LeaseState.READ_CACHING)
HANDLE = int(LeaseState.HANDLE_CACHING)
WRITE = int(LeaseState.WRITE_CACHING)

ATTRIBUTES_ONLY = int(
    AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
"""Access with which an open breaks no oplock or lease."""
_ATTRIBUTES_OR_DESCRIPTOR = ATTRIBUTES_ONLY | int(AccessMask.READ_CONTROL)


class BreakCause(Enum):
    """Causes to break oplocks and leases: what is about to happen to the file."""

    INSPECT = auto()
    """It is opened for its security descriptor, which breaks oplocks and no leases."""
    OPEN = auto()
    """It is opened for more than its attributes."""
    OVERWRITE = auto()
    """It is opened and overwritten."""
    SHARING = auto()
    """An open of it fails because of the share mode of another open."""
    CHANGE = auto()
    """Its content, size or byte-range locks change."""
    MOVE = auto()
    """It is renamed, or gets a further name."""
    DELETE = auto()
    """It is marked for deletion, or its security descriptor changes."""
    ENTRY = auto()
    """It is a folder, and an entry of it changes."""


def cause_of_open(wanted: int, *, overwrites: bool) -> BreakCause | None:
    """Return why an open with this access breaks grants; None if it does not."""
    if overwrites:
        return BreakCause.OVERWRITE
    if wanted & ~_ATTRIBUTES_OR_DESCRIPTOR:
        return BreakCause.OPEN
    return BreakCause.INSPECT if wanted & ~ATTRIBUTES_ONLY else None
