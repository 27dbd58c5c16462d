"""Finding one's way below a share's root without ever leaving it.

Every step is made from the descriptor of the folder before it, with one checked component, and
follows no symbolic link. So there is no name, and no moment in a local process's renaming, that
leads out of the share; the worst that a race can do is to make a step fail. A local user who
moves a folder out of the share while a client is in it takes the client along, as he could with
its files.

A disk may be mounted below the root and is served; device nodes, sockets and FIFOs are not there
for a client, except that their names are taken. So are symbolic links, unless the share shows those
that stay within it (`links`).
"""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smbquic.storage.errors import PathNotFound, RootGone, StoppedOnSymlink
from smbquic.storage.local import attributes, symlinks, xattrs
from smbquic.storage.local.case_index import CaseIndex
from smbquic.storage.local.closing import DescriptorCloser
from smbquic.storage.local.descriptor import SharedDescriptor, walk_into
from smbquic.storage.names import from_disk, join, split, to_disk
from smbquic.storage.types import FileStat

_NO_WAY: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

FileKey = tuple[int, int]
"""The device and inode numbers, which are nobody else's while the file is open."""


def key_of(status: os.stat_result) -> FileKey:
    """Return what identifies a file."""
    return status.st_dev, status.st_ino


def is_served(status: os.stat_result) -> bool:
    """Return whether a client may know of it: regular files and folders."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def path_of(directory: int, raw: bytes) -> bytes:
    """Return a path to `raw` in a folder, for the calls that take no folder.

    It hangs on the descriptor, not on a name, and is good for calls that don't follow links.
    """
    return b"/proc/self/fd/%d/%b" % (directory, raw)


class OpenName:
    """A name of an open file: the folder it is in, and how it is called there.

    All opens of one file by one name share it, so that a rename through one of them is known to
    all. The root's own has no folder. Its fields belong to whoever holds `FolderTree.lock`.
    """

    __slots__ = ("_folder_key", "components", "key", "opens", "parent", "raw", "unsynced")

    def __init__(self, key: FileKey, parent: int | None, raw: bytes, components: list[str]) -> None:
        self.key = key
        self.parent = parent
        self.raw = raw
        self.components = components
        self.opens = 1
        self.unsynced = False
        self._folder_key: FileKey | None = None

    @property
    def folder_key(self) -> FileKey:
        """What identifies the folder that it is in; the root is its own."""
        if self._folder_key is None:
            self._folder_key = self.key if self.parent is None else key_of(os.fstat(self.parent))
        return self._folder_key

    def move(self, parent: int, raw: bytes, components: list[str]) -> None:
        """Give the file a new name; `parent` is closed with it."""
        self.parent, self.raw, self.components = parent, raw, components
        self.unsynced = True
        self._folder_key = None

    @property
    def last(self) -> str:
        """The name's last component."""
        return self.components[-1] if self.components else ""


class OpenStream:
    """A named stream that is open: which it is, by how many opens.

    Its fields belong to whoever holds `FolderTree.lock`.
    """

    __slots__ = ("key", "name", "opens")

    def __init__(self, key: FileKey, name: str) -> None:
        self.key = key
        self.name = name
        self.opens = 0


class FolderTree:
    """The folder that a share is, by its descriptor, and the names of what is open in it."""

    def __init__(self, root: Path, *, read_only: bool, links: bool) -> None:
        self.label: Final = root.resolve().name
        self.read_only: Final = read_only
        self.links: Final = links
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.root: Final = SharedDescriptor(fd)
        status = os.fstat(fd)
        self.home: Final = status.st_dev
        # Some file systems count no links at all.
        self._counts_links: Final = status.st_nlink > 0
        self.block_size: Final = os.fstatvfs(fd).f_frsize or 1
        self.extended: Final = xattrs.supported(fd)
        # Whether a read can be asked not to wait for the disk; found out by the first one.
        self.reports_cached = hasattr(os, "RWF_NOWAIT")
        self.lock: Final = threading.Lock()
        self.index: Final = CaseIndex()
        self.closer: Final = DescriptorCloser()
        self._names: dict[FileKey, list[OpenName]] = {}
        self._streams: dict[tuple[FileKey, str], OpenStream] = {}

    def require_writable(self) -> None:
        """Raise `OSError` (EROFS) if nothing may be changed here."""
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    @property
    def is_gone(self) -> bool:
        """Whether the root was deleted: nothing can be in it, or made in it, any more."""
        with self.root as root:
            return self._is_deleted(root)

    def _is_deleted(self, root: int) -> bool:
        try:
            return self._counts_links and not os.fstat(root).st_nlink
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            return True

    def require_root(self) -> None:
        """Raise RootGone if the root was deleted: it would look like an empty folder."""
        if self.is_gone:
            raise RootGone(self.label)

    def walk(
        self, components: list[str], visit: Callable[[int, str], None] | None = None
    ) -> tuple[int, list[str]]:
        """Return a descriptor of the folder, to be closed by the caller, and its name in real case.

        `visit` is called with the descriptor and the name of each folder on the way, from the root
        on. Raises PathNotFound, also for what is no folder, and RootGone.
        """
        with self.root as root:
            if not components:
                if self._is_deleted(root):
                    raise RootGone(self.label)
                if visit is not None:
                    visit(root, "")
                return os.dup(root), []
            try:
                return self._walk_from(root, components, visit)
            except OSError:
                # Asked only now: nothing can be entered from a folder that was deleted.
                if self._is_deleted(root):
                    raise RootGone(self.label) from None
                raise

    def _walk_from(
        self, root: int, components: list[str], visit: Callable[[int, str], None] | None
    ) -> tuple[int, list[str]]:
        here, real = root, list[str]()
        try:
            if visit is not None:
                visit(root, "")
            for component in components:
                raw, following = self._step(here, component)
                if here != root:
                    os.close(here)
                here = following
                real.append(from_disk(raw))
                if visit is not None:
                    visit(here, real[-1])
        except BaseException as error:
            try:
                if isinstance(error, OSError) and error.errno in _NO_WAY:
                    raise self._no_way(here, components, len(real)) from None
                raise
            finally:
                if here != root:
                    os.close(here)
        return here, real

    def _no_way(self, here: int, components: list[str], depth: int) -> PathNotFound:
        """Return the error for a folder on the way that cannot be entered."""
        name = join(components)
        if self.links:
            raw, status = self.look_up(here, components[depth])
            target = None if status is None else self.target(here, raw, status, depth)
            if target is not None:
                return StoppedOnSymlink(
                    name, target, "".join(f"\\{part}" for part in components[depth + 1 :])
                )
        return PathNotFound(name)

    def walk_to_parent(self, name: str) -> tuple[int, list[str], str]:
        """Return the folder that holds `name` (not the root), as `walk`, and the last component."""
        *folders, last = split(name)
        try:
            parent, real = self.walk(folders)
        except StoppedOnSymlink as met:
            raise StoppedOnSymlink(name, met.target, f"{met.rest}\\{last}") from None
        return parent, real, last

    def target(self, parent: int, raw: bytes, status: os.stat_result, depth: int) -> str | None:
        """Return where an entry leads, if it is a link that is shown; see `symlinks.read`."""
        if self.links and stat.S_ISLNK(status.st_mode):
            try:
                return symlinks.read(parent, raw, depth)
            except OSError:
                return None  # it was deleted since
        return None

    def look_up(self, parent: int, component: str) -> tuple[bytes, os.stat_result | None]:
        """Return the name on the disk and the status of what a component names, itself.

        What is not there is to be made under the name that is returned.
        """
        raw = to_disk(component)
        try:
            return raw, os.stat(raw, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return self.index.find(parent, component) or (raw, None)

    def stat(self, name: str) -> FileStat:
        """Return what is known of `name`; FileNotFoundError, PathNotFound, NameInvalid."""
        if not name:
            self.require_root()
            with self.root as root:
                return self.stat_folder(root, "")
        parent, folders, last = self.walk_to_parent(name)
        try:
            raw, status = self.look_up(parent, last)
            found = None
            if status is not None:
                found = self.stat_entry(parent, raw, status, len(folders))
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            return found
        finally:
            os.close(parent)

    def stat_entry(
        self, parent: int, raw: bytes, status: os.stat_result, depth: int
    ) -> FileStat | None:
        """Return the properties of a folder's entry from its `status`; None if it is not served.

        `depth` is how many folders of the share the folder is below its root.
        """
        target = None
        if not is_served(status):
            target = self.target(parent, raw, status, depth)
            if target is None:
                return None
        path = path_of(parent, raw)
        found = attributes.describe(from_disk(raw), status, attributes.read(path), self.home, path)
        return found if target is None else symlinks.shown(found, target)

    def stat_folder(self, directory: int, name: str) -> FileStat:
        """Return what is known of a folder by a descriptor from `walk`."""
        path = path_of(directory, b".")
        status = os.fstat(directory)
        return attributes.describe(name, status, attributes.read(path), self.home, path)

    def attach(self, key: FileKey, parent: int, raw: bytes, components: list[str]) -> OpenName:
        """Return the name of a file that was just opened by it; `parent` is closed with it."""
        with self.lock:
            found = self._names.setdefault(key, [])
            for open_name in found:
                if open_name.raw == raw and self._same_folder(open_name.parent, parent):
                    os.close(parent)
                    open_name.opens += 1
                    return open_name
            open_name = OpenName(key, parent, raw, components)
            found.append(open_name)
            return open_name

    def detach(self, open_name: OpenName) -> None:
        """Forget one open of a file by this name."""
        with self.lock:
            open_name.opens -= 1
            if open_name.opens or open_name.parent is None:
                return
            os.close(open_name.parent)
            found = self._names[open_name.key]
            found.remove(open_name)
            if not found:
                del self._names[open_name.key]

    def verify(self, open_name: OpenName) -> int:
        """Return the folder that the name is in, if the file still has this name there.

        The caller holds the lock. Raises FileNotFoundError, PermissionError for the root.
        """
        if open_name.parent is None:
            raise PermissionError(errno.EACCES, "the root of a share has no name")
        status = os.stat(open_name.raw, dir_fd=open_name.parent, follow_symlinks=False)
        if key_of(status) != open_name.key:
            raise FileNotFoundError(errno.ENOENT, "another file has taken the name", open_name.last)
        return open_name.parent

    def move(
        self, open_name: OpenName, parent: int, raw: bytes, components: list[str], *, below: bool
    ) -> None:
        """Record the new name of a file; `parent` is closed with it.

        The caller holds the lock and closes the folder that the name was in. With `below` it is
        a folder, and what is open in it gets its new name too.
        """
        depth = len(open_name.components)
        for other in (each for group in self._names.values() for each in group) if below else ():
            if len(other.components) > depth and other.components[:depth] == open_name.components:
                other.components = components + other.components[depth:]
        open_name.move(parent, raw, components)

    def securities(self, name: str) -> list[tuple[bytes | None, FileStat]]:
        """Return what is stored with and known of a folder and those above it; raises as `stat`."""
        found = []

        def collect(directory: int, last: str) -> None:
            stored = xattrs.get(path_of(directory, b"."), xattrs.SECURITY)
            found.append((stored, self.stat_folder(directory, last)))

        directory, _ = self.walk(split(name), collect)
        os.close(directory)
        return found

    def attach_stream(self, key: FileKey, name: str) -> OpenStream:
        """Return the stream that was just opened by its real name."""
        with self.lock:
            open_stream = self._streams.setdefault((key, name), OpenStream(key, name))
            open_stream.opens += 1
            return open_stream

    def detach_stream(self, open_stream: OpenStream) -> None:
        """Forget one open of a stream."""
        with self.lock:
            open_stream.opens -= 1
            place = (open_stream.key, open_stream.name)
            if not open_stream.opens and self._streams.get(place) is open_stream:
                del self._streams[place]

    def move_stream(self, open_stream: OpenStream, name: str) -> None:
        """Record the new name of a stream; the caller holds the lock."""
        del self._streams[open_stream.key, open_stream.name]
        open_stream.name = name
        self._streams[open_stream.key, name] = open_stream

    def _step(self, directory: int, component: str) -> tuple[bytes, int]:
        raw = to_disk(component)
        try:
            return raw, walk_into(raw, directory)
        except FileNotFoundError:
            found = self.index.find(directory, component)
            if found is None:
                raise
            return found[0], walk_into(found[0], directory)

    @staticmethod
    def _same_folder(one: int | None, other: int) -> bool:
        return one is not None and key_of(os.fstat(one)) == key_of(os.fstat(other))

    def close(self) -> None:
        """Close the root. What is open stays open."""
        self.root.close()
