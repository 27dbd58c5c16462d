"""Changes by local programs to the files of a share, from Linux' inotify. See inotify(7)."""

import ctypes
import errno
import fcntl
import logging
import os
import sys
import termios
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from struct import Struct
from typing import Final

from smbquic.storage.local.descriptor import open_directory
from smbquic.storage.local.tree import FolderTree, is_served
from smbquic.storage.names import SEPARATOR, from_disk, join, moved, split
from smbquic.storage.watch import Change, ChangeKind

MAX_FOLDERS: Final = 16_384
"""How many folders of one share are watched at most; each takes about a kilobyte of the kernel."""

READ_SIZE: Final = 1 << 12
"""Bytes of events that are read at once: some hundred, as local programs may make them for ever."""
MOST_FOUND: Final = 256
"""Entries of folders just made that are reported one by one; of more, clients have to list them."""
_SCANNED_AT_ONCE: Final = 128
"""Files of a folder that are passed over in one step."""

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
        # Names that were reported before their event, which is still to be read.
        self._found: set[str] = set()
        # Folders that are no longer in the share, and the kernel still watches.
        self._left: list[int] = []
        # Folders that have come by a move, and whether those below are still to be watched.
        self._came: list[tuple[str, bool]] = []
        self._behind = False
        self._complained = False
        self._closed = False

    @property
    def incomplete(self) -> bool:
        """Whether half of a move is kept."""
        return self._moving is not None

    @property
    def behind(self) -> bool:
        """Whether the last `read` has left something for the next one."""
        return self._behind

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
        """Watch what is below a folder, in steps, as long as that is wanted."""
        waiting = [folder]
        while waiting:
            parent = waiting.pop()
            with closing(self._entries(parent)) as entries:
                for number, (raw, is_directory) in enumerate(entries, 1):
                    name = _below(parent, raw) if is_directory else parent
                    # A folder is a step, and so are many files, which nothing is done with.
                    if not is_directory and number % _SCANNED_AT_ONCE:
                        continue
                    with self._lock:
                        if self._closed or not self._wanted(name):
                            return
                        if is_directory and self._add(name):
                            waiting.append(name)
                    yield

    def _entries(self, folder: str) -> Generator[tuple[bytes, bool], None, None]:
        """Yield the names of the entries that are served, and whether each is a folder.

        There are none if the folder was deleted or may not be listed.
        """
        with suppress(OSError):
            here, _ = self._tree.walk(split(folder))
            try:
                listing = open_directory(b".", here)
            finally:
                os.close(here)
            try:
                with os.scandir(listing) as entries:
                    for entry in entries:
                        # As `is_served` says, but without a call of the system for each.
                        is_directory = entry.is_dir(follow_symlinks=False)
                        if is_directory or entry.is_file(follow_symlinks=False):
                            yield os.fsencode(entry.name), is_directory
            finally:
                os.close(listing)

    def uncover(self, folder: str, *, recursive: bool) -> Iterator[None]:
        """End one `cover`."""
        with self._lock:
            self._covered[folder, recursive] -= 1
            if not self._covered[folder, recursive]:
                del self._covered[folder, recursive]
        return self._prune(folder)

    def _prune(self, folder: str) -> Iterator[None]:
        """Watch nothing in or below a folder that nobody wants, in steps."""
        with self._lock:
            inside = self._inside(folder)
        for wd, _ in inside:
            with self._lock:
                if self._closed:
                    return
                name = self._names.get(wd)
                if name is not None and not self._wanted(name):
                    self._forget(wd)
                    self._remove(wd)
            yield

    def moved(self, old_name: str, new_name: str) -> None:
        """Record that a folder has another name now."""
        with self._lock:
            inside = self._inside(old_name)
            for wd, _ in inside:
                self._forget(wd)
            for wd, name in inside:
                self._record(wd, moved(name, old_name, new_name))
            for name, recursive in list(self._covered):
                # Two that have become one add up.
                if (renamed := moved(name, old_name, new_name)) != name:
                    self._covered[renamed, recursive] += self._covered.pop((name, recursive))
            self._came = [(moved(name, old_name, new_name), is_new) for name, is_new in self._came]

    def follow(self) -> Iterator[None]:
        """Watch what folders that have come in bring along, and nothing of those that have left."""
        with self._lock:
            left, self._left = self._left, []
            came, self._came = self._came, []
        return self._follow(left, came) if left or came else iter(())

    def _follow(self, left: Iterable[int], came: Iterable[tuple[str, bool]]) -> Iterator[None]:
        for wd in left:
            with self._lock:
                if self._closed:
                    return
                # A folder that has come back has the same number as before.
                if wd not in self._names:
                    self._remove(wd)
            yield
        for folder, is_new in came:
            yield from self._prune(folder)
            if is_new:
                yield from self._descend(folder)

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
        self._record(wd, folder)
        return True

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            _log.warning(
                "local changes in some folders of %r will go unnoticed: %s",
                self._tree.label,
                reason,
            )

    def _inside(self, folder: str) -> list[tuple[int, str]]:
        """Return the watched folders in and below a folder."""
        below = folder + SEPARATOR if folder else ""
        return [
            (wd, name)
            for wd, name in self._names.items()
            if name == folder or name.startswith(below)
        ]

    def _record(self, wd: int, name: str) -> None:
        self._names[wd] = name
        self._descriptors[name] = wd

    def _forget(self, wd: int) -> None:
        name = self._names.pop(wd, None)
        if name is not None and self._descriptors.get(name) == wd:
            del self._descriptors[name]

    def _remove(self, wd: int) -> None:
        """Have the kernel forget a folder, which it does by itself when that is deleted."""
        assert _LIBC is not None
        _LIBC[2](self._fd, wd)

    # --- what happens in them -------------------------------------------------------------------

    def read(self, *, final: bool = False) -> list[Change]:
        """Return what has happened next; never waits, and never for long."""
        changes: list[Change] = []
        with self._lock:
            if self._closed:
                return changes
            try:
                data = os.read(self._fd, READ_SIZE)
            except BlockingIOError:
                data = b""
            offset = 0
            while offset < len(data):
                wd, mask, cookie, length = _EVENT.unpack_from(data, offset)
                offset += _EVENT.size + length
                raw = data[offset - length : offset].rstrip(b"\0")
                self._take(wd, mask, cookie, raw, changes)
            self._behind = bool(data) and self._has_more()
            if not self._behind:
                self._found.clear()
                if final:
                    self._give_up_move(changes)
        return changes

    def _has_more(self) -> bool:
        """Return whether there are events that were not read."""
        return any(fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)))

    def _take(self, wd: int, mask: int, cookie: int, raw: bytes, changes: list[Change]) -> None:
        """Add the changes of one event."""
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
            if name not in self._found and (is_directory or self._is_served(folder, raw)):
                changes.append(Change(ChangeKind.ADDED, name, is_directory))
                if is_directory:
                    self._enter(name, changes)
        elif mask & _IN_DELETE:
            changes.append(Change(ChangeKind.REMOVED, name, is_directory))
        else:
            kind = ChangeKind.CONTENT if mask & _IN_MODIFY else ChangeKind.METADATA
            changes.append(Change(kind, name, is_directory))

    def _enter(self, name: str, changes: list[Change]) -> None:
        """Watch a folder that has just been made, and report what is in it already."""
        waiting = deque([name])
        while waiting:
            folder = waiting.popleft()
            # First watched and then listed: what is made in between is found twice, but not missed.
            if not self._wanted(folder) or not self._add(folder):
                continue
            with closing(self._entries(folder)) as entries:
                for raw, is_directory in entries:
                    if len(self._found) == MOST_FOUND:
                        changes.append(Change(ChangeKind.LOST))
                        self._came.append((name, True))
                        return
                    inner = _below(folder, raw)
                    self._found.add(inner)
                    changes.append(Change(ChangeKind.ADDED, inner, is_directory))
                    if is_directory:
                        waiting.append(inner)

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
            # Of a folder that is watched already, those below are, too.
            is_new = name not in self._descriptors and self._wanted(name) and self._add(name)
            self._came.append((name, is_new))

    def _give_up_move(self, changes: list[Change]) -> None:
        """Report a deletion: what was moved away appeared in no folder that is watched."""
        moving, self._moving = self._moving, None
        if moving is None:
            return
        gone = moving[1]
        changes.append(gone)
        if gone.is_directory:
            # At once, as another folder may have this name next.
            for wd, _ in self._inside(gone.name):
                self._forget(wd)
                self._left.append(wd)

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
