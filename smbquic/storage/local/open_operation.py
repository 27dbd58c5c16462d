"""Opening a file or folder on this machine's disk, while local programs change the folder."""

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from smbquic.lazy_dataclass import dataclass
from smbquic.storage.errors import PathNotFound, StoppedOnSymlink
from smbquic.storage.local.case_index import Stamp
from smbquic.storage.local.descriptor import open_directory
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.symlink import LocalSymlink
from smbquic.storage.local.tree import FolderTree, OpenName, is_served, key_of
from smbquic.storage.names import from_disk, join
from smbquic.storage.policy import OpenPolicy
from smbquic.storage.types import ARCHIVE, NEVER_CREATING, OVERWRITING, Action, Disposition

# A FIFO, a device or a socket that took a file's place since it was looked at must not hold us up.
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# macOS has no O_PATH, and its way to open a link itself excludes O_NOFOLLOW: it has no links then.
_LINK: Final = getattr(os, "O_PATH", 0)
_RACES: Final = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
_ATTEMPTS: Final = 100


class _Raced(Exception):  # noqa: N818  (no error: the reason to look again)
    """Raised when a file has changed since it was looked up."""


@dataclass(slots=True)
class OpenOperation:
    """One call of `Storage.open`: look, act on what was seen, and look again if it has changed."""

    tree: FolderTree
    name: str
    disposition: Disposition
    directory: bool | None
    write: bool
    attributes: int
    link: bool
    policy: OpenPolicy

    @property
    def overwrites(self) -> bool:
        """Whether the content of what exists goes."""
        return self.disposition in OVERWRITING

    def run(self) -> tuple[LocalFile, Action]:
        """Open it."""
        if not self.name:
            return self._open_root()
        parent, folders, last = self.tree.walk_to_parent(self.name)
        try:
            for _ in range(_ATTEMPTS):
                raw, status = self.tree.look_up(parent, last)
                with suppress(_Raced):
                    if status is None:
                        return self._make(parent, raw, folders)
                    return self._open_existing(parent, raw, status, folders)
        finally:
            os.close(parent)
        raise PermissionError(errno.EACCES, "the name changes all the time", self.name)

    def _open_root(self) -> tuple[LocalFile, Action]:
        self.tree.require_root()
        with self.tree.root as root:
            status = os.fstat(root)
            self._check(status)
            fd = open_directory(b".", root)
        open_name = OpenName(key_of(status), None, b"", [])
        return self._admitted(LocalFile(self.tree, fd, open_name, is_directory=True))

    def _open_existing(
        self, parent: int, raw: bytes, status: os.stat_result, folders: list[str]
    ) -> tuple[LocalFile, Action]:
        target = self.tree.target(parent, raw, status, len(folders))
        if target is not None:
            return self._open_link(parent, raw, folders, target)
        self._check(status)
        is_directory = stat.S_ISDIR(status.st_mode)
        access = os.O_RDONLY
        if is_directory:
            access |= os.O_DIRECTORY
        elif self.write or self.overwrites:
            access = os.O_RDWR
        fd = self._descriptor(parent, raw, access)
        file = self._attach(fd, parent, raw, folders, is_directory=is_directory)
        return self._admitted(file)

    def _open_link(
        self, parent: int, raw: bytes, folders: list[str], target: str
    ) -> tuple[LocalFile, Action]:
        """Open a link itself, to which nothing can be written."""
        if self.disposition is Disposition.CREATE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.name)
        if not self.link:
            raise StoppedOnSymlink(self.name, target, "")
        if self.directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.name)
        if self.write or self.overwrites:
            raise PermissionError(errno.EACCES, "a link has no content", self.name)
        fd = self._descriptor(parent, raw, _LINK)
        try:
            status = os.fstat(fd)
            if not stat.S_ISLNK(status.st_mode):
                raise _Raced
            components = [*folders, from_disk(raw)]
            open_name = self.tree.attach(key_of(status), os.dup(parent), raw, components)
        except BaseException:
            os.close(fd)
            raise
        return self._admitted(LocalSymlink(self.tree, fd, open_name, target))

    def _check(self, status: os.stat_result) -> None:
        """Raise the error of an open to which the file or folder that was found does not fit."""
        if self.disposition is Disposition.CREATE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.name)
        if not is_served(status):
            if self.disposition in NEVER_CREATING:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)
            raise PermissionError(errno.EACCES, "what has the name is not served", self.name)
        is_directory = stat.S_ISDIR(status.st_mode)
        if self.directory and not is_directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.name)
        if is_directory and (self.directory is False or self.overwrites):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.name)
        if self.write or self.overwrites:
            self.tree.require_writable()

    def _make(self, parent: int, raw: bytes, folders: list[str]) -> tuple[LocalFile, Action]:
        if self.disposition in NEVER_CREATING:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name)
        self.tree.require_writable()
        self.policy.permit(join(folders))
        before = Stamp.of(parent)
        try:
            if self.directory:
                os.mkdir(raw, dir_fd=parent)
                fd = self._descriptor(parent, raw, os.O_RDONLY | os.O_DIRECTORY)
            else:
                access = os.O_RDWR if self.write else os.O_RDONLY
                flags = _FILE | access | os.O_CREAT | os.O_EXCL
                fd = os.open(raw, flags, 0o666, dir_fd=parent)
        except FileExistsError as error:
            raise _Raced from error
        except FileNotFoundError:
            # The folder itself was removed under us.
            raise PathNotFound(self.name) from None
        self.tree.index.update(parent, before, raw)
        file = self._attach(fd, parent, raw, folders, is_directory=bool(self.directory))
        attributes = self.attributes if self.directory else self.attributes | ARCHIVE
        file.mark_made(attributes, self.policy.account)
        return file, Action.CREATED

    @staticmethod
    def _descriptor(parent: int, raw: bytes, access: int) -> int:
        try:
            return os.open(raw, _FILE | access, dir_fd=parent)
        except OSError as error:
            if error.errno in _RACES:
                raise _Raced from error
            raise

    def _attach(
        self, fd: int, parent: int, raw: bytes, folders: list[str], *, is_directory: bool
    ) -> LocalFile:
        try:
            status = os.fstat(fd)
            if not is_served(status) or stat.S_ISDIR(status.st_mode) != is_directory:
                raise _Raced
            components = [*folders, from_disk(raw)]
            open_name = self.tree.attach(key_of(status), os.dup(parent), raw, components)
        except BaseException:
            os.close(fd)
            raise
        return LocalFile(self.tree, fd, open_name, is_directory=is_directory)

    def _admitted(self, file: LocalFile) -> tuple[LocalFile, Action]:
        """Ask whether an existing file may be had, and only then overwrite it."""
        try:
            self.policy.admit(file)
            if self.overwrites:
                file.overwrite(
                    self.attributes | ARCHIVE,
                    supersede=self.disposition is Disposition.SUPERSEDE,
                )
        except BaseException:
            file.close()
            raise
        return file, OVERWRITING.get(self.disposition, Action.OPENED)
