"""Leases: what a client may cache of a file or folder, for all of its opens with one key.

[MS-SMB2] 3.3.1.11, 3.3.1.12, 3.3.4.7, 3.3.5.9.8, 3.3.5.9.11
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from smbquic.auth.identity import Identity
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import HANDLE, NOTHING, READ, WRITE, BreakCause
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.open import CacheGrant, Open
from smbquic.server.opens.open_parts import Requester
from smbquic.server.opens.oplocks import can_cache
from smbquic.storage import Storage, StorageFile
from smbquic.storage.names import fold
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import LeaseFlags, LeaseV1, LeaseV2
from smbquic.wire.message import Message
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import LeaseBreakNotification, NotifyBreakLeaseFlags

NotifyClient = Callable[[bytes, Identity, Message], bool]
"""Sends a client, by its ClientGuid, a notification in a session of a user. Returns
whether there is a connection for it."""

_V1_SIZE = len(LeaseV1(bytes(16), 0).encode())
_V2_SIZE = len(LeaseV2(bytes(16), 0).encode())
_VALID = frozenset({READ, READ | HANDLE, READ | WRITE, READ | WRITE | HANDLE})
_EPOCHS = 1 << 16


class Lease(CacheGrant):
    """One lease. `version` is that of the first request, and of all responses.

    Only version 2 has an `epoch` and the key of the folder's lease, and is for folders.
    """

    __slots__ = ("client_guid", "epoch", "key", "owner", "parent_key", "table", "version")

    def __init__(self, table: LeaseTable, entry: Open, request: LeaseRequest, caching: int) -> None:
        super().__init__(entry.file_state, entry, caching, table.break_seconds)
        # A break notification names the lease by its key, and may go to any connection of a client
        # with this GUID. [MS-SMB2] 3.3.4.7
        self.table = table
        self.owner = request.owner
        self.client_guid = request.client_guid
        self.key = request.key
        self.version = request.version
        self.epoch = request.epoch
        self.parent_key = request.parent_key
        # From NONE to what is granted is a change of state, too. [MS-SMB2] 3.3.5.9.11
        if caching:
            self.count()

    def count(self) -> None:
        """Increment the epoch: the state of the lease has changed."""
        # By the epoch a client tells which of two messages about a lease is the later one: a
        # response to a CREATE and a break notification may overtake each other. [MS-SMB2] 3.3.1.12
        if self.version > 1:
            self.epoch = (self.epoch + 1) % _EPOCHS

    @property
    def level(self) -> int:
        """LEASE, whatever the lease allows."""
        return OplockLevel.OPLOCK_LEVEL_LEASE

    def left_after(self, cause: BreakCause) -> int:
        """Return what may still be cached after that. [MS-SMB2] 3.3.1.4"""
        # Each kind of caching is revoked before other operations: WRITE before an open by another
        # client, HANDLE before one with incompatible share modes or before the parent directory is
        # renamed, READ before the content changes. [MS-SMB2] 3.3.1.4
        if cause is BreakCause.OPEN:
            return self.caching & ~WRITE
        if cause in (BreakCause.SHARING, BreakCause.MOVE, BreakCause.DELETE):
            return self.caching & ~HANDLE
        # READ_CONTROL does not break a lease, though it does an oplock. [MS-FSA] 2.1.4.12, OPEN
        return self.caching if cause is BreakCause.INSPECT else NOTHING

    def must_wait(self, cause: BreakCause) -> bool:
        """Return whether the client has to write something back or to close something first."""
        # Revoking READ alone needs no acknowledgment: the client has nothing to send.
        # [MS-SMB2] 3.3.1.4
        if cause in (BreakCause.SHARING, BreakCause.MOVE, BreakCause.DELETE):
            # Only HANDLE is lost: the client closes the opens that are in the way, and the
            # operation succeeds only after that.
            return True
        # An entry of a folder has changed already when its lease breaks, and nobody caches writes
        # to a folder. For a file, the client's cached writes have to arrive before the operation.
        return cause is not BreakCause.ENTRY and bool(self.caching & WRITE)

    def must_acknowledge(self) -> bool:
        """Return whether more than reads is cached. [MS-SMB2] 3.3.4.7"""
        return bool(self.caching & ~READ)

    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Send a Lease Break Notification. [MS-SMB2] 3.3.4.7"""
        # As Windows <248>: a break that follows on an acknowledgment has the same epoch.
        if not further:
            self.count()
        body = LeaseBreakNotification(
            new_epoch=self.epoch if self.version > 1 else 0,
            flags=NotifyBreakLeaseFlags.ACK_REQUIRED if acknowledge else 0,
            lease_key=self.key,
            current_lease_state=self.caching,
            new_lease_state=left,
        )
        return self.table.notify_client(self.client_guid, self.owner, body)

    def remove(self) -> None:
        """Remove the lease from all tables."""
        super().remove()
        self.table.remove(self)

    def response(self) -> CreateContext:
        """Return the context for the response to a CREATE with its key."""
        # A client that opens a file again while its own lease breaks is not made to wait: it gets
        # the lease as it was, and learns here that a break is under way. [MS-SMB2] 3.3.1.4
        flags = LeaseFlags(0)
        if self.state is GrantState.BREAKING:
            flags |= LeaseFlags.BREAK_IN_PROGRESS
        if self.version == 1:
            return LeaseV1(self.key, self.caching, flags).context()
        parent_key = bytes(16)
        if self.parent_key is not None:
            flags |= LeaseFlags.PARENT_LEASE_KEY_SET
            parent_key = self.parent_key
        return LeaseV2(self.key, self.caching, flags, parent_key, self.epoch).context()


class LeaseRequest:
    """The lease that a CREATE asks for; `parent_key` is that of the lease on the folder, if any.

    `owner` is the user: a client can give itself the GUID of another one.
    """

    __slots__ = ("client_guid", "epoch", "key", "owner", "parent_key", "state", "version")

    def __init__(self, owner: Identity, client_guid: bytes, body: LeaseV1 | LeaseV2) -> None:
        self.owner = owner
        self.client_guid = client_guid
        self.key = body.lease_key
        # Any other combination is granted nothing, but the CREATE does not fail for it. Servers
        # need not support more than these. [MS-SMB2] 3.3.1.4
        self.state = body.lease_state if body.lease_state in _VALID else NOTHING
        self.version = 1
        self.epoch = 0
        self.parent_key: bytes | None = None
        if isinstance(body, LeaseV2):
            self.version = 2
            self.epoch = body.epoch
            if body.flags & LeaseFlags.PARENT_LEASE_KEY_SET:
                self.parent_key = body.parent_lease_key


def lease_request_of(data: bytes | None, requester: Requester) -> LeaseRequest | None:
    """Return the lease that a CREATE asks for; StatusError INVALID_PARAMETER for a wrong size.

    None without one, or for a client that was not offered leases.
    """
    # Such a request is ignored, and not refused. [MS-SMB2] 3.3.5.9.8
    if data is None or requester.dialect < Dialect.SMB_2_1 or not requester.leasing:
        return None
    # Contexts of both versions have the same name, and only their sizes differ. [MS-SMB2] 3.3.5.9,
    # Oplock Acquisition
    client_guid, owner = requester.client_guid, requester.identity
    if len(data) == _V1_SIZE:
        return LeaseRequest(owner, client_guid, LeaseV1.decode(data))
    if len(data) == _V2_SIZE and requester.is_smb3:
        return LeaseRequest(owner, client_guid, LeaseV2.decode(data))
    raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")


class LeaseTable:
    """Every lease of the server, by client and key; those on folders by the folder, too.

    [MS-SMB2] 3.3.1.11

    A client has `break_seconds` to acknowledge a break; `notify_client` sends it the notification.
    """

    def __init__(self, break_seconds: float, notify_client: NotifyClient) -> None:
        self.break_seconds = break_seconds
        self.notify_client = notify_client
        # A client may have a lease on every folder that it shows, and a change concerns one folder.
        self._folders: dict[Hashable, list[Lease]] = {}
        self._leases: dict[tuple[bytes, bytes], Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def get(self, client_guid: bytes, key: bytes, owner: Identity) -> Lease | None:
        """Return a client's lease with this key, if it is of this user."""
        # Neither GUID nor key is a secret. Without this check another user could acknowledge a
        # break before the client has written back what it cached.
        lease = self._leases.get((client_guid, key))
        return lease if lease is not None and lease.owner == owner else None

    def find(self, request: LeaseRequest, storage: Storage, name: str) -> Lease | None:
        """Return the lease that an open of `name` is to join, if there is one already.

        StatusError INVALID_PARAMETER if the key belongs to another file.
        """
        lease = self.get(request.client_guid, request.key, request.owner)
        if lease is None:
            return None
        entry = lease.opens[0]
        # The names must match, unless the leased file is deleted on close. [MS-SMB2] 3.3.5.9.8
        same = entry.storage is storage and fold(entry.file.name) == fold(name)
        if not same and not any(other.mode.delete_on_close for other in lease.opens):
            raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE", name)
        return lease

    def grant(self, entry: Open, request: LeaseRequest) -> Lease | None:
        """Give a new open the lease that it asks for, as far as that is possible.

        A folder gets none of version 1. An existing lease is extended to all that is asked for or
        not at all, and never reduced. A key that another user has gets no lease.
        """
        lease = self._leases.get((request.client_guid, request.key))
        # Kept even if no lease is granted: changes through this open must not break the client's
        # own lease on the folder. [MS-FSA] 2.1.4.12.2
        entry.cache.parent_lease_key = request.parent_key
        # There is no WRITE caching of a directory. [MS-SMB2] 3.3.1.4
        wanted = request.state & ~WRITE if entry.is_directory else request.state
        if (
            lease is not None
            and lease.file_state is entry.file_state
            and lease.owner == request.owner
        ):
            self._join(lease, entry, wanted)
            return lease
        # The key is in use by another user or for another file; or it is of version 1, which knows
        # no leases on folders. The CREATE succeeds without a lease.
        if lease is not None or (entry.is_directory and request.version == 1):
            return None
        # If the whole cannot be granted, WRITE is left out first, and HANDLE after that.
        # [MS-SMB2] 3.3.5.9, Oplock Acquisition
        if wanted & WRITE and not can_cache(entry, wanted):
            wanted &= ~WRITE
        if wanted & HANDLE and not can_cache(entry, wanted):
            wanted &= ~HANDLE
        if wanted and not can_cache(entry, wanted):
            wanted = NOTHING
        # A lease that allows nothing is one all the same: the next CREATE with its key finds it,
        # and may be granted more.
        lease = Lease(self, entry, request, wanted)
        self._leases[lease.client_guid, lease.key] = lease
        if entry.is_directory:
            self._folders.setdefault(entry.file_state.key, []).append(lease)
        entry.cache.grant = lease
        return lease

    @staticmethod
    def _join(lease: Lease, entry: Open, wanted: int) -> None:
        # An open joins whatever is granted: opens with one key never break each other's cache.
        # [MS-SMB2] 3.3.1.4
        lease.opens.append(entry)
        entry.cache.grant = lease
        # An upgrade only: a CREATE that asks for less does not give up what other opens rely on.
        # While it breaks, the client has to acknowledge first. [MS-SMB2] 3.3.5.9.8
        more = wanted & ~lease.caching and not lease.caching & ~wanted
        if more and lease.state is GrantState.HELD and can_cache(entry, wanted, lease):
            lease.caching = wanted
            lease.count()

    def remove(self, lease: Lease) -> None:
        """Remove a lease without opens."""
        del self._leases[lease.client_guid, lease.key]
        folder = lease.file_state.key
        if lease in (leases := self._folders.get(folder, [])):
            leases.remove(lease)
            if not leases:
                del self._folders[folder]

    def entry_changed(self, file: StorageFile, parent_key: bytes | None) -> None:
        """Break the leases on the folder of `file`, in which an entry has changed.

        `parent_key` is that of the client's own lease on the folder, which is spared: the client
        knows of its change. No request waits for these breaks.
        """
        # Most servers have no lease on any folder, and this runs for every change.
        if self._folders:
            self.folder_changed(file.parent_key, parent_key)

    def folder_changed(self, folder: Hashable, parent_key: bytes | None) -> None:
        """Break the leases on the folder with this key of the storage, as `entry_changed`."""
        # A copy, since a client that cannot be notified loses its opens, and with them the lease.
        for lease in tuple(self._folders.get(folder, ())):
            if lease.caching and lease.key != parent_key:
                lease.reduce(lease.left_after(BreakCause.ENTRY))
