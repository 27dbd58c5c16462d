"""Every open file, its share modes, and its deletion on the last close. [MS-FSA] 2.1.5.1.2"""

import asyncio
import errno
import logging
from collections.abc import Hashable

from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.options.limits import Limits
from smbquic.overload.open_file_budget import OpenFileBudget, descriptor_limit
from smbquic.server.coroutines import StorageCoroutines
from smbquic.server.notify.notifier import ATTRIBUTES, CREATION, Notifier
from smbquic.server.opens.app_instances import AppInstanceTable
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.create_replay import CreateReplayTable
from smbquic.server.opens.durable_handles import DurableHandleTable
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.server.opens.leases import LeaseTable, NotifyClient
from smbquic.server.opens.open import FileState, Open
from smbquic.server.opens.open_names import OpenNames
from smbquic.server.opens.open_state import OpenEvent
from smbquic.server.opens.oplocks import begin_breaks
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.status import status_of
from smbquic.storage import Storage, StorageFile
from smbquic.wire.file_id import FileId

_log = logging.getLogger(__name__)


class FileTable:
    """Every open file of the server, over all shares and connections. [MS-SMB2] 3.3.1.9

    `leases`, `durables`, `app_instances` and `create_replays` are indexes of some of the opens.
    `descriptors` are the security descriptors of files, `notifier` notifies watches of changes,
    `budget` is how many files may be open. `failed_deletions` counts the files that could not be
    deleted on their last close.
    """

    def __init__(self, limits: Limits, notify_client: NotifyClient) -> None:
        self.leases = LeaseTable(limits.break_seconds, notify_client)
        self.durables = DurableHandleTable(limits)
        self.app_instances = AppInstanceTable()
        self.create_replays = CreateReplayTable()
        self.notifier = Notifier()
        self.descriptors = Descriptors()
        self.budget = OpenFileBudget(descriptor_limit())
        self.failed_deletions = 0
        self._states: dict[Hashable, FileState] = {}
        self._names = OpenNames()
        self._last_file_id = 0
        self._closings: set[asyncio.Task[None]] = set()

    def use_limits(self, limits: Limits) -> None:
        """Use these limits for breaks and durable opens from now on."""
        self.leases.break_seconds = limits.break_seconds
        self.durables.use_limits(limits)

    def __len__(self) -> int:
        return len(self._states)

    def next_file_id(self) -> FileId:
        """Return a FileId that no open of this server has had."""
        # Ids count up. Whoever waits for a break tells by them what was opened after it came.
        self._last_file_id += 1
        return FileId(self._last_file_id, self._last_file_id)

    def get(self, key: Hashable) -> FileState | None:
        """Return the state of a file; None if it is not open."""
        return self._states.get(key)

    def states(self) -> list[FileState]:
        """Return the states of all open files."""
        return list(self._states.values())

    def state(self, file: StorageFile) -> FileState:
        """Return the state of a file for a new open, a new one if the file is not open yet."""
        key = file.key
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = FileState(key)
            if file.stream:
                # Also if nobody has the file itself open: its deletion concerns its streams.
                state.whole = self.state(file.whole)
                state.whole.streams.append(state)
        return state

    def moved(self, state: FileState, key: Hashable) -> None:
        """Change the key of a stream that was renamed."""
        del self._states[state.key]
        state.key = key
        self._states[key] = state

    def discard(self, state: FileState) -> None:
        """Remove the state of a file that is not open any more."""
        # It may have been removed before, and another file may have its key by now.
        if state.opens or state.streams or self._states.get(state.key) is not state:
            return
        del self._states[state.key]
        if state.whole is not None:
            state.whole.streams.remove(state)

    def open_below(self, storage: Storage, folder: str) -> FileState | None:
        """Return the state of something that is open below a folder; None if there is nothing."""
        entry = self._names.find_below(storage, folder)
        return None if entry is None else entry.file_state

    def add(self, entry: Open) -> None:
        """Add a new open."""
        entry.file_state.add(entry)
        self._names.add(entry)

    def renamed(self, state: FileState) -> None:
        """Update the names of the opens of a file or folder that was renamed."""
        for entry in state.opens:
            self._names.renew(entry)

    def notify_folder_leases(self, entry: Open) -> None:
        """Break the leases of other clients on the folder, as the file has changed."""
        self.leases.entry_changed(entry.file, entry.cache.parent_lease_key)

    def close(self, entry: Open) -> OSError | None:
        """End an open: its locks, its share mode, and the file itself if that is to go.

        Returns what failed: a file that was to be deleted stays, or content did not reach the disk.
        Where a storage with coroutines has to be waited for, and the caller cannot, it is done
        later, and nothing is known of it.
        """
        share = entry.owner.tree.share
        if share is not None and share.coroutines is not None and not share.coroutines.can_wait():
            task = asyncio.get_running_loop().create_task(
                self._close_later(entry, share.coroutines)
            )
            self._closings.add(task)
            task.add_done_callback(self._closings.discard)
            return None
        # First, so that whoever is told of the close finds the open closed.
        entry.change(OpenEvent.CLOSE)
        if entry.tracking.renamed:
            # As Windows, which reports the file's attributes only now.
            self.notifier.modified(entry, ATTRIBUTES | CREATION)
        if entry.owner.session is not None:
            entry.owner.session.remove(entry)
        # A search holds the folder open until it is read to its end.
        entry.enumeration.search = None
        failed = self._remove(entry)
        for call in entry.tracking.on_close:
            call()
        return failed

    async def _close_later(self, entry: Open, coroutines: StorageCoroutines) -> None:
        session = entry.owner.session
        async with coroutines.lock:
            # It may have been closed meanwhile, or its owner may have reconnected to it.
            if entry in entry.file_state.opens and entry.owner.session is session:
                await coroutines.run(self.close, entry)

    async def wait_closed(self) -> None:
        """Wait until everything is closed that had to be closed later."""
        while self._closings:
            await asyncio.wait(self._closings)

    def _remove(self, entry: Open) -> OSError | None:
        """Remove an open from all tables, close or delete its file; return what failed."""
        # Requests that wait for a lock or a break are woken in here, and called again afterwards:
        # they find the open gone from every table.
        state, recovery = entry.file_state, entry.recovery
        state.remove(entry)
        self._names.remove(entry)
        state.locks.remove_owner(entry)
        if recovery.durable is not None:
            self.durables.remove(entry)
        if recovery.create is not None:
            self.create_replays.remove(entry)
        if recovery.app_instance is not None:
            self.app_instances.remove(entry)
        if entry.cache.grant is not None:
            entry.cache.grant.drop(entry)
        # Delete-on-close becomes the file's mark when any open with it is closed; the file goes
        # with the last open. [MS-FSA] 2.1.5.5, phases 1 and 3
        if entry.mode.delete_on_close:
            state.delete_pending, state.deleting_lease_key = True, entry.cache.parent_lease_key
            state.auditor = entry.tracking.auditor
        if entry.tracking.wrote:
            self.notify_folder_leases(entry)
        # Its watches end when the folder is marked, not when it is gone: other opens, which may
        # hold these watches themselves, keep it for as long as they like.
        if state.delete_pending:
            state.end_watches()
        failed = None
        # The file has to stay open for its deletion: by its name another file could be reached.
        if state.delete_pending and state.deleted_file is None:
            state.deleted_file, state.storage = entry.file, entry.storage
        else:
            failed = _close(entry.file)
        if state.opens:
            if entry.mode.delete_on_close:
                # The others keep the file from being deleted. Those that do so only because they
                # cache their open close it now.
                begin_breaks(state.grants, BreakCause.DELETE)
            return failed
        return self._finish(state, entry.cache.parent_lease_key) or failed

    def _finish(self, state: FileState, parent_key: bytes | None) -> OSError | None:
        """Remove a state that nothing refers to any more, and delete its file if it is marked."""
        if state.opens or state.streams:
            return None
        self.discard(state)
        failed = None
        if state.deleted_file is not None:
            # A lease on the folder is spared if its client both marked the file and closes it. If
            # these are two clients, each has to learn what the other has done.
            same = parent_key if parent_key == state.deleting_lease_key else None
            auditor = state.auditor if state.delete_pending else None
            failed = self._delete(
                state.deleted_file, same, state.storage, auditor, really=state.delete_pending
            )
        # With its last stream closed, a file that nobody has open itself ends, too.
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
            # A local program has removed or renamed it: the name to be deleted no longer exists.
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
            auditor.record(AuditEvent.DELETE, file.name, status)
        return failed


def _close(file: StorageFile) -> OSError | None:
    """Close a file; a network file system may fail now with what did not reach its disk."""
    try:
        file.close()
    except OSError as error:
        _log.warning("closing %r failed: %s", file.name, error)
        return error
    return None
