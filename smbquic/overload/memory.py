"""The most memory that a server needs, by its limits."""

from smbquic.options.limits import Limits
from smbquic.storage.local.case_index import CAPACITY as NAMES
from smbquic.transport.quic.engine import SEND_MEMORY as ENGINES

PROGRAM = 128 << 20
"""Bytes of the program itself, its libraries and its tables."""
CONNECTION = 80 << 10
"""Bytes of an idle connection."""
ENGINE = 320 << 10
"""Bytes that a QUIC engine keeps besides, once it has sent much: qh3 gives no buffer back."""
DESCRIPTORS = 32 << 20
"""Bytes of the security descriptors of folders that are remembered for a share."""
OPEN = 5 << 10
"""Bytes of an open file."""
WORKER = 96 << 20
"""Bytes of the program of a worker process."""


def memory_limit(
    limits: Limits, *, quic: int, tcp: int, shares: int, opens: int, workers: int = 0
) -> int:
    """Return how many bytes a server needs at most, with its worker processes.

    `quic` and `tcp` count its listeners, and `opens` is how many files may be open.
    """
    connections = CONNECTION * (quic + tcp) + ENGINE * quic
    if workers:
        # A connection takes memory in the main process, too.
        connections += CONNECTION * quic
    return (
        PROGRAM
        + workers * (WORKER + ENGINES)
        + limits.connections * connections
        + (ENGINES if quic and not workers else 0)
        + limits.buffers
        + limits.all_user_memory
        + shares * (NAMES + DESCRIPTORS)
        + opens * OPEN
    )
