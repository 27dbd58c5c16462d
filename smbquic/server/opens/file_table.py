"""Which files are open, by whom and how: share modes and pending deletion ([MS-FSA] 2.1.5.1.2)."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import Event
from smbquic.server.notify.notifier import Notifier
from smbquic.server.opens.locks import Locks
from smbquic.server.opens.open_names import OpenNames
from smbquic.server.opens.oplocks import BreakCause, begin_breaks
from smbquic.server.status import status_of
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess

if TYPE_CHECKING:
    from smbquic.server.opens.app_instances import AppInstanceTable
    from smbquic.server.opens.create_replay import CreateReplayTable
    from smbquic.server.opens.durable_handles import DurableHandleTable
    from smbquic.server.opens.file_audit import FileAuditor
    from smbquic.server.opens.leases import LeaseTable
    from smbquic.server.opens.open import Open
    from smbquic.server.opens.oplocks import CacheGrant
    from smbquic.storage import Storage, StorageFile

_log = logging.getLogger(__name__)

_READS = int(AccessMask.FILE_READ_DATA | AccessMask.FILE_EXECUTE)
_WRITES = int(AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA)
_DELETES = int(AccessMask.DELETE)
_SHARES_DELETION = int(ShareAccess.FILE_SHARE_DELETE)
_CONTENT = _READS | _WRITES | _DELETES
_SHARED = (
    (_READS, int(ShareAccess.FILE_SHARE_READ)),
    (_WRITES, int(ShareAccess.FILE_SHARE_WRITE)),
    (_DELETES, int(ShareAccess.FILE_SHARE_DELETE)),
)


@dataclass(slots=True, eq=False)
class FileState:
    """What all opens of one underlying file, or of one named stream of it, share.

    It lives as long as one of them does, a file's also as long as its streams' do: those are in
    `streams`, and have their file in `whole`. `grants` are those who may cache something of it.
    `delete_pending` may be set and cleared by SET_INFO; what it is about goes when its last open
    closes. `deleter` is the `parent_key` of the open that wants it so, and `auditor` is its own.
    `reserved` is how many bytes of the disk a client has asked for: they are only said to be there,
    until the file is closed.
    """

    key: Hashable
    whole: FileState | None = None
    streams: list[FileState] = field(default_factory=list)
    opens: dict[Open, None] = field(default_factory=dict)
    _modes: Counter[tuple[int, int]] = field(default_factory=Counter)
    grants: list[CacheGrant] = field(default_factory=list)
    locks: Locks = field(default_factory=Locks)
    delete_pending: bool = False
    deleter: bytes | None = None
    auditor: FileAuditor | None = None
    reserved: int = 0
    # The open file whose name is to go, if the open that asked for it is closed already.
    doomed: StorageFile | None = None
    storage: Storage | None = None

    def add(self, entry: Open) -> None:
        """Takes a new open in."""
        self.opens[entry] = None
        self._modes[entry.granted_access, entry.share_access] += 1

    def remove(self, entry: Open) -> None:
        """Forgets an open."""
        del self.opens[entry]
        mode = entry.granted_access, entry.share_access
        self._modes[mode] -= 1
        if not self._modes[mode]:
            del self._modes[mode]

    def end_watches(self) -> None:
        """Tells those who wait for changes in a folder that it is about to go."""
        for entry in self.opens:
            if entry.watch is not None:
                entry.watch.end(NtStatus.DELETE_PENDING)

    def check_open(self, granted_access: int, share_access: int) -> None:
        """StatusError DELETE_PENDING or SHARING_VIOLATION if a further open is not allowed.

        Whoever deletes a file deletes its streams, and so collides with their opens too
        ([MS-FSA] 2.1.5.1.2.1).
        """
        if self.delete_pending or (self.whole is not None and self.whole.delete_pending):
            raise StatusError.of(NtStatus.DELETE_PENDING)
        if any(
            _conflict(held_access, held_share, granted_access, share_access)
            for held_access, held_share in self._modes
        ):
            raise StatusError.of(NtStatus.SHARING_VIOLATION)
        if (
            granted_access & _DELETES
            and any(
                held_access & _CONTENT and not held_share & _SHARES_DELETION
                for stream in self.streams
                for held_access, held_share in stream._modes
            )
        ) or (
            self.whole is not None
            and granted_access & _CONTENT
            and not share_access & _SHARES_DELETION
            and any(held_access & _DELETES for held_access, _ in self.whole._modes)
        ):
            raise StatusError.of(NtStatus.SHARING_VIOLATION)


class FileTable:
    """Every open file of the server, over all shares and connections.

    What is deleted is told to `leases`, as it changes a folder. `failed_deletions` counts what was
    to be deleted on its last close, and could not be.
    """

    def __init__(
        self,
        leases: LeaseTable,
        durables: DurableHandleTable,
        app_instances: AppInstanceTable,
        create_replays: CreateReplayTable,
    ) -> None:
        self.leases = leases
        self.durables = durables
        self.app_instances = app_instances
        self.create_replays = create_replays
        self._states: dict[Hashable, FileState] = {}
        self._names = OpenNames()
        self.notifier = Notifier()
        self.failed_deletions = 0

    def __len__(self) -> int:
        return len(self._states)

    def get(self, key: Hashable) -> FileState | None:
        """The state of a file if anyone has it open."""
        return self._states.get(key)

    def state(self, file: StorageFile) -> FileState:
        """The state of a file for a new open, made if nobody has the file open."""
        key = file.key
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = FileState(key)
            if file.stream:
                state.whole = self.state(file.whole)
                state.whole.streams.append(state)
        return state

    def moved(self, state: FileState, key: Hashable) -> None:
        """Takes note that a stream has another key now."""
        del self._states[state.key]
        state.key = key
        self._states[key] = state

    def discard(self, state: FileState) -> None:
        """Forgets a state that nobody has open."""
        if state.opens or state.streams or self._states.get(state.key) is not state:
            return
        del self._states[state.key]
        if state.whole is not None:
            state.whole.streams.remove(state)

    def open_below(self, storage: Storage, folder: str) -> FileState | None:
        """Something in a folder of a storage that is open, at whatever depth."""
        entry = self._names.find_below(storage, folder)
        return None if entry is None else entry.state

    def add(self, entry: Open) -> None:
        """Takes a new open in."""
        entry.state.add(entry)
        self._names.add(entry)

    def renamed(self, state: FileState) -> None:
        """Takes note that a file, or a stream, may go by another name now."""
        for entry in state.opens:
            self._names.renew(entry)

    def remove(self, entry: Open) -> OSError | None:
        """Takes an open out, closes its file, and deletes that if it is time.

        Returns what failed of it; the log has been told.
        """
        state = entry.state
        state.remove(entry)
        self._names.remove(entry)
        state.locks.remove_owner(entry)
        if entry.durable is not None:
            self.durables.remove(entry)
        if entry.creation is not None:
            self.create_replays.remove(entry)
        if entry.application is not None:
            self.app_instances.remove(entry)
        if entry.grant is not None:
            entry.grant.drop(entry)
        if entry.delete_on_close:
            state.delete_pending, state.deleter = True, entry.parent_key
            state.auditor = entry.auditor
        if entry.wrote:
            self.leases.entry_changed(entry.file, entry.parent_key)
        if state.delete_pending:
            state.end_watches()
        failed = None
        if state.delete_pending and state.doomed is None:
            state.doomed, state.storage = entry.file, entry.tree.storage
        else:
            failed = _close(entry.file)
        if state.opens:
            if entry.delete_on_close:
                begin_breaks(state.grants, BreakCause.DELETE)
            return failed
        return self._finish(state, entry.parent_key) or failed

    def _finish(self, state: FileState, parent_key: bytes | None) -> OSError | None:
        """Lets go of a state once nobody needs it any more, and of its file if that is to go."""
        if state.opens or state.streams:
            return None
        self.discard(state)
        failed = None
        if state.doomed is not None:
            # Who asked for it and who makes it come true may be two; then both leases suffer.
            same = parent_key if parent_key == state.deleter else None
            auditor = state.auditor if state.delete_pending else None
            failed = self._delete(
                state.doomed, same, state.storage, auditor, really=state.delete_pending
            )
        if state.whole is not None:
            failed = self._finish(state.whole, parent_key) or failed
        return failed

    def _delete(
        self,
        file: StorageFile,
        parent_key: bytes | None,
        storage: Storage | None,
        auditor: FileAuditor | None,
        *,
        really: bool,
    ) -> OSError | None:
        status, failed = NtStatus.SUCCESS, None
        try:
            if really:
                file.delete()
                assert storage is not None
                self.notifier.removed(storage, file.name, is_directory=file.is_directory)
                self.leases.entry_changed(file, parent_key)
        except FileNotFoundError as error:
            # A local program has removed or renamed it: the name that was to go is gone.
            status = status_of(error)
        except OSError as error:
            # A folder that was filled meanwhile, or rights that were changed since it was marked.
            status = status_of(error)
            if error.errno != errno.ENOTEMPTY:
                # A CLOSE on Windows succeeds for a folder that has been filled, and clients rely
                # on that: smbtorture's smb2.notify does.
                failed = error
            self.failed_deletions += 1
            _log.warning("%r was to be deleted on its last close, but stays: %s", file.name, error)
        failed = _close(file) or failed
        if auditor is not None:
            auditor.record(Event.DELETE, file.name, status)
        return failed


def _close(file: StorageFile) -> OSError | None:
    """Close a file; a network file system may fail now with what did not reach its disk."""
    try:
        file.close()
    except OSError as error:
        _log.warning("closing %r failed: %s", file.name, error)
        return error
    return None


def _conflict(held_access: int, held_share: int, wanted_access: int, wanted_share: int) -> bool:
    """[MS-FSA] 2.1.5.1.2.2; opens that touch no content, such as for attributes, never collide."""
    if not (held_access & _CONTENT and wanted_access & _CONTENT):
        return False
    return any(
        (held_access & rights and not wanted_share & shared)
        or (wanted_access & rights and not held_share & shared)
        for rights, shared in _SHARED
    )
