"""CREATEs that a client may send again, as it does not know whether they were done.

[MS-SMB2] 3.3.5.9.10

One that comes again gets what it has opened already, as long as nothing was done with that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.leases import Lease, LeaseRequest
from smbquic.wire.create_contexts import CREATE_DURABLE_HANDLE_REQUEST_V2, DurableHandleRequestV2
from smbquic.wire.header import HeaderFlags

if TYPE_CHECKING:
    from smbquic.auth.identity import Identity
    from smbquic.protocol.request import Request
    from smbquic.server.context import Context
    from smbquic.server.opens.open import Open
    from smbquic.server.opens.oplocks import CacheGrant
    from smbquic.storage import Action

_REPLAY = int(HeaderFlags.REPLAY_OPERATION)


@dataclass(frozen=True, slots=True)
class ReplayableCreate:
    """The CREATE of an open: by which client and user, its id, and what it came to."""

    client_guid: bytes
    create_guid: bytes
    owner: Identity
    action: Action


class CreateReplayTable:
    """The CREATEs that may be repeated: what they have opened, and which still wait for it."""

    def __init__(self) -> None:
        self._opens: dict[tuple[bytes, bytes], Open] = {}
        self._waiting: dict[tuple[bytes, bytes], Request] = {}

    def __len__(self) -> int:
        return len(self._opens) + len(self._waiting)

    def find(
        self, context: Context, request: Request, create_guid: bytes, lease: LeaseRequest | None
    ) -> Open | None:
        """What the CREATE opened when it came for the first time; None for what is new.

        StatusError FILE_NOT_AVAILABLE for one that still waits; DUPLICATE_OBJECTID for what is said
        to be new and has a used GUID, or comes in another session; ACCESS_DENIED by somebody else,
        or with another lease. [MS-SMB2] 3.3.5.9.10
        """
        key = context.connection.protocol.client_guid, create_guid
        entry = self._opens.get(key)
        first = self._waiting.get(key, request)
        if entry is None and first is request:
            return None
        if not request.header.flags & _REPLAY:
            raise StatusError(NtStatus.DUPLICATE_OBJECTID, "CREATE")
        if entry is None:
            raise StatusError(NtStatus.FILE_NOT_AVAILABLE, "CREATE")
        creation, held = entry.creation, entry.grant
        assert creation is not None
        if creation.owner != context.session.session.identity or not _is_same(held, lease):
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE")
        if entry.session is not context.session:
            raise StatusError(NtStatus.DUPLICATE_OBJECTID, "CREATE")
        return entry

    @contextmanager
    def waiting(self, context: Context, request: Request, create_guid: bytes) -> Iterator[None]:
        """Knows of a CREATE while it cannot go on yet."""
        key = context.connection.protocol.client_guid, create_guid
        self._waiting[key] = request
        try:
            yield
        finally:
            if self._waiting.get(key) is request:
                del self._waiting[key]

    def add(self, context: Context, entry: Open, create_guid: bytes, action: Action) -> None:
        """Takes in what a CREATE has opened."""
        client_guid = context.connection.protocol.client_guid
        owner = context.session.session.identity
        entry.creation = ReplayableCreate(client_guid, create_guid, owner, action)
        self._opens[client_guid, create_guid] = entry

    def remove(self, entry: Open) -> None:
        """Forgets the CREATE of an open, which cannot be repeated any more."""
        creation = entry.creation
        assert creation is not None
        entry.creation = None
        del self._opens[creation.client_guid, creation.create_guid]


def _is_same(held: CacheGrant | None, lease: LeaseRequest | None) -> bool:
    if isinstance(held, Lease):
        return lease is not None and lease.key == held.key
    return lease is None or held is None


def create_guid_of(contexts: Mapping[bytes, bytes]) -> bytes | None:
    """What a CREATE is to be known by when it is repeated, if the client thinks that it may be."""
    data = contexts.get(CREATE_DURABLE_HANDLE_REQUEST_V2)
    return None if data is None else DurableHandleRequestV2.decode(data).create_guid
