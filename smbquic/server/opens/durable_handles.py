"""Opens that outlive their connection, so that a client can come back to them.

[MS-SMB2] 3.3.5.9.6, 3.3.5.9.7, 3.3.5.9.10, 3.3.5.9.12, 3.3.7.1

A client may have that for what it holds a batch oplock or a handle lease on: as long as it does,
nobody else needs the file to be closed. When somebody does, while the client is away, its open is
closed at once, as nobody can be asked. Nothing survives the server, so no open is persistent.
"""

import asyncio
import logging
from collections.abc import Mapping

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.server.names import parse
from smbquic.server.opens.cache_states import HANDLE, WRITE
from smbquic.server.opens.grant_state import GrantState
from smbquic.server.opens.leases import Lease, LeaseRequest, lease_request_of
from smbquic.server.opens.open import Open
from smbquic.server.opens.open_parts import Durability, Requester
from smbquic.server.opens.open_state import OpenState
from smbquic.server.overload.budget import SharedBudget
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
_LONGEST = 300.0


class DurableHandleTable:
    """Every durable open of the server, by the part of its FileId that it keeps.

    One waits for its owner for `seconds`, where the client does not say for how long.
    """

    def __init__(self, limits: Limits) -> None:
        self.seconds = limits.durable_seconds
        self._opens: dict[int, Open] = {}
        self._waiting = SharedBudget(limits.disconnected, max(limits.disconnected // 2, 1))
        self._closed = False

    def __len__(self) -> int:
        return len(self._opens)

    def add(self, entry: Open, durability: Durability) -> None:
        """Makes an open durable."""
        entry.recovery.durable = durability
        self._opens[entry.file_id.persistent] = entry

    def get(self, persistent: int) -> Open | None:
        """The durable open of that id."""
        return self._opens.get(persistent)

    def keep(self, entry: Open) -> bool:
        """Lets a durable open wait for its owner, whose session is over; False if it cannot.

        What somebody else may want to write to by then keeps no byte-range locks.
        """
        durable, grant = entry.recovery.durable, entry.cache.grant
        if (
            self._closed
            or durable is None
            or grant is None
            or grant.state is not GrantState.HELD
            or not grant.caching & HANDLE
            or (not grant.caching & WRITE and entry.file_state.locks.count_of(entry))
            or not self._waiting.has_room(entry.memory.user)
        ):
            return False
        self._waiting.change(entry.memory.user, 1)
        loop = asyncio.get_running_loop()
        durable.timer = loop.call_later(durable.seconds, self._give_up, entry)
        return True

    def _give_up(self, entry: Open) -> None:
        _log.info("%r is closed, as nobody came back for it", entry.file.name)
        entry.close()

    def reclaim(self, entry: Open) -> None:
        """The owner is back."""
        durable = entry.recovery.durable
        assert durable is not None
        if durable.timer is not None:
            durable.timer.cancel()
            durable.timer = None
            self._waiting.change(entry.memory.user, -1)

    def remove(self, entry: Open) -> None:
        """Forgets a durable open, as it is being closed."""
        self.reclaim(entry)
        del self._opens[entry.file_id.persistent]

    def close_share(self, share: ServedShare) -> None:
        """Closes what waits for its owner in a share whose folder is gone."""
        for entry in list(self._opens.values()):
            if entry.state is OpenState.DISCONNECTED and entry.owner.tree.share is share:
                entry.close()

    def close(self) -> None:
        """Closes what waits for its owner, and lets nothing wait any more."""
        self._closed = True
        for entry in list(self._opens.values()):
            if entry.state is OpenState.DISCONNECTED:
                entry.close()


def check_contexts(contexts: Contexts, requester: Requester) -> Contexts:
    """Return the contexts that count: dialects before 3.0 know nothing of version 2.

    StatusError INVALID_PARAMETER for versions that are mixed, or a request for durability by who
    comes back with version 2.
    """
    names = contexts.keys()
    if names.isdisjoint(_V2):
        return contexts
    if not requester.is_smb3:
        return {name: data for name, data in contexts.items() if name not in _V2}
    if not names.isdisjoint(_V1) or names >= _V2:
        raise StatusError(NtStatus.INVALID_PARAMETER, "CREATE")
    return contexts


def make_durable(
    table: DurableHandleTable, entry: Open, contexts: Contexts, requester: Requester
) -> None:
    """Make a new open durable, if that was asked for and can be."""
    second = contexts.get(CREATE_DURABLE_HANDLE_REQUEST_V2)
    if second is None and CREATE_DURABLE_HANDLE_REQUEST not in contexts:
        return
    identity, grant = requester.identity, entry.cache.grant
    anybody = identity.guest or identity.anonymous
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
    """Return what is said of it to who has asked for it; nothing to who has come back."""
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
    """Return the open that its owner comes back for, which waits no more; None if it does not.

    The owner may use the first version for what was opened with the second.

    StatusError OBJECT_NAME_NOT_FOUND for what is not there any more or was another; ACCESS_DENIED
    for who is not the owner; INVALID_PARAMETER for another name, or for who thinks it persistent.
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
    table.reclaim(entry)
    return entry


def _fits(entry: Open, lease: LeaseRequest | None, create_guid: bytes | None) -> bool:
    """Whether an open waits for somebody who knows as much of it as its owner."""
    durable, held = entry.recovery.durable, entry.cache.grant
    assert durable is not None
    if (
        entry.state is not OpenState.DISCONNECTED
        or (create_guid is not None and durable.create_guid != create_guid)
        or held is None
        or not held.caching & HANDLE
    ):
        return False
    if not isinstance(held, Lease):
        return lease is None
    return (
        lease is not None
        and durable.client_guid == lease.client_guid
        and (held.key, held.version) == (lease.key, lease.version)
    )


def _is_called(entry: Open, name: str) -> bool:
    """Whether a CREATE of this name may mean an open; what is to be deleted may be called anything.

    [MS-SMB2] 3.3.5.9.7, Open.Lease.FileDeleteOnClose
    """
    assert entry.cache.grant is not None
    if any(other.mode.delete_on_close for other in entry.cache.grant.opens):
        return True
    return fold(entry.file.name) == fold(parse(name).full)
