"""A tree of files that a share stands on: the base class of all storages.

A storage speaks in names, offsets and bytes, and raises `OSError`, distinguished by class and
`errno`. Names are relative to the share's root, parted by backslashes, in the spelling that
travels on the wire (`names` says how that differs from the disk's); ``""`` is the root.
Times are nanoseconds since 1970, sizes and offsets are bytes.
"""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import iscoroutinefunction

from smbquic.storage.errors import PathNotFound, StoppedOnSymlink
from smbquic.storage.file import StorageFile
from smbquic.storage.names import join, parent_of, split
from smbquic.storage.policy import OpenPolicy
from smbquic.storage.types import (
    ARCHIVE,
    NEVER_CREATING,
    OVERWRITING,
    Action,
    Capability,
    Disposition,
    FileStat,
    VolumeStat,
)
from smbquic.storage.watch import ChangeSource


class Storage(ABC):
    """A tree of files.

    A subclass has at least `lookup`; one that can be changed also has `create`. `capabilities` says
    what it can do besides, and `read_only` that everything is refused with `OSError` (EROFS) that
    would change the tree. Storages are compared by identity.

    The methods of a storage and its files are called on the server's event loop, and have to return
    soon, or be coroutines. All may be but properties, and `watch`, `renewed`, `begin` and `close`
    of a storage. `scan` and `allocated_ranges` may be asynchronous iterators.

    A plain method that would have to wait raises `NotReady` with what has to be done first, on a
    thread or by a coroutine, and is called again. `flush`, `copy_from` and `zero`, and larger or
    slow `read` and `write`, run on threads if they are plain, where they may wait.
    """

    capabilities: Capability = Capability.NONE
    read_only: bool = False
    coroutines: bool = False
    """Whether methods of the storage, or of its files, are coroutines.

    It is set by itself for a class with one; a storage says so whose files only have such.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if any(map(iscoroutinefunction, vars(cls).values())):
            cls.coroutines = True

    # Methods that a subclass implements.

    @abstractmethod
    def lookup(self, name: str, *, write: bool = False) -> StorageFile:
        """Open the file or folder that has a name, in any case; a symbolic link itself.

        `write` asks for content that can be changed; of a folder it means nothing.

        Raises FileNotFoundError, NameInvalid (see `names.split`), PermissionError.
        """

    def create(
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> StorageFile:
        """Make a file or folder, open it, and return it; its folder exists.

        `attributes` are FILE_ATTRIBUTE_ bits, and `account` (32 bits, 0 for none) is to be kept
        with it, if there is room. FileExistsError if the name is taken by now; FileNotFoundError if
        the folder was deleted; NameInvalid, PermissionError, `OSError` with ENOSPC.
        """
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)

    # Methods that the server calls.

    def open(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        directory: bool | None = None,
        write: bool = False,
        attributes: int = 0,
        link: bool = False,
        policy: OpenPolicy | None = None,
    ) -> tuple[StorageFile, Action]:
        """Open or make the file or folder `name`, in one atomic step as far as others can see.

        `directory` true wants a folder, false a file; none takes either and makes a file.
        `write` asks for content that can be changed. `attributes` are for what is made or
        overwritten. Overwriting takes named streams and extended attributes along. `policy` says
        on whose behalf, and may refuse it.

        A symbolic link is never followed, but raises StoppedOnSymlink where links are shown; with
        `link` it is opened itself, if it is the last part of the name.

        Raises FileNotFoundError (the last part is missing), PathNotFound, FileExistsError,
        NotADirectoryError, IsADirectoryError, NameInvalid, PermissionError; `OSError` with EROFS
        on a read-only storage, EINVAL for a disposition that folders don't have; RootGone.
        """
        overwrites = disposition in OVERWRITING
        if directory and overwrites:
            raise OSError(errno.EINVAL, "a folder can't be overwritten", name)
        policy = policy or OpenPolicy()
        try:
            file = self.lookup(name, write=write or overwrites)
        except PathNotFound:
            raise
        except FileNotFoundError:
            folder = self._real_folder(name)
            if disposition in NEVER_CREATING:
                raise
            self._require_writable()
            policy.permit(folder)
            kept = attributes if directory else attributes | ARCHIVE
            made = self.create(
                name, directory=bool(directory), attributes=kept, account=policy.account
            )
            return made, Action.CREATED
        try:
            self._check_found(file, name, disposition, directory)
            if not link:
                self._check_not_link(file, name)
            if write or overwrites:
                self._require_writable()
            policy.admit(file)
            if overwrites:
                supersede = disposition is Disposition.SUPERSEDE
                file.overwrite(attributes | ARCHIVE, supersede=supersede)
        except BaseException:
            file.close()
            raise
        return file, OVERWRITING.get(disposition, Action.OPENED)

    def stat(self, name: str) -> FileStat:
        """Return what is known of `name`, without opening it for anybody; errors as for `open`."""
        file, _ = self.open(name, link=True)
        try:
            return file.stat()
        finally:
            file.close()

    def securities(self, name: str) -> list[tuple[bytes | None, FileStat]]:
        """Return what `StorageFile.security` and `stat` return for a folder, and of those above it.

        The root comes first; errors as for `open`.
        """
        components = split(name)
        found = []
        for depth in range(len(components) + 1):
            folder = self._folder(join(components[:depth]))
            try:
                found.append((folder.security(), folder.stat()))
            finally:
                folder.close()
        return found

    def volume(self) -> VolumeStat:
        """Return what is known of the disk under the share."""
        return VolumeStat()

    def watch(self) -> ChangeSource | None:
        """Return a source of the changes by others, which the caller closes; None if there is none.

        The server knows by itself what its own clients change.
        """
        return None

    def renewed(self) -> "Storage":
        """Return this storage; where its folder was deleted, another one on what has its path now.

        Asked for when a client connects. `OSError` if there is nothing to go on with, else the
        former lets go of its folder.
        """
        return self

    def begin(self) -> Callable[[], None]:
        """Remove what a server that was killed has left; called before the first client.

        What it returns is called after the last one.
        """
        return lambda: None

    def close(self) -> None:
        """Close the tree. What is open stays open."""

    def _require_writable(self) -> None:
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def _folder(self, name: str) -> StorageFile:
        """Open a folder; PathNotFound if there is none."""
        try:
            folder = self.lookup(name)
        except FileNotFoundError:
            raise PathNotFound(name) from None
        if not folder.is_directory:
            folder.close()
            raise PathNotFound(name)
        return folder

    def _real_folder(self, name: str) -> str:
        """Return the name of the folder that `name` would be in, in its real case."""
        folder = self._folder(parent_of(name))
        try:
            return folder.name
        finally:
            folder.close()

    @staticmethod
    def _check_found(
        file: StorageFile,
        name: str,
        disposition: Disposition,
        directory: bool | None,
    ) -> None:
        """Raise the error of an open to which the file or folder that was found does not fit."""
        if disposition is Disposition.CREATE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        is_directory = file.is_directory
        if directory and not is_directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name)
        if is_directory and (directory is False or disposition in OVERWRITING):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)

    def _check_not_link(self, file: StorageFile, name: str) -> None:
        """Raise StoppedOnSymlink for a symbolic link."""
        if Capability.SYMBOLIC_LINKS in self.capabilities:
            target = file.stat().link
            if target is not None:
                raise StoppedOnSymlink(name, target, "")
