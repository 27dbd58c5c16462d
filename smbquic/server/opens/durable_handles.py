"""Durable opens, to which a client that has lost its connection can reconnect.

[MS-SMB2] 3.3.5.9.6, 3.3.5.9.7, 3.3.5.9.10, 3.3.5.9.12, 3.3.7.1

An open may be durable as long as its client holds a batch oplock or a lease with handle caching:
then no other client needs the file to be closed. When another client does, while the owner is away,
the open is closed at once, as there is no connection for a break. Opens do not survive the server,
so none is persistent.
"""

import asyncio
import logging
from collections.abc import Mapping

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload.budget import SharedBudget
from smbquic.server.names import parse
from smbquic.server.opens.cache_states import HANDLE, WRITE
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.leases import Lease, LeaseRequest, lease_request_of
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parts import Durability, Requester
from smbquic.server.opens.open_state import OpenState
from smbquic.server.share import ServedShare
from smbquic.storage.names import fold
from smbquic.wire.create_context import CreateContext
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_RECONNECT,
    CREATE_DURABLE_HANDLE_RECONNECT_V2,
    CREATE_DURABLE_HANDLE_REQUEST,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    CREATE_REQUEST_LEASE,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    DurableHandleResponse,
    DurableHandleResponseV2,
)

Contexts = Mapping[bytes, bytes]

_log = logging.getLogger(__name__)

_V1 = frozenset({CREATE_DURABLE_HANDLE_REQUEST, CREATE_DURABLE_HANDLE_RECONNECT})
_V2 = frozenset({CREATE_DURABLE_HANDLE_REQUEST_V2, CREATE_DURABLE_HANDLE_RECONNECT_V2})
# Seconds that a client may ask for at most. [MS-SMB2] 3.3.5.9.10
_LONGEST = 300.0


class DurableHandleTable:
    """Every durable open of the server, by the persistent part of its FileId.

    One waits for its owner for `seconds`, unless the client asks for another time.
    """

    def __init__(self, limits: Limits) -> None:
        self.seconds = limits.durable_seconds
        self._opens: dict[int, Open] = {}
        self._waiting = SharedBudget(limits.disconnected, max(limits.disconnected // 2, 1))
        self._closed = False

    def use_limits(self, limits: Limits) -> None:
        """Use these limits for opens that lose their client from now on."""
        self.seconds = limits.durable_seconds
        self._waiting.total = limits.disconnected
        self._waiting.of_user = max(limits.disconnected // 2, 1)

    def __len__(self) -> int:
        return len(self._opens)

    @property
    def disconnected(self) -> int:
        """How many wait for their client to reconnect."""
        return self._waiting.used

    def add(self, entry: Open, durability: Durability) -> None:
        """Make an open durable."""
        entry.recovery.durable = durability
        self._opens[entry.file_id.persistent] = entry

    def get(self, persistent: int) -> Open | None:
        """Return the durable open of that id."""
        return self._opens.get(persistent)

    def keep(self, entry: Open) -> bool:
        """Let a durable open wait for its owner, whose session has ended; False if it cannot.

        [MS-SMB2] 3.3.7.1
        """
        # An open that is not durable ends with its session. So does every open when the server
        # stops: nobody could reconnect to it.
        durable, grant = entry.recovery.durable, entry.cache.grant
        if self._closed or durable is None:
            return False
        # During a break, or without handle caching, another client may need this open to be closed,
        # and there would be no connection to ask the owner for it.
        if grant is None or grant.state is not GrantState.HELD or not grant.caching & HANDLE:
            return False
        # Without write caching another client may have the file open for writing: a lock
        # whose owner is away would block it for minutes.
        if not grant.caching & WRITE and entry.file_state.locks.count_of(entry):
            return False
        # Each takes a descriptor and memory, and a client could leave any number of them behind.
        if not self._waiting.has_room(entry.memory.user):
            return False
        self._waiting.change(entry.memory.user, 1)
        loop = asyncio.get_running_loop()
        durable.timer = loop.call_later(durable.seconds, self._time_out, entry)
        return True

    def _time_out(self, entry: Open) -> None:
        """Close an open whose owner has not come back in time. [MS-SMB2] 3.3.6.2"""
        _log.info("%r is closed, as its owner did not reconnect in time", entry.file.name)
        entry.close()

    def reclaim(self, entry: Open) -> None:
        """End the wait of an open: its owner is back, or it is closed."""
        durable = entry.recovery.durable
        assert durable is not None
        # One that has never lost its session has no timer, and is not counted as waiting.
        if durable.timer is not None:
            durable.timer.cancel()
            durable.timer = None
            self._waiting.change(entry.memory.user, -1)

    def remove(self, entry: Open) -> None:
        """Remove a durable open that is being closed."""
        self.reclaim(entry)
        del self._opens[entry.file_id.persistent]

    def close_share(self, share: ServedShare) -> None:
        """Close the opens that wait for their owners in a share whose folder was deleted."""
        # A copy, since each one that is closed leaves the table.
        for entry in list(self._opens.values()):
            if entry.state is OpenState.DISCONNECTED and entry.owner.tree.share is share:
                entry.close()

    def close(self) -> None:
        """Close the opens that wait for their owners, and let no further ones wait."""
        self._closed = True
        for entry in list(self._opens.values()):
            if entry.state is OpenState.DISCONNECTED:
                entry.close()


def check_contexts(contexts: Contexts, requester: Requester) -> Contexts:
    """Return the contexts without those that the dialect does not know: version 2 is of SMB 3.

    StatusError INVALID_PARAMETER for both versions in one request, and for a request and a
    reconnect of version 2. [MS-SMB2] 3.3.5.9.12
    """
    names = contexts.keys()
    if names.isdisjoint(_V2):
        return contexts
    if not requester.is_smb3:
        # Older dialects do not know these contexts, and unknown ones are ignored.
        return {name: data for name, data in contexts.items() if name not in _V2}
    if not names.isdisjoint(_V1) or names >= _V2:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    return contexts


def make_durable(
    table: DurableHandleTable, entry: Open, contexts: Contexts, requester: Requester
) -> None:
    """Make a new open durable, if that was asked for and is possible.

    [MS-SMB2] 3.3.5.9.6, 3.3.5.9.10
    """
    second = contexts.get(CREATE_DURABLE_HANDLE_REQUEST_V2)
    if second is None and CREATE_DURABLE_HANDLE_REQUEST not in contexts:
        return
    identity, grant = requester.identity, entry.cache.grant
    # Anybody can be a guest: the owner could not be distinguished from another one.
    anybody = identity.guest or identity.anonymous
    # Without handle caching, others may need the open closed while its owner is away. What counts
    # is what was granted: [MS-SMB2] 3.3.5.9.6 leaves durability to the object store.
    if anybody or entry.is_directory or grant is None or not grant.caching & HANDLE:
        return
    seconds, client_guid = table.seconds, requester.client_guid
    if second is None:
        table.add(entry, Durability(identity, client_guid, seconds))
        return
    wanted = DurableHandleRequestV2.decode(second)
    if wanted.timeout:
        seconds = min(wanted.timeout / 1000, _LONGEST)
    table.add(entry, Durability(identity, client_guid, seconds, wanted.create_guid))


def responses(durable: Durability, contexts: Contexts) -> list[CreateContext]:
    """Return the context that answers a request for durability; a reconnect has none."""
    if CREATE_DURABLE_HANDLE_REQUEST_V2 in contexts:
        return [DurableHandleResponseV2(int(durable.seconds * 1000)).context()]
    asked = CREATE_DURABLE_HANDLE_REQUEST in contexts
    if asked and CREATE_DURABLE_HANDLE_RECONNECT not in contexts:
        return [DurableHandleResponse().context()]
    return []


def reconnect(
    table: DurableHandleTable,
    contexts: Contexts,
    requester: Requester,
    share: ServedShare,
    name: str,
) -> Open | None:
    """Return the open that a CREATE reconnects to; None if it does not ask for that.

    An open that was made durable with version 2 can be reconnected to with version 1.

    StatusError OBJECT_NAME_NOT_FOUND for an open that is closed or that the request does not match;
    ACCESS_DENIED for another user; INVALID_PARAMETER for another name, or if it asks for a
    persistent open. [MS-SMB2] 3.3.5.9.7, 3.3.5.9.12
    """
    first = contexts.get(CREATE_DURABLE_HANDLE_RECONNECT)
    second = contexts.get(CREATE_DURABLE_HANDLE_RECONNECT_V2)
    create_guid: bytes | None = None
    persistent = False
    if second is not None:
        body = DurableHandleReconnectV2.decode(second)
        create_guid, file_id = body.create_guid, body.file_id
        persistent = bool(body.flags & DurableHandleFlags.PERSISTENT)
    elif first is not None:
        file_id = DurableHandleReconnect.decode(first).file_id
    else:
        return None
    # The order of the checks is that of [MS-SMB2] 3.3.5.9.7: who does not know lease and GUID does
    # not learn whether the open exists, and whose it is comes last.
    lease = lease_request_of(contexts.get(CREATE_REQUEST_LEASE), requester)
    entry = table.get(file_id.persistent)
    if entry is None or entry.owner.tree.share is not share or not _fits(entry, lease, create_guid):
        raise StatusError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", name)
    durable = entry.recovery.durable
    assert durable is not None
    if persistent or (lease is not None and not _is_called(entry, name)):
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE", name)
    if durable.owner != requester.identity:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", name)
    # Every check is passed: from here on the open has its owner back, and cannot time out.
    table.reclaim(entry)
    return entry


def _fits(entry: Open, lease: LeaseRequest | None, create_guid: bytes | None) -> bool:
    """Return whether an open waits for its owner, and the request matches its lease and GUID."""
    durable, held = entry.recovery.durable, entry.cache.grant
    assert durable is not None
    # An open whose session still lives is not given to another one; without handle caching it is
    # not durable any more. [MS-SMB2] 3.3.5.9.7
    if (
        entry.state is not OpenState.DISCONNECTED
        or (create_guid is not None and durable.create_guid != create_guid)
        or held is None
        or not held.caching & HANDLE
    ):
        return False
    if not isinstance(held, Lease):
        return lease is None
    # The key, and the version, in which the response describes the lease.
    return (
        lease is not None
        and durable.client_guid == lease.client_guid
        and (held.key, held.version) == (lease.key, lease.version)
    )


def _is_called(entry: Open, name: str) -> bool:
    """Return whether an open has this name; one that is deleted on close may be given any.

    [MS-SMB2] 3.3.5.9.7, Open.Lease.FileDeleteOnClose
    """
    assert entry.cache.grant is not None
    if any(other.mode.delete_on_close for other in entry.cache.grant.opens):
        return True
    return fold(entry.file.name) == fold(parse(name).full)
