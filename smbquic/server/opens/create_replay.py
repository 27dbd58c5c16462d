"""CREATEs that a client may send again, if it got no response to them.

[MS-SMB2] 3.3.5.9.10

A replayed CREATE gets the open that the first one made, as long as nothing was done with that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.opens.leases import Lease, LeaseRequest
from smbquic.server.opens.open import CacheGrant, Open, OpenSession
from smbquic.server.opens.open_parts import ReplayableCreate, Requester
from smbquic.storage import Action
from smbquic.wire.create_contexts import CREATE_DURABLE_HANDLE_REQUEST_V2, DurableHandleRequestV2
from smbquic.wire.header import HeaderFlags

_REPLAY = int(HeaderFlags.REPLAY_OPERATION)


class CreateReplayTable:
    """The CREATEs that may be replayed: their opens, and those that still wait for a break."""

    def __init__(self) -> None:
        self._opens: dict[tuple[bytes, bytes], Open] = {}
        self._waiting: dict[tuple[bytes, bytes], Request] = {}

    def __len__(self) -> int:
        return len(self._opens) + len(self._waiting)

    def find(
        self,
        request: Request,
        create_guid: bytes,
        requester: Requester,
        session: OpenSession,
        lease: LeaseRequest | None,
    ) -> Open | None:
        """Return what the CREATE opened when it came for the first time; None for what is new.

        StatusError FILE_NOT_AVAILABLE for one that still waits; DUPLICATE_OBJECTID for a used GUID
        without the replay flag, or in another session; ACCESS_DENIED for another user or another
        lease. [MS-SMB2] 3.3.5.9.10
        """
        # A request that waits for a break is called again, and must not find itself.
        key = requester.client_guid, create_guid
        entry = self._opens.get(key)
        first = self._waiting.get(key, request)
        if entry is None and first is request:
            return None
        if not request.header.flags & _REPLAY:
            # Without the flag it is another CREATE with the same GUID, which has to be unique.
            raise StatusError(NtStatus.DUPLICATE_OBJECTID, "CREATE")
        if entry is None:
            # The first one may still open the file. The client may try again later.
            raise StatusError(NtStatus.FILE_NOT_AVAILABLE, "CREATE")
        create, held = entry.recovery.create, entry.cache.grant
        assert create is not None
        # A GUID is not a secret: nobody gets the open of another user by it.
        if create.owner != requester.identity or not _is_same(held, lease):
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE")
        if entry.owner.session is not session:
            raise StatusError(NtStatus.DUPLICATE_OBJECTID, "CREATE")
        return entry

    @contextmanager
    def waiting(self, request: Request, create_guid: bytes, requester: Requester) -> Iterator[None]:
        """Remember a CREATE while it waits for a break."""
        key = requester.client_guid, create_guid
        self._waiting[key] = request
        try:
            yield
        finally:
            # Another CREATE with this GUID may have taken its place.
            if self._waiting.get(key) is request:
                del self._waiting[key]

    def add(self, entry: Open, create_guid: bytes, requester: Requester, action: Action) -> None:
        """Add what a CREATE has opened."""
        client_guid, owner = requester.client_guid, requester.identity
        entry.recovery.create = ReplayableCreate(client_guid, create_guid, owner, action)
        self._opens[client_guid, create_guid] = entry

    def remove(self, entry: Open) -> None:
        """Remove the CREATE of an open, which cannot be replayed any more."""
        create = entry.recovery.create
        assert create is not None
        entry.recovery.create = None
        del self._opens[create.client_guid, create.create_guid]


def _is_same(held: CacheGrant | None, lease: LeaseRequest | None) -> bool:
    # Without a grant there is nothing to compare the request's lease with.
    if isinstance(held, Lease):
        return lease is not None and lease.key == held.key
    return lease is None or held is None


def create_guid_of(contexts: Mapping[bytes, bytes]) -> bytes:
    """Return the create GUID, by which a repeated CREATE is recognized; the client has sent one."""
    return DurableHandleRequestV2.decode(contexts[CREATE_DURABLE_HANDLE_REQUEST_V2]).create_guid
