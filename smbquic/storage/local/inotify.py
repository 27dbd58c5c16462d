"""Changes by local programs to the files of a share, from Linux' inotify. See inotify(7)."""

import ctypes
import errno
import logging
import os
import stat
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from struct import Struct
from typing import Final

from smbquic.storage.local.descriptor import open_directory
from smbquic.storage.local.tree import FolderTree, is_served
from smbquic.storage.names import SEPARATOR, from_disk, join, moved, split
from smbquic.storage.watch import Change, ChangeKind

MAX_FOLDERS: Final = 16_384
"""How many folders of one share are watched at most; each takes about a kilobyte of the kernel."""

_IN_MODIFY: Final = 0x0000_0002
_IN_ATTRIB: Final = 0x0000_0004
_IN_MOVED_FROM: Final = 0x0000_0040
_IN_MOVED_TO: Final = 0x0000_0080
_IN_CREATE: Final = 0x0000_0100
_IN_DELETE: Final = 0x0000_0200
_IN_Q_OVERFLOW: Final = 0x0000_4000
_IN_IGNORED: Final = 0x0000_8000
_IN_ONLYDIR: Final = 0x0100_0000
_IN_EXCL_UNLINK: Final = 0x0400_0000
_IN_ISDIR: Final = 0x4000_0000
_MASK: Final = (
    _IN_MODIFY
    | _IN_ATTRIB
    | _IN_MOVED_FROM
    | _IN_MOVED_TO
    | _IN_CREATE
    | _IN_DELETE
    | _IN_ONLYDIR
    | _IN_EXCL_UNLINK
)
_EVENT: Final = Struct("iIII")
_READ_SIZE: Final = 1 << 16

_log = logging.getLogger(__name__)


class Inotify:
    """A `ChangeSource` over one inotify instance. Raises `OSError` if there is none to be had."""

    def __init__(self, tree: FolderTree, *, max_folders: int = MAX_FOLDERS) -> None:
        if _LIBC is None:
            raise OSError(errno.ENOSYS, "there is no inotify on this system")
        self._tree = tree
        self._max_folders = max_folders
        self._fd = _checked(_LIBC[0](os.O_NONBLOCK | os.O_CLOEXEC))
        self._lock = threading.RLock()
        self._covered: Counter[tuple[str, bool]] = Counter()
        self._names: dict[int, str] = {}
        self._descriptors: dict[str, int] = {}
        self._moving: tuple[int, Change] | None = None
        self._complained = False
        self._closed = False

    @property
    def incomplete(self) -> bool:
        """Whether half of a move is kept."""
        return self._moving is not None

    @property
    def folders(self) -> list[str]:
        """The names of the folders that are watched, sorted."""
        return sorted(self._descriptors)

    def fileno(self) -> int:
        """Return the descriptor of the inotify instance."""
        return self._fd

    # --- which folders --------------------------------------------------------------------------

    def cover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        """Report changes in `folder`, and with `recursive` in all below it."""
        with self._lock:
            self._covered[folder, recursive] += 1
            self._add(folder)
        return self._descend(folder) if recursive else iter(())

    def _descend(self, folder: str) -> Iterator[None]:
        """Watch what is below a folder, one step for each, as long as that is wanted."""
        waiting = [folder]
        while waiting:
            parent = waiting.pop()
            for name in self._folders_in(parent):
                with self._lock:
                    if self._closed or not self._wanted(name):
                        return
                    if self._add(name):
                        waiting.append(name)
                yield

    def _folders_in(self, folder: str) -> list[str]:
        """Return the folders in a folder by name; none if it was deleted or may not be listed."""
        return [name for name, status in self._entries(folder) if stat.S_ISDIR(status.st_mode)]

    def _entries(self, folder: str) -> list[tuple[str, os.stat_result]]:
        """Return the entries of a folder that are served; none if the folder cannot be read."""
        found = []
        with suppress(OSError):
            here, _ = self._tree.walk(split(folder))
            try:
                listing = open_directory(b".", here)
            finally:
                os.close(here)
            try:
                with os.scandir(listing) as entries:
                    for entry in entries:
                        with suppress(OSError):
                            status = entry.stat(follow_symlinks=False)
                            if is_served(status):
                                found.append((_below(folder, os.fsencode(entry.name)), status))
            finally:
                os.close(listing)
        return found

    def uncover(self, folder: str, *, recursive: bool) -> None:
        """End one `cover`."""
        with self._lock:
            self._covered[folder, recursive] -= 1
            self._covered += Counter()
            self._prune()

    def moved(self, old_name: str, new_name: str) -> None:
        """Record that a folder has another name now."""
        with self._lock:
            self._names = {wd: moved(name, old_name, new_name) for wd, name in self._names.items()}
            self._descriptors = {name: wd for wd, name in self._names.items()}
            self._covered = Counter(
                {
                    (moved(name, old_name, new_name), recursive): count
                    for (name, recursive), count in self._covered.items()
                }
            )

    def _wanted(self, folder: str) -> bool:
        if self._covered[folder, False] or self._covered[folder, True]:
            return True
        while folder:
            folder = folder.rpartition(SEPARATOR)[0]
            if self._covered[folder, True]:
                return True
        return False

    def _add(self, folder: str) -> bool:
        """Watch one folder, if that can be done."""
        assert _LIBC is not None
        if len(self._names) >= self._max_folders:
            self._complain(f"more than {self._max_folders} folders")
            return False
        try:
            here, _ = self._tree.walk(split(folder))
        except OSError:
            return False
        try:
            # The path hangs on the descriptor: no link is followed but this one.
            wd = _checked(_LIBC[1](self._fd, b"/proc/self/fd/%d" % here, _MASK))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.ENOENT):
                self._complain(str(error))
            return False
        finally:
            os.close(here)
        self._names[wd] = folder
        self._descriptors[folder] = wd
        return True

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            _log.warning(
                "local changes in some folders of %r will go unnoticed: %s",
                self._tree.label,
                reason,
            )

    def _prune(self) -> None:
        for wd, name in list(self._names.items()):
            if not self._wanted(name):
                self._drop(wd)

    def _drop(self, wd: int) -> None:
        assert _LIBC is not None
        # The kernel forgets a folder by itself when that is deleted.
        _LIBC[2](self._fd, wd)
        self._forget(wd)

    def _forget(self, wd: int) -> None:
        name = self._names.pop(wd, None)
        if name is not None and self._descriptors.get(name) == wd:
            del self._descriptors[name]

    # --- what happens in them -------------------------------------------------------------------

    def read(self, *, final: bool = False) -> list[Change]:
        """Return what has happened since the last call; never waits."""
        changes: list[Change] = []
        found: set[str] = set()
        with self._lock:
            while not self._closed:
                try:
                    data = os.read(self._fd, _READ_SIZE)
                except BlockingIOError:
                    break
                offset = 0
                while offset < len(data):
                    wd, mask, cookie, length = _EVENT.unpack_from(data, offset)
                    offset += _EVENT.size + length
                    raw = data[offset - length : offset].rstrip(b"\0")
                    self._take(wd, mask, cookie, raw, changes, found)
            if final:
                self._give_up_move(changes)
        return changes

    def _take(
        self, wd: int, mask: int, cookie: int, raw: bytes, changes: list[Change], found: set[str]
    ) -> None:
        """Add the changes of one event. `found` are names that were reported before their event."""
        moving = self._moving
        if moving is not None and not (mask & _IN_MOVED_TO and moving[0] == cookie):
            self._give_up_move(changes)
        if mask & _IN_Q_OVERFLOW:
            changes.append(Change(ChangeKind.LOST))
        if mask & _IN_IGNORED:
            self._forget(wd)
        folder = self._names.get(wd)
        if folder is None or not raw:
            return
        name, is_directory = _below(folder, raw), bool(mask & _IN_ISDIR)
        if mask & _IN_MOVED_FROM:
            self._moving = cookie, Change(ChangeKind.REMOVED, name, is_directory)
        elif mask & _IN_MOVED_TO:
            self._complete_move(name, changes, is_directory=is_directory)
        elif mask & _IN_CREATE:
            if name not in found and (is_directory or self._is_served(folder, raw)):
                changes.append(Change(ChangeKind.ADDED, name, is_directory))
                if is_directory:
                    self._enter(name, changes, found)
        elif mask & _IN_DELETE:
            changes.append(Change(ChangeKind.REMOVED, name, is_directory))
        else:
            kind = ChangeKind.CONTENT if mask & _IN_MODIFY else ChangeKind.METADATA
            changes.append(Change(kind, name, is_directory))

    def _enter(self, name: str, changes: list[Change], found: set[str]) -> None:
        """Watch a folder that has just been made, and report what is in it already."""
        if not self._wanted(name) or not self._add(name):
            return
        for inner, status in self._entries(name):
            is_directory = stat.S_ISDIR(status.st_mode)
            found.add(inner)
            changes.append(Change(ChangeKind.ADDED, inner, is_directory))
            if is_directory:
                self._enter(inner, changes, found)

    def _complete_move(self, name: str, changes: list[Change], *, is_directory: bool) -> None:
        moving, self._moving = self._moving, None
        if moving is None:
            changes.append(Change(ChangeKind.ADDED, name, is_directory))
        else:
            old = moving[1].name
            if is_directory:
                self.moved(old, name)
                changes.append(Change(ChangeKind.MOVED, name, is_directory, old))
            if old.rpartition(SEPARATOR)[0] == name.rpartition(SEPARATOR)[0]:
                changes.append(Change(ChangeKind.RENAMED, name, is_directory, old))
            else:
                changes += [moving[1], Change(ChangeKind.ADDED, name, is_directory)]
        if is_directory:
            self._prune()
            if name not in self._descriptors and self._wanted(name) and self._add(name):
                for _ in self._descend(name):
                    pass

    def _give_up_move(self, changes: list[Change]) -> None:
        """Report a deletion: what was moved away appeared in no folder that is watched."""
        moving, self._moving = self._moving, None
        if moving is None:
            return
        gone = moving[1]
        changes.append(gone)
        if gone.is_directory:
            for name, wd in list(self._descriptors.items()):
                if name == gone.name or name.startswith(gone.name + SEPARATOR):
                    self._drop(wd)

    def _is_served(self, folder: str, raw: bytes) -> bool:
        """Return whether an entry is served to clients; False if it has been deleted meanwhile."""
        try:
            here, _ = self._tree.walk(split(folder))
            try:
                return is_served(os.stat(raw, dir_fd=here, follow_symlinks=False))
            finally:
                os.close(here)
        except OSError:
            return True

    def close(self) -> None:
        """Stop reporting changes."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._descriptors.clear()
                os.close(self._fd)


def _below(folder: str, raw: bytes) -> str:
    name = from_disk(raw)
    return join([folder, name]) if folder else name


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


_Function = Callable[..., int]


def _find_inotify() -> tuple[_Function, _Function, _Function] | None:
    """Return the functions inotify_init1, inotify_add_watch and inotify_rm_watch."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.inotify_init1.argtypes = (ctypes.c_int,)
    libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    libc.inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)
    return libc.inotify_init1, libc.inotify_add_watch, libc.inotify_rm_watch


_LIBC: Final = _find_inotify()
