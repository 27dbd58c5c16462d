"""Opening or creating a file or folder, by the checked parameters of a CREATE.

[MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1
"""

from collections.abc import Hashable
from typing import Protocol

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import UserBudget
from smbquic.overload.open_file_budget import OpenFileBudget
from smbquic.server.notify.notifier import Notifier
from smbquic.server.opens.extended_attributes import store
from smbquic.server.opens.open import (
    FileState,
    Open,
    OpenCache,
    OpenOwner,
    OpenSession,
    OpenTable,
)
from smbquic.server.opens.open_parameters import OpenParameters
from smbquic.server.opens.open_parts import OpenAccess, OpenMode
from smbquic.server.opens.oplocks import break_for_open
from smbquic.server.security import access
from smbquic.server.security.accounts import Token
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.server.security.inheritance import create
from smbquic.server.security.rights import granted, granted_by_folder
from smbquic.server.tree import ServerTree
from smbquic.storage import (
    Action,
    Capability,
    Disposition,
    FileStat,
    OpenPolicy,
    PathNotFound,
    StorageFile,
)
from smbquic.storage.names import parent_of
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.attributes import FileAttributes

_READONLY = int(FileAttributes.READONLY)
_HIDDEN_OR_SYSTEM = int(FileAttributes.HIDDEN | FileAttributes.SYSTEM)
_OPEN_LINK = int(CreateOptions.FILE_OPEN_REPARSE_POINT)
# The rights that are needed to replace the content of a file ([MS-FSA] 2.1.5.1.2); of a stream,
# only the first.
_OVERWRITE = int(AccessMask.FILE_WRITE_DATA)
_OVERWRITE_FILE = int(AccessMask.FILE_WRITE_EA | AccessMask.FILE_WRITE_ATTRIBUTES)
_ALL = access.ALL
_DELETE = int(AccessMask.DELETE)
_ADD_FILE = int(AccessMask.FILE_ADD_FILE)
_ADD_SUBDIRECTORY = int(AccessMask.FILE_ADD_SUBDIRECTORY)


class CreateSession(OpenSession, Protocol):
    """The session that a file is opened in."""

    memory: UserBudget

    @property
    def token(self) -> Token:
        """The SIDs of the user for access checks."""


class CreateTable(OpenTable, Protocol):
    """The table of all opens, as far as a CREATE needs it."""

    def next_file_id(self) -> FileId:
        """Return a FileId that no open has had."""

    def get(self, key: Hashable) -> FileState | None:
        """Return the state of a file; None if it is not open."""

    def state(self, file: StorageFile) -> FileState:
        """Return the state of a file, a new one if it is not open yet."""

    def add(self, entry: Open) -> None:
        """Add a new open."""


@dataclass(frozen=True, slots=True)
class FileOpener:
    """The service that opens files and folders.

    `table` has all opens, `budget` is how many there may be. `descriptors` are the security
    descriptors of files, `notifier` notifies watches of new ones.
    """

    table: CreateTable
    budget: OpenFileBudget
    descriptors: Descriptors
    notifier: Notifier

    def open(
        self, session: CreateSession, tree: ServerTree, parameters: OpenParameters
    ) -> tuple[Open, Action]:
        """Open what the parameters say, in the tables of a session and of all opens.

        Raises StatusError, and OSError as `Storage.open`.
        """
        # Access that the share never grants is refused before the disk is asked for anything.
        memory = session.memory
        if parameters.access & ~tree.maximal_access:
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        makes_folder = parameters.directory and parameters.disposition is Disposition.OPEN_IF
        if tree.read_only:
            _forbid_changes(parameters)
        attempt = _Attempt(self, session.token, tree, parameters)
        # Before the file is opened: at the limit, even a failed open would take a descriptor.
        release = self.budget.acquire(memory.user)
        try:
            file, action = attempt.run()
        except BaseException as error:
            release()
            missing = isinstance(error, FileNotFoundError) and not isinstance(error, PathNotFound)
            if missing and makes_folder and tree.read_only:
                # As Samba, which says what keeps the client from it: folders cannot be made here.
                raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name) from None
            raise
        entry = Open(
            file_id=self.table.next_file_id(),
            file=file,
            file_state=self.table.state(file),
            table=self.table,
            owner=OpenOwner(session, tree, memory),
            access=OpenAccess(attempt.granted, attempt.maximal, parameters.share_access),
            mode=OpenMode(parameters.options, parameters.delete_on_close),
            cache=OpenCache(parent_lease_key=parameters.parent_lease_key),
        )
        entry.tracking.on_close.append(release)
        self.table.add(entry)
        session.add(entry)
        if action is not Action.OPENED:
            entry.notify_folder_leases()
        return entry, action


def _forbid_changes(parameters: OpenParameters) -> None:
    """Refuse what would change a file on a read-only tree."""
    # OPEN_IF changes nothing where the file exists, and so is allowed there.
    if parameters.disposition is Disposition.OPEN_IF:
        parameters.disposition = Disposition.OPEN
    if parameters.disposition is not Disposition.OPEN or parameters.delete_on_close:
        raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)


class _Attempt:
    """One attempt to open a file.

    `maximal` is all that can be granted, `granted` what is; both become less as more is known.
    """

    def __init__(
        self, opener: FileOpener, token: Token, tree: ServerTree, parameters: OpenParameters
    ) -> None:
        self.table = opener.table
        self.descriptors = opener.descriptors
        self.notifier = opener.notifier
        self.token = token
        self.storage = tree.storage
        self.parameters = parameters
        self.maximal = tree.maximal_access
        self.granted = parameters.access | (self.maximal if parameters.maximum else 0)

    def run(self) -> tuple[StorageFile, Action]:
        if self.parameters.stream:
            return self._open_stream()
        writes = bool(self.granted & access.MODIFIES_DATA) or self.parameters.overwrites
        try:
            return self._open(write=writes)
        except PermissionError:
            # "As much as possible" does not fail because the disk lets us only read.
            if (
                not (self.parameters.maximum and writes)
                or self.parameters.access & access.MODIFIES_DATA
            ):
                raise
            self.granted &= ~access.MODIFIES_DATA
            return self._open(write=self.parameters.overwrites)
        except FileExistsError:
            # A name whose file is about to be deleted is answered with DELETE_PENDING: the client
            # may try again soon, which it would not after a collision.
            self._check_pending()
            raise

    def _open(self, *, write: bool) -> tuple[StorageFile, Action]:
        parameters = self.parameters
        file, action = self.storage.open(
            parameters.name,
            parameters.disposition,
            directory=parameters.directory,
            write=write,
            attributes=parameters.attributes,
            link=bool(parameters.options & _OPEN_LINK),
            policy=OpenPolicy(self.token.account, self._check_existing, self._check_folder),
        )
        if action is not Action.OPENED:
            # A new file that cannot be completed does not stay half made.
            try:
                self._complete(file, action)
            except BaseException:
                if action is Action.CREATED:
                    file.delete()
                file.close()
                raise
        return file, action

    def _open_stream(self) -> tuple[StorageFile, Action]:
        """Open a named stream; create the stream, and the file that it is in, where missing."""
        parameters = self.parameters
        creates = parameters.disposition not in (Disposition.OPEN, Disposition.OVERWRITE)
        file, made = self.storage.open(
            parameters.name,
            Disposition.OPEN_IF if creates else Disposition.OPEN,
            attributes=parameters.attributes,
            policy=OpenPolicy(self.token.account, self._check_whole, self._check_folder),
        )
        try:
            if made is Action.CREATED:
                self._complete(file, made)
            stream, action = file.open_stream(
                parameters.stream, parameters.disposition, admit=self._check_stream
            )
            # A new stream is new content of the file. [MS-FSA] 2.1.5.1.2
            if action is Action.CREATED and _OVERWRITE & ~self.maximal:
                stream.delete()
                raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        except BaseException:
            if made is Action.CREATED:
                file.delete()
            file.close()
            raise
        if made is Action.CREATED:
            self.notifier.added(self.storage, file.name, is_directory=False)
        return stream, action

    def _check_existing(self, file: StorageFile) -> None:
        """Check an existing file, before anything happens to it."""
        parameters = self.parameters
        stat = parameters.found = file.stat()
        attributes = stat.attributes
        needed = self._check_access(file, stat)
        if parameters.overwrites:
            if stat.name.startswith("."):
                # Hidden by its name, whatever it is opened with.
                attributes &= ~int(FileAttributes.HIDDEN)
            # Whoever overwrites such a file has to know that it is one. [MS-FSA] 2.1.5.1.2
            if attributes & ~parameters.attributes & _HIDDEN_OR_SYSTEM:
                raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        # Access comes before share modes: a client without rights does not break the caches of
        # others.
        state = self.table.get(file.key)
        if state is not None:
            self._check_sharing(state, needed)

    def _check_whole(self, file: StorageFile) -> None:
        """Check the file whose stream is to be opened."""
        self._check_access(file, file.stat())
        # A stream has share modes of its own, but collides with whoever may delete the file.
        # [MS-FSA] 2.1.5.1.2.1
        whole = self.table.get(file.key)
        if whole is not None:
            self._check_sharing(FileState(None, whole), self.parameters.access)

    def _check_stream(self, stream: StorageFile) -> None:
        """Check an existing stream, after its file."""
        if self.parameters.delete_on_close:
            stream.check_deletion()
        state = self.table.get(stream.key)
        if state is not None:
            needed = self.parameters.access | (_OVERWRITE if self.parameters.overwrites else 0)
            self._check_sharing(state, needed)

    def _check_access(self, file: StorageFile, stat: FileStat) -> int:
        """Grant what the attributes and the security descriptor of a file allow.

        Returns the access that share modes have to allow. [MS-FSA] 2.1.5.1.2.1
        """
        parameters = self.parameters
        needed = parameters.access
        if stat.attributes & _READONLY:
            # Of a folder, READONLY says nothing about what may be created in it.
            if not stat.is_directory:
                if parameters.overwrites or needed & access.MODIFIES_DATA:
                    raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
                self.maximal &= ~access.MODIFIES_DATA
            if parameters.delete_on_close:
                raise StatusError(NtStatus.CANNOT_DELETE, "CREATE", parameters.name)
        storage, token = self.storage, self.token
        descriptor = self.descriptors.effective(storage, file)
        if descriptor is not None:
            rights = granted(descriptor, token)
            # The folder's FILE_DELETE_CHILD and FILE_LIST_DIRECTORY grant DELETE and
            # FILE_READ_ATTRIBUTES of its entries. The root has no folder within the share.
            if file.name:
                folder = self.descriptors.folder(storage, parent_of(file.name))
                rights |= granted_by_folder(_ALL if folder is None else granted(folder, token))
            self.maximal &= rights
        # The rights to overwrite are needed whether the client asks for them or not, and share
        # modes have to allow it. [MS-FSA] 2.1.5.1.2
        if parameters.overwrites:
            needed |= _OVERWRITE
            self._grant(_OVERWRITE if parameters.stream else _OVERWRITE | _OVERWRITE_FILE)
            # To supersede a file is to delete it and to create another one.
            if parameters.disposition is Disposition.SUPERSEDE:
                self._grant(_DELETE)
        self._grant(parameters.access | (_DELETE if parameters.delete_on_close else 0))
        self.granted &= self.maximal
        if parameters.delete_on_close and not parameters.stream:
            # Found out now and not at the close, where the client could not be told.
            if not file.name:
                raise StatusError(NtStatus.CANNOT_DELETE, "CREATE", parameters.name)
            file.check_deletion()
        return needed

    def _grant(self, needed: int) -> None:
        if needed & ~self.maximal:
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", self.parameters.name)

    def _check_folder(self, folder: str) -> None:
        """Check that the user may create something in a folder. [MS-FSA] 2.1.5.1.1"""
        parameters = self.parameters
        descriptor = self.descriptors.folder(self.storage, folder)
        needed = _ADD_SUBDIRECTORY if parameters.directory else _ADD_FILE
        if descriptor is not None and not granted(descriptor, self.token) & needed:
            raise StatusError(NtStatus.ACCESS_DENIED, "CREATE", parameters.name)
        # The new file could not be deleted when it is closed.
        if parameters.delete_on_close and parameters.attributes & _READONLY:
            raise StatusError(NtStatus.CANNOT_DELETE, "CREATE", parameters.name)

    def _complete(self, file: StorageFile, action: Action) -> None:
        """Store descriptor and extended attributes of a file that is new or overwritten."""
        parameters = self.parameters
        if action is Action.CREATED:
            self._describe(file)
            if file.is_directory:
                # There may have been another folder of this name, whose descriptor is still cached.
                self.descriptors.forget(self.storage, file.name)
        if parameters.extended_attributes:
            store(file, parameters.extended_attributes, "CREATE")

    def _describe(self, file: StorageFile) -> None:
        parameters = self.parameters
        storage = self.storage
        # Without either, the file gets no descriptor, as if a local program had made it.
        parent = self.descriptors.folder(storage, parent_of(file.name))
        if parent is None and parameters.descriptor is None:
            return
        token, is_directory = self.token, file.is_directory
        new = create(parent, parameters.descriptor, token, is_directory=is_directory)
        if new is not None and Capability.SECURITY_DESCRIPTORS in storage.capabilities:
            file.set_security(new.encode())

    def _check_sharing(self, state: FileState, needed: int) -> None:
        parameters = self.parameters
        # With MAXIMUM_ALLOWED share modes have to allow all that is granted.
        if parameters.maximum:
            needed |= self.granted
        break_for_open(
            state,
            needed,
            parameters.share_access,
            overwrites=parameters.overwrites,
            mine=parameters.grant,
        )

    def _check_pending(self) -> None:
        """Raise DELETE_PENDING instead of a collision with a file that is marked for deletion."""
        file, _ = self.storage.open(self.parameters.name, link=True)
        state = self.table.get(file.key)
        file.close()
        if state is not None and state.delete_pending:
            raise StatusError(NtStatus.DELETE_PENDING, "CREATE", self.parameters.name)
