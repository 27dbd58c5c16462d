"""How much a cache keeps, and for how long."""

from smbquic.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds of a cache, which no server can make it exceed.

    `listed_seconds` is how long sizes and times from a folder's lease are used: a server tells its
    clients that an entry of a folder has changed only once the file is closed that was written.
    Names are used for as long as the lease lasts. `ttl` is how long they are used without any
    lease, where a server grants none: at most so long may they be wrong then.
    """

    entries: int = 100_000
    """Names of files and folders."""
    folders: int = 256
    """Folders that are kept open for their leases."""
    bytes: int = 64 << 20
    """Content of files."""
    files: int = 64
    """Files that are kept open although no program has them open."""
    idle_seconds: float = 30.0
    """How long they are."""
    listed_seconds: float = 5.0
    ttl: float = 0.0
    pause: float = 0.5
    """Seconds in which no lease is asked for after it was broken or refused: whoever breaks it
    may be about to do so again."""
