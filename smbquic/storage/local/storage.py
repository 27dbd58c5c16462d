"""A folder of this machine's disk as a share. Linux and macOS."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from smbquic.storage.base import Storage
from smbquic.storage.errors import PathNotFound, StoppedOnSymlink
from smbquic.storage.file import StorageFile
from smbquic.storage.local.case_index import Stamp
from smbquic.storage.local.descriptor import open_directory
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.inotify import Inotify
from smbquic.storage.local.link import LocalLink
from smbquic.storage.local.sweep import Sweep
from smbquic.storage.local.tree import Link, Tree, is_served, key_of
from smbquic.storage.names import MAX_UNITS, from_disk, join
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

# Names are found in any case; a local program may have made two that differ by nothing else.
_CAPABILITIES: Final = (
    Capability.CASE_SENSITIVE
    | Capability.SPARSE_FILES
    | Capability.BLOCK_REFCOUNTING
    | Capability.HARD_LINKS
)
# What takes a disk with extended attributes.
_EXTENDED: Final = (
    Capability.STREAMS | Capability.EXTENDED_ATTRIBUTES | Capability.SECURITY_DESCRIPTORS
)
# A FIFO, a device or a socket that took a file's place since it was looked at must not hold us up.
_FILE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# macOS has no O_PATH, and its way to open a link itself excludes O_NOFOLLOW: it has no links then.
_LINK: Final = getattr(os, "O_PATH", 0)
_RACES: Final = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO)
_ATTEMPTS: Final = 100

_log = logging.getLogger(__name__)

_Admit = Callable[[StorageFile], None]
_Permit = Callable[[str], None]


class _Raced(Exception):  # noqa: N818  (no error: the reason to look again)
    """What was looked up is not what is there now."""


class LocalStorage(Storage):
    """A `Storage` over the folder `root`, which is opened once and may be moved afterwards.

    If it is deleted, everything raises RootGone, and `renewed` opens what has its path then.
    Files belong to the user that the program runs as, with the modes that its umask, the
    folder's setgid bit and default ACL give them.
    """

    def __init__(self, root: Path, *, read_only: bool = False, links: bool = False) -> None:
        """With `links`, symbolic links that stay within the folder are shown and can be made."""
        self._path = root.absolute()
        self._tree = Tree(root, read_only=read_only, links=links)
        self._told_replaced = False
        self.read_only = read_only
        self.capabilities = _CAPABILITIES
        if self._tree.extended:
            self.capabilities |= _EXTENDED
        if links:
            self.capabilities |= Capability.SYMBOLIC_LINKS

    def lookup(self, name: str, *, write: bool = False) -> LocalFile:
        """Open the file or folder that has a name; see `Storage.lookup`."""
        return self.open(name, write=write, link=True)[0]

    def create(
        self, name: str, *, directory: bool, attributes: int = 0, account: int = 0
    ) -> LocalFile:
        """Make a file or folder; see `Storage.create`."""
        return self.open(
            name,
            Disposition.CREATE,
            directory=directory,
            write=not directory,
            attributes=attributes,
            account=account,
        )[0]

    def open(
        self,
        name: str,
        disposition: Disposition = Disposition.OPEN,
        *,
        directory: bool | None = None,
        write: bool = False,
        attributes: int = 0,
        account: int = 0,
        link: bool = False,
        admit: _Admit | None = None,
        permit: _Permit | None = None,
    ) -> tuple[LocalFile, Action]:
        """Open or make the file or folder `name`; see `Storage.open`.

        Attributes, account and creation time that the disk has no room for are dropped silently.
        """
        if directory and disposition in OVERWRITING:
            raise OSError(errno.EINVAL, "a folder can't be overwritten", name)
        opening = _Opening(
            self._tree,
            name,
            disposition,
            directory,
            write,
            attributes,
            account,
            link,
            admit,
            permit,
        )
        return opening.run()

    def stat(self, name: str) -> FileStat:
        """What is known of `name`, without opening it; errors as for `open`."""
        return self._tree.stat(name)

    def securities(self, name: str) -> list[tuple[bytes | None, FileStat]]:
        """The descriptors that are stored with a folder and those above it, the root's first."""
        return self._tree.securities(name)

    def volume(self) -> VolumeStat:
        """The disk under the share's root. It is called NTFS, as everybody does: clients take
        other names for a reason to do without attributes and long names."""
        self._tree.require_root()
        with self._tree.root as root:
            status = os.fstatvfs(root)
        unit = status.f_frsize
        identity = status.f_fsid & 0xFFFF_FFFF_FFFF_FFFF
        return VolumeStat(
            total_bytes=status.f_blocks * unit,
            available_bytes=status.f_bavail * unit,
            free_bytes=status.f_bfree * unit,
            block_size=unit,
            name_max=MAX_UNITS,
            label=self._tree.label,
            serial=(identity >> 32 ^ identity) & 0xFFFF_FFFF,
            created=self._tree.stat("").creation_time,
            file_system="NTFS",
        )

    def watch(self) -> Inotify | None:
        """What tells of changes by local programs; None if this system has no inotify, or no more
        of it for this user."""
        try:
            return Inotify(self._tree)
        except OSError as error:
            _log.warning("local changes in %r will go unnoticed: %s", self._tree.label, error)
            return None

    def renewed(self) -> "LocalStorage":
        """This storage, or one on a folder that was made in the place of the deleted one."""
        tree = self._tree
        # Two shares may stand on it: what the first has let go of is gone for the second.
        if tree.root.closed or tree.is_gone:
            found = LocalStorage(self._path, read_only=tree.read_only, links=tree.links)
            self.close()
            return found
        replaced = self._is_replaced()
        if replaced and not self._told_replaced:
            _log.warning(
                "%s leads to another folder than the one that is served, which was moved, or has a"
                " disk mounted over it: restart the server to serve what is there now",
                self._path,
            )
        self._told_replaced = replaced
        return self

    def _is_replaced(self) -> bool:
        """Whether something else has the path of the folder that is open."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        with self._tree.root as root:
            return key_of(found) != key_of(os.fstat(root))

    def begin(self) -> Callable[[], None]:
        """Look for what a server that was killed has left, while clients are served."""
        if self._tree.read_only:
            return lambda: None
        return Sweep(self._tree).end

    def close(self) -> None:
        """Let go of the root. What is open stays open."""
        self._tree.close()


def open_local(path: str, *, read_only: bool, links: bool) -> LocalStorage:
    """Open the storage of ``local:PATH``, or of a plain path; ValueError for what is no folder."""
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    return LocalStorage(folder, read_only=read_only, links=links)


class _Opening:
    """One call of `open`: look, act on what was seen, and look again if it has changed since."""

    def __init__(
        self,
        tree: Tree,
        name: str,
        disposition: Disposition,
        directory: bool | None,
        write: bool,
        attributes: int,
        account: int,
        link: bool,
        admit: _Admit | None,
        permit: _Permit | None,
    ) -> None:
        self._tree = tree
        self._name = name
        self._disposition = disposition
        self._overwrites = disposition in OVERWRITING
        self._directory = directory
        self._write = write
        self._attributes = attributes
        self._account = account
        self._link = link
        self._admit = admit
        self._permit = permit

    def run(self) -> tuple[LocalFile, Action]:
        """Open it."""
        if not self._name:
            return self._open_root()
        parent, folders, last = self._tree.walk_to_parent(self._name)
        try:
            for _ in range(_ATTEMPTS):
                raw, status = self._tree.look_up(parent, last)
                with suppress(_Raced):
                    if status is None:
                        return self._make(parent, raw, folders)
                    return self._open_existing(parent, raw, status, folders)
        finally:
            os.close(parent)
        raise PermissionError(errno.EACCES, "the name changes all the time", self._name)

    def _open_root(self) -> tuple[LocalFile, Action]:
        self._tree.require_root()
        with self._tree.root as root:
            status = os.fstat(root)
            self._check(status)
            fd = open_directory(b".", root)
        link = Link(key_of(status), None, b"", [])
        return self._admitted(LocalFile(self._tree, fd, link, is_directory=True))

    def _open_existing(
        self, parent: int, raw: bytes, status: os.stat_result, folders: list[str]
    ) -> tuple[LocalFile, Action]:
        target = self._tree.target(parent, raw, status, len(folders))
        if target is not None:
            return self._open_link(parent, raw, folders, target)
        self._check(status)
        is_directory = stat.S_ISDIR(status.st_mode)
        access = os.O_RDONLY
        if is_directory:
            access |= os.O_DIRECTORY
        elif self._write or self._overwrites:
            access = os.O_RDWR
        fd = self._descriptor(parent, raw, access)
        file = self._attach(fd, parent, raw, folders, is_directory=is_directory)
        return self._admitted(file)

    def _open_link(
        self, parent: int, raw: bytes, folders: list[str], target: str
    ) -> tuple[LocalFile, Action]:
        """A link itself, of which nothing can be written."""
        if self._disposition is Disposition.CREATE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._name)
        if not self._link:
            raise StoppedOnSymlink(self._name, target, "")
        if self._directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._name)
        if self._write or self._overwrites:
            raise PermissionError(errno.EACCES, "a link has no content", self._name)
        fd = self._descriptor(parent, raw, _LINK)
        try:
            status = os.fstat(fd)
            if not stat.S_ISLNK(status.st_mode):
                raise _Raced
            components = [*folders, from_disk(raw)]
            link = self._tree.attach(key_of(status), os.dup(parent), raw, components)
        except BaseException:
            os.close(fd)
            raise
        return self._admitted(LocalLink(self._tree, fd, link, target))

    def _check(self, status: os.stat_result) -> None:
        """Raise what stands against opening what was found."""
        if self._disposition is Disposition.CREATE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._name)
        if not is_served(status):
            if self._disposition in NEVER_CREATING:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._name)
            raise PermissionError(errno.EACCES, "what has the name is not served", self._name)
        is_directory = stat.S_ISDIR(status.st_mode)
        if self._directory and not is_directory:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self._name)
        if is_directory and (self._directory is False or self._overwrites):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self._name)
        if self._write or self._overwrites:
            self._tree.require_writable()

    def _make(self, parent: int, raw: bytes, folders: list[str]) -> tuple[LocalFile, Action]:
        if self._disposition in NEVER_CREATING:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._name)
        self._tree.require_writable()
        if self._permit is not None:
            self._permit(join(folders))
        before = Stamp.of(parent)
        try:
            if self._directory:
                os.mkdir(raw, dir_fd=parent)
                fd = self._descriptor(parent, raw, os.O_RDONLY | os.O_DIRECTORY)
            else:
                access = os.O_RDWR if self._write else os.O_RDONLY
                flags = _FILE | access | os.O_CREAT | os.O_EXCL
                fd = os.open(raw, flags, 0o666, dir_fd=parent)
        except FileExistsError as error:
            raise _Raced from error
        except FileNotFoundError:
            # The folder itself was removed under us.
            raise PathNotFound(self._name) from None
        self._tree.index.update(parent, before, raw)
        file = self._attach(fd, parent, raw, folders, is_directory=bool(self._directory))
        attributes = self._attributes if self._directory else self._attributes | ARCHIVE
        file.mark_made(attributes, self._account)
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
            link = self._tree.attach(key_of(status), os.dup(parent), raw, components)
        except BaseException:
            os.close(fd)
            raise
        return LocalFile(self._tree, fd, link, is_directory=is_directory)

    def _admitted(self, file: LocalFile) -> tuple[LocalFile, Action]:
        """Ask whether an existing file may be had, and only then overwrite it."""
        try:
            if self._admit is not None:
                self._admit(file)
            if self._overwrites:
                file.overwrite(
                    self._attributes | ARCHIVE,
                    supersede=self._disposition is Disposition.SUPERSEDE,
                )
        except BaseException:
            file.close()
            raise
        return file, OVERWRITING.get(self._disposition, Action.OPENED)
