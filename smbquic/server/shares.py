"""The shares of a server; one whose folder was deleted and made again is opened anew."""

import logging
from collections.abc import Iterable

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.coroutines import StorageCoroutines
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.session import UserSessions
from smbquic.server.share import ServedShare, check_share_name
from smbquic.storage import Storage
from smbquic.storage.bridge import StorageBridge

_log = logging.getLogger(__name__)


class ShareTable(dict[str, ServedShare]):
    """The shares by name, without its case. Raises ValueError for a name that is taken."""

    def __init__(
        self,
        shares: Iterable[ServedShare],
        sessions: UserSessions,
        durables: DurableHandleTable,
        descriptors: Descriptors,
    ) -> None:
        super().__init__()
        self._sessions = sessions
        self._durables = durables
        self._descriptors = descriptors
        self._bridges: dict[Storage, tuple[StorageBridge, StorageCoroutines]] = {}
        for share in shares:
            self._insert(share)

    def _insert(self, share: ServedShare) -> None:
        check_share_name(share.name)
        key = share.name.casefold()
        if key in self:
            raise ValueError(f"there is a share named {share.name} already")
        self[key] = share
        self._bridge_coroutines(share)

    def _bridge_coroutines(self, share: ServedShare) -> None:
        """Have handlers wait for a storage with coroutines; it may be under several shares."""
        storage = share.storage
        if storage.coroutines:
            if storage not in self._bridges:
                coroutines = StorageCoroutines()
                self._bridges[storage] = StorageBridge(storage, coroutines.wait), coroutines
            share.wait_for_coroutines(*self._bridges[storage])

    def add(self, share: ServedShare) -> None:
        """Offer one more share to clients. Raises ValueError for a name that is taken."""
        self._insert(share)
        share.begin()

    def remove(self, name: str) -> None:
        """Offer a share no longer: its clients are disconnected from it, and its storage closed.

        Raises KeyError if there is none of that name.
        """
        share = self.pop(name.casefold())
        self._disconnect(share)
        share.end()
        if all(each.storage is not share.storage for each in self.values()):
            self._bridges = {
                key: bridge
                for key, bridge in self._bridges.items()
                if bridge[0] is not share.storage
            }
            self._sessions.background.when_done(share.storage.close)

    def end(self) -> None:
        """End what each share began, as nobody is served any more."""
        for share in self.values():
            share.end()

    def _disconnect(self, share: ServedShare) -> int:
        """End the trees of a share and what is open in them; return how many trees there were."""
        ended = self._sessions.disconnect_share(share)
        self._durables.close_share(share)
        self._descriptors.forget(share.storage)
        return ended

    def find(self, name: str) -> ServedShare | None:
        """Return the share of that name, in any case; None if there is none, and for IPC$."""
        return self.get(name.casefold())

    def reopen(self, share: ServedShare) -> None:
        """Serve the folder that was made in the place of a deleted one.

        Clients that are connected to the former folder have to connect anew. Raises StatusError
        BAD_NETWORK_NAME if none was made.
        """
        former = share.storage
        try:
            found = former.renewed()
        except OSError as error:
            if not share.missing:
                _log.warning(
                    "share %s: its folder was deleted, and cannot be opened again: %s; once it is"
                    " there, clients can connect to it without a restart",
                    share.name,
                    error,
                )
            share.missing = True
            raise StatusError.of(NtStatus.BAD_NETWORK_NAME, "TREE_CONNECT", share.name) from error
        share.missing = False
        if found is former:
            return
        ended = self._disconnect(share)
        share.replace(found)
        _log.warning(
            "share %s: its folder was deleted and made again: the new one is served, and %d"
            " connections to the former were ended",
            share.name,
            ended,
        )
