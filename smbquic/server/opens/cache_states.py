"""What a client may cache of a file, as bits, and what makes a grant of it break.

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
"""Access with which an open concerns nobody's cache."""
_ATTRIBUTES_OR_DESCRIPTOR = ATTRIBUTES_ONLY | int(AccessMask.READ_CONTROL)


class BreakCause(Enum):
    """What is about to happen to a file."""

    INSPECT = auto()
    """It is opened for its security descriptor, which concerns oplocks and no leases."""
    OPEN = auto()
    """It is opened for more than its attributes."""
    OVERWRITE = auto()
    """It is opened, and what was in it goes."""
    SHARING = auto()
    """It would be opened, if what others have open were not in the way."""
    CHANGE = auto()
    """Its content, size or byte-range locks change."""
    MOVE = auto()
    """It gets another name, or one more."""
    DELETE = auto()
    """It is to be deleted, or who may open it changes."""
    ENTRY = auto()
    """It is a folder, and what is in it changes."""


def cause_of_open(wanted: int, *, overwrites: bool) -> BreakCause | None:
    """Return why an open with this access breaks grants; None if it does not."""
    if overwrites:
        return BreakCause.OVERWRITE
    if wanted & ~_ATTRIBUTES_OR_DESCRIPTOR:
        return BreakCause.OPEN
    return BreakCause.INSPECT if wanted & ~ATTRIBUTES_ONLY else None
