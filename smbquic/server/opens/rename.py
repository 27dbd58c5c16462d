"""Renaming a file, or giving it a further name. [MS-FSA] 2.1.5.15.7, 2.1.5.15.12"""

from collections.abc import Hashable
from typing import Protocol

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.names import parse_stream
from smbquic.server.notify.notifier import Notifier
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.leases import LeaseTable
from smbquic.server.opens.open import FileState, Open
from smbquic.server.opens.oplocks import break_for_open, break_grants, break_others
from smbquic.server.security import security_descriptors
from smbquic.server.security.accounts import Token
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.security.rights import granted
from smbquic.storage import READONLY, Capability, PathNotFound, Storage, StorageFile
from smbquic.storage.names import fold, parent_of
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess
from smbquic.wire.dtyp.security_descriptor import SecurityDescriptorControl

_PRESENT = int(SecurityDescriptorControl.DP)
_ADD_FILE = int(AccessMask.FILE_ADD_FILE)
_ADD_SUBDIRECTORY = int(AccessMask.FILE_ADD_SUBDIRECTORY)
_WRITE_ATTRIBUTES = int(AccessMask.FILE_WRITE_ATTRIBUTES)
_DELETE = int(AccessMask.DELETE)
_DELETE_CHILD = int(AccessMask.FILE_DELETE_CHILD)
_SHARED = int(ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE)


class RenameTable(Protocol):
    """The table of all opens, as far as a rename needs it."""

    def get(self, key: Hashable) -> FileState | None:
        """Return the state of a file; None if it is not open."""

    def open_below(self, storage: Storage, folder: str) -> FileState | None:
        """Return the state of something that is open below a folder; None if there is nothing."""

    def moved(self, state: FileState, key: Hashable) -> None:
        """Change the key of a stream that was renamed."""

    def renamed(self, state: FileState) -> None:
        """Update the names of the opens of a file or folder that was renamed."""


class Renamer:
    """The service that renames open files of a storage for one user.

    `table` has all opens. `since` is the last FileId of the time when the request came, if it had
    to wait.
    """

    def __init__(
        self,
        table: RenameTable,
        descriptors: Descriptors,
        notifier: Notifier,
        leases: LeaseTable,
        storage: Storage,
        token: Token,
        since: int | None = None,
    ) -> None:
        self._table = table
        self._descriptors = descriptors
        self._notifier = notifier
        self._leases = leases
        self._storage = storage
        self._token = token
        self._since = since

    def rename(self, entry: Open, new_name: str, *, replace: bool) -> None:
        """Rename an open file or folder to `new_name`.

        Raises `RetryAfter` until all breaks are acknowledged; StatusError ACCESS_DENIED for the
        root, for a file that is marked for deletion, for a folder with open files in it, and where
        the target cannot be replaced; SHARING_VIOLATION if another open may delete the target's
        folder; OBJECT_NAME_COLLISION if the target exists and `replace` is false.
        """
        # Neither the root of the share, nor a folder with open files in it: clients refer to them
        # by their names. [MS-FSA] 2.1.5.15.12
        if entry.file_state.delete_pending or not entry.file.name or self._is_busy(entry):
            raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
        if new_name.startswith(":"):
            self._rename_stream(entry, new_name, replace=replace)
            return
        if entry.file.stream:
            # A stream cannot be moved out of its file.
            raise StatusError.of(NtStatus.SHARING_VIOLATION, "SET_INFO", new_name)
        # All that may raise `RetryAfter` comes before anything is changed, as the handler is called
        # again from its beginning.
        access = _ADD_SUBDIRECTORY if entry.is_directory else _ADD_FILE
        folder = self._check_folder(entry, new_name, access)
        break_others(entry, BreakCause.MOVE)
        if new_name == entry.file.name:
            return
        source = entry.file.parent_key
        old_name = entry.file.name
        # Its own opens go on showing the change time from before; see `times`.
        change_time = entry.stat().change_time
        if folder != source:
            if replace:
                self._check_replaced(entry, new_name)
            self._keep_descriptor(entry)
        self._move(entry, new_name, replace=replace)
        self._table.renamed(entry.file_state)
        entry.times.renamed(change_time)
        entry.keep_times()
        if entry.is_directory:
            # Files below the folder inherit from other folders now.
            self._descriptors.forget(self._storage)
        self._notifier.renamed(entry, old_name)
        entry.tracking.renamed = not entry.is_directory
        # Both folders have changed: the one that the file was in, and the one where it is now.
        self._leases.folder_changed(source, entry.cache.parent_lease_key)
        if entry.file.parent_key != source:
            entry.notify_folder_leases()

    def _move(self, entry: Open, new_name: str, *, replace: bool) -> None:
        """Rename the file on the disk. Mostly nothing has the name, and nothing is checked then."""
        try:
            entry.file.rename(new_name, replace=False)
        except FileExistsError:
            if not replace:
                raise
            self._check_replaced(entry, new_name)
            entry.file.rename(new_name, replace=True)

    def link(self, entry: Open, new_name: str, *, replace: bool) -> None:
        """Give a file the further name `new_name`; raises as `rename` does.

        StatusError FILE_IS_A_DIRECTORY for a folder.
        """
        if entry.is_directory:
            raise StatusError.of(NtStatus.FILE_IS_A_DIRECTORY, "SET_INFO", new_name)
        if Capability.HARD_LINKS not in self._storage.capabilities:
            raise StatusError.of(NtStatus.INVALID_DEVICE_REQUEST, "SET_INFO", new_name)
        if entry.file_state.delete_pending or entry.file.stream or not self._may_link(entry):
            raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
        # A further name breaks what a new name breaks. [MS-FSA] 2.1.4.12, FileLinkInformation
        folder = self._check_folder(entry, new_name, _ADD_FILE)
        break_others(entry, BreakCause.MOVE)
        if replace:
            self._check_replaced(entry, new_name)
        if folder != entry.file.parent_key:
            self._keep_descriptor(entry)
        entry.file.link(new_name, replace=replace)
        entry.keep_times()
        self._notifier.added(self._storage, new_name, is_directory=False)
        self._leases.folder_changed(folder, entry.cache.parent_lease_key)

    def _rename_stream(self, entry: Open, new_name: str, *, replace: bool) -> None:
        """Rename a stream within its file. The stream that it replaces must not be open.

        [MS-FSA] 2.1.5.15.12.1 also demands that the replaced stream is empty. Programs rename what
        they have written over what was there, so that is not checked.
        """
        file, state = entry.file, entry.file_state
        stream = parse_stream(new_name)
        if not file.stream or not stream:
            # The content cannot become a stream, nor a stream the content.
            raise StatusError.of(NtStatus.INVALID_PARAMETER, "SET_INFO", new_name)
        target = next((found for found in file.streams() if fold(found.name) == fold(stream)), None)
        # A stream that is renamed to another case of its name replaces nothing.
        if target is not None and target.name != file.stream:
            if not replace:
                raise StatusError.of(NtStatus.OBJECT_NAME_COLLISION, "SET_INFO", new_name)
            assert state.whole is not None
            others = (other.opens for other in state.whole.streams if other is not state)
            if any(next(iter(opens)).file.stream == target.name for opens in others):
                raise StatusError.of(NtStatus.INVALID_PARAMETER, "SET_INFO", new_name)
        old_name = file.name
        file.rename(stream, replace=replace)
        self._notifier.renamed(entry, old_name)
        self._table.moved(state, file.key)

    def _is_busy(self, entry: Open) -> bool:
        """Return whether something in the folder, or a stream of the file, is open and stays open.

        Breaks of handle caching come first, and may close it. As on Windows, what is opened while
        the rename waits for that is not waited for, too: then the rename fails. [MS-FSA] 2.1.4.2
        """
        # One is enough: if it stays open, the rename fails; if it closes, the handler is called
        # again and finds the next one.
        if entry.file_state.streams:
            state: FileState | None = entry.file_state.streams[0]
        elif entry.is_directory:
            state = self._table.open_below(self._storage, entry.file.name)
        else:
            state = None
        if state is None:
            return False
        since = self._since
        if since is None or any(other.file_id.persistent <= since for other in state.opens):
            break_grants(state, BreakCause.MOVE)
        return True

    def _check_folder(self, entry: Open, new_name: str, access: int) -> Hashable:
        """Check the folder of the new name, and return its key.

        As on Windows, where the folder is opened for that, share modes of its opens matter.
        """
        key, name = self._folder(entry, parent_of(new_name))
        descriptor = self._descriptors.folder(self._storage, name)
        if descriptor is not None and not granted(descriptor, self._token) & access:
            raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
        state = self._table.get(key)
        if state is not None:
            break_for_open(state, access, _SHARED, overwrites=False, mine=None)
        return key

    def _folder(self, entry: Open, name: str) -> tuple[Hashable, str]:
        """Return the key of a folder, and its name in real case. Raises PathNotFound."""
        if name == parent_of(entry.file.name):
            # The folder that the file is in need not be looked for.
            return entry.file.parent_key, name
        try:
            folder, _ = self._storage.open(name, directory=True)
        except (FileNotFoundError, NotADirectoryError):
            raise PathNotFound(name) from None
        try:
            return folder.key, folder.name
        finally:
            folder.close()

    def _check_replaced(self, entry: Open, new_name: str) -> None:
        """Refuse to replace what is open, read-only, marked for deletion, or a folder."""
        try:
            target, _ = self._storage.open(new_name)
        except FileNotFoundError:
            return
        try:
            # The same file under another name, or in another case: nothing is lost by replacing it.
            if target.key == entry.file.key:
                return
            state = self._table.get(target.key)
            if state is not None and state.delete_pending:
                raise StatusError.of(NtStatus.DELETE_PENDING, "SET_INFO", new_name)
            if state is not None:
                # A client that only caches its open closes it now. A file that is open after that
                # is not replaced.
                break_grants(state, BreakCause.DELETE, entry.cache.grant)
            if state is not None or target.is_directory or target.stat().attributes & READONLY:
                raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
            # To replace a file is to delete it. [MS-FSA] 2.1.5.15.12
            if not self._may_delete(target):
                raise StatusError.of(NtStatus.ACCESS_DENIED, "SET_INFO", new_name)
        finally:
            target.close()

    def _keep_descriptor(self, entry: Open) -> None:
        """Store the descriptor that a file inherits, before it gets a name in another folder.

        As on Windows, the rights on a file do not change with its place: else a user without rights
        in a folder could get them by a rename into another one.
        """
        file, storage = entry.file, self._storage
        if file.stat().link is not None:
            return  # a link has none, and nothing in it
        stored = file.security()
        if stored is not None and security_descriptors.decode(stored).control & _PRESENT:
            return
        effective = self._descriptors.effective(storage, file)
        if effective is not None:
            file.set_security(effective.encode())

    def _may_link(self, entry: Open) -> bool:
        """Return whether the user may change the attributes of a file, as its names are.

        [MS-FSA] 2.1.5.15.7 demands no access of the open, and Linux' client asks for none but to
        read attributes. So it is the user's rights that count, and not what was asked for.
        """
        descriptor = self._descriptors.effective(self._storage, entry.file)
        return descriptor is None or bool(granted(descriptor, self._token) & _WRITE_ATTRIBUTES)

    def _may_delete(self, file: StorageFile) -> bool:
        descriptors, storage = self._descriptors, self._storage
        descriptor, token = descriptors.effective(storage, file), self._token
        # Either right is enough: DELETE of the file, or FILE_DELETE_CHILD of its folder.
        if descriptor is None or granted(descriptor, token) & _DELETE:
            return True
        folder = descriptors.folder(storage, parent_of(file.name))
        return folder is None or bool(granted(folder, token) & _DELETE_CHILD)
