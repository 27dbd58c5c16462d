"""A folder of this machine's disk as a share. Linux and macOS."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smbquic.storage.base import Storage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.inotify import Inotify
from smbquic.storage.local.open_operation import OpenOperation
from smbquic.storage.local.sweep import Sweep
from smbquic.storage.local.tree import FolderTree, key_of
from smbquic.storage.names import MAX_UNITS
from smbquic.storage.policy import OpenPolicy
from smbquic.storage.types import (
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
# Capabilities that need a disk with extended attributes.
_EXTENDED: Final = (
    Capability.STREAMS | Capability.EXTENDED_ATTRIBUTES | Capability.SECURITY_DESCRIPTORS
)

_log = logging.getLogger(__name__)


class LocalStorage(Storage):
    """A `Storage` over the folder `root`, which is opened once and may be moved afterwards.

    If it is deleted, everything raises RootGone, and `renewed` opens what has its path then.
    Files belong to the user that the program runs as, with the modes that its umask, the
    folder's setgid bit and default ACL give them.
    """

    def __init__(self, root: Path, *, read_only: bool = False, links: bool = False) -> None:
        """Serve the folder `root`.

        With `links`, symbolic links that stay within it are shown and can be made.
        """
        self._path = root.absolute()
        self._tree = FolderTree(root, read_only=read_only, links=links)
        # Asked for with each CREATE of some clients, by way of `volume`; it does not change.
        self._created = self._tree.stat("").creation_time
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
            policy=OpenPolicy(account),
        )[0]

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
    ) -> tuple[LocalFile, Action]:
        """Open or make the file or folder `name`; see `Storage.open`.

        Attributes, account and creation time that the disk has no room for are dropped silently.
        """
        if directory and disposition in OVERWRITING:
            raise OSError(errno.EINVAL, "a folder can't be overwritten", name)
        return OpenOperation(
            self._tree,
            name,
            disposition,
            directory=directory,
            write=write,
            attributes=attributes,
            link=link,
            policy=policy or OpenPolicy(),
        ).run()

    def stat(self, name: str) -> FileStat:
        """Return what is known of `name`, without opening it; errors as for `open`."""
        return self._tree.stat(name)

    def securities(self, name: str) -> list[tuple[bytes | None, FileStat]]:
        """Return the descriptors of a folder and of those above it, the root's first."""
        return self._tree.securities(name)

    def volume(self) -> VolumeStat:
        """Return the properties of the disk under the share's root.

        It is called NTFS, as by other servers: with other names, clients do without attributes and
        long names.
        """
        self._tree.require_root()
        with self._tree.root as root:
            status = os.fstatvfs(root)
        unit = status.f_frsize
        identity = status.f_fsid
        return VolumeStat(
            total_bytes=status.f_blocks * unit,
            available_bytes=status.f_bavail * unit,
            free_bytes=status.f_bfree * unit,
            block_size=unit,
            name_max=MAX_UNITS,
            label=self._tree.label,
            serial=(identity >> 32 ^ identity) & 0xFFFF_FFFF,
            created=self._created,
            file_system="NTFS",
        )

    def watch(self) -> Inotify | None:
        """Return a source of the changes by local programs.

        None if this system has no inotify, or no more of it for this user.
        """
        try:
            return Inotify(self._tree)
        except OSError as error:
            _log.warning("local changes in %r will go unnoticed: %s", self._tree.label, error)
            return None

    def renewed(self) -> "LocalStorage":
        """Return this storage, or one on a folder that was made in the place of the deleted one."""
        tree = self._tree
        # Two shares may stand on it: what the first has closed is closed for the second.
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
        """Return whether something else has the path of the folder that is open."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        with self._tree.root as root:
            return key_of(found) != key_of(os.fstat(root))

    def begin(self) -> Callable[[], None]:
        """Search for the temporary files of a server that was killed, while clients are served."""
        if self._tree.read_only:
            return lambda: None
        return Sweep(self._tree).end

    def close(self) -> None:
        """Close the root. What is open stays open."""
        self._tree.close()


def open_local(path: str, *, read_only: bool, links: bool) -> LocalStorage:
    """Open the storage of ``local:PATH``, or of a plain path; ValueError for what is no folder."""
    folder = Path(path)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder")
    return LocalStorage(folder, read_only=read_only, links=links)
