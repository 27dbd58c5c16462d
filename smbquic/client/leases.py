"""Leases as the client has them: what the server allows to cache of one file or folder.

[MS-SMB2] 3.2.1.5, 3.2.4.3.8
"""

import os
from dataclasses import replace

from smbquic.client.lease_breaks import LeaseHolder
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import WireError
from smbquic.wire.create import CreateRequest, CreateResponse, OplockLevel
from smbquic.wire.create_context import find
from smbquic.wire.create_contexts import (
    CREATE_REQUEST_LEASE,
    LeaseFlags,
    LeaseState,
    LeaseV2,
    decode_lease,
)
from smbquic.wire.negotiate import Dialect, GlobalCapabilities
from smbquic.wire.oplock_break import LeaseBreakNotification

READ = int(LeaseState.READ_CACHING)
HANDLE = int(LeaseState.HANDLE_CACHING)
WRITE = int(LeaseState.WRITE_CACHING)
NOTHING = 0

_EPOCHS = 1 << 16
_NEWER = _EPOCHS // 2


def grants_leases(tree: TreeConnect, capability: GlobalCapabilities) -> bool:
    """Return whether the server knows leases of version 2: LEASING, or DIRECTORY_LEASING."""
    protocol = tree.connection.protocol
    if protocol.server is None or protocol.dialect is None:
        return False
    return protocol.dialect >= Dialect.SMB_3_0 and bool(protocol.server.capabilities & capability)


class OpenLease:
    """The lease of an open, which caches nothing and gives it back as soon as the server asks.

    It only lets a server keep a durable handle ([MS-SMB2] 3.3.5.9.10).
    """

    capability = GlobalCapabilities.LEASING

    def __init__(self, wanted: int, parent_key: bytes | None = None) -> None:
        self.key = os.urandom(16)
        self.wanted = wanted
        self.parent_key = parent_key

    @property
    def holder(self) -> LeaseHolder | None:
        """Who has to be told of a break."""
        return None

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        """Return a CREATE that asks for the lease, if the server knows leases.

        From then on its breaks are answered: one may come before the response to the CREATE.
        """
        if not grants_leases(tree, self.capability):
            return opening
        tree.channels.lease_breaks.add(self.key, tree.target, self.holder)
        return with_lease(opening, self.key, self.wanted, self.parent_key)

    def opened(self, response: CreateResponse) -> None:
        """Note what the server has granted."""

    def closed(self, tree: TreeConnect) -> None:
        """Note that an open with the lease is closed, or about to be."""
        tree.channels.lease_breaks.remove(self.key)


def with_lease(
    opening: CreateRequest, key: bytes, wanted: int, parent_key: bytes | None
) -> CreateRequest:
    """Return a CREATE with a lease. [MS-SMB2] 2.2.13.2.10

    With the `parent_key` of the lease on the folder, it does not break that lease.
    """
    lease = LeaseV2(key, wanted)
    if parent_key is not None:
        lease.flags, lease.parent_lease_key = LeaseFlags.PARENT_LEASE_KEY_SET, parent_key
    return replace(
        opening,
        requested_oplock_level=OplockLevel.OPLOCK_LEVEL_LEASE,
        contexts=[*opening.contexts, lease.context()],
    )


class CacheLease(OpenLease):
    """A lease to cache under, for any number of opens. [MS-SMB2] 3.2.5.7.5, 3.2.5.19.2

    Subclasses drop what they keep in `purge`, and write back and close in `give_back`. The state is
    worth nothing once a connection of its session is lost: a break may have been lost with it.
    """

    def __init__(self, wanted: int, parent_key: bytes | None = None) -> None:
        super().__init__(wanted, parent_key)
        self._tree: TreeConnect | None = None
        self._losses = 0
        self._state = NOTHING
        self._epoch: int | None = None

    @property
    def holder(self) -> LeaseHolder | None:
        """Itself: see `OpenLease`."""
        return self

    @property
    def state(self) -> int:
        """What may be cached now."""
        if self._tree is None or self._tree.connection.closed:
            return NOTHING
        return self._state if self._losses == self._tree.channels.losses else NOTHING

    def request(self, tree: TreeConnect, opening: CreateRequest) -> CreateRequest:
        """See `OpenLease`."""
        channels = tree.channels
        if self._tree is None or (channels, channels.losses) != (self._tree.channels, self._losses):
            # Whatever was granted in another session, or before a loss, is not to be relied on.
            self._reset(tree)
            self._losses = channels.losses
        return super().request(tree, opening)

    def opened(self, response: CreateResponse) -> None:
        """Take over what the server has granted, and no more than was asked for."""
        granted = _granted(response, self.key)
        if granted is None:
            return
        state = granted.lease_state & self.wanted
        steps = self._steps_to(granted.epoch)
        if steps >= _NEWER:
            return  # a break has overtaken this response
        if steps > 1:
            self.purge()  # something was lost in between, and has come back
        self._state = state if steps else self._state & state
        self._epoch = granted.epoch

    def closed(self, tree: TreeConnect) -> None:
        """See `OpenLease`: there may be other opens. The last of them is followed by `end`."""

    def end(self) -> None:
        """Cache nothing any more, and answer no breaks: the last open is closed."""
        if self._tree is not None:
            self._tree.channels.lease_breaks.remove(self.key)
        self._reset(None)

    def reduce(self, notification: LeaseBreakNotification) -> None:
        """See `LeaseHolder`."""
        # What a break takes away is dropped whatever its epoch is: that somebody has mixed up the
        # order of messages costs a request then, and nothing worse.
        left = self._state & notification.new_lease_state
        steps = self._steps_to(notification.new_epoch)
        if steps < _NEWER:
            self._epoch = notification.new_epoch
        lost = self._state & ~left
        self._state = left
        if lost & READ or steps > 1:
            self.purge()

    async def give_back(self) -> bool:
        """See `LeaseHolder`."""
        return True

    def purge(self) -> None:
        """Drop everything that is kept under the lease."""

    def _steps_to(self, epoch: int) -> int:
        """Return how often the lease has changed up to `epoch`; `_NEWER` and more is the past."""
        return 1 if self._epoch is None else (epoch - self._epoch) % _EPOCHS

    def _reset(self, tree: TreeConnect | None) -> None:
        self._tree, self._state, self._epoch = tree, NOTHING, None
        self.purge()


def _granted(response: CreateResponse, key: bytes) -> LeaseV2 | None:
    """Return the lease of a response, if it is the one that was asked for."""
    if response.oplock_level != OplockLevel.OPLOCK_LEVEL_LEASE:
        return None
    data = find(response.contexts, CREATE_REQUEST_LEASE)
    if data is None:
        return None
    try:
        lease = decode_lease(data)
    except WireError:
        return None
    return lease if isinstance(lease, LeaseV2) and lease.lease_key == key else None
