"""The create context that asks for a previous version of a file. [MS-SMB2] 2.2.13.2.7"""

from datetime import UTC, datetime

from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import TimewarpToken
from smbquic.wire.dtyp.filetime import from_unix_ns


def timewarp(snapshot: datetime) -> CreateContext:
    """Return the context for the version of a snapshot, whose times are in whole seconds.

    Raises ValueError for a time without a zone, which may mean any of them.
    """
    if snapshot.tzinfo is None:
        raise ValueError(f"the snapshot {snapshot} has no time zone: take it from snapshots()")
    seconds = int(snapshot.astimezone(UTC).timestamp())
    return TimewarpToken(from_unix_ns(seconds * 10**9)).context()
