r"""Reports changes in folders to the watches of all opens. [MS-FSA] 2.1.4.1

Changes that the server makes are reported at once and exactly. Changes by local programs come from
the storage's `ChangeSource`, which reports the server's own as well: these are recognized by their
names, and left out. Both keep their order, because the source is read before a change of the server
is reported; unless local programs make so many that the source is behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Protocol

from smbquic.overload.budget import UserBudget
from smbquic.overload.slices import Slices
from smbquic.server.notify.deliveries import Deliveries
from smbquic.server.notify.watch import Watch
from smbquic.storage import Change, ChangeKind, ChangeSource, Storage, StorageFile
from smbquic.storage.names import moved
from smbquic.wire.change_notify import CompletionFilter
from smbquic.wire.fscc.notify_information import NotifyAction, NotifyInformation

_log = logging.getLogger(__name__)

_FILE_NAME = int(CompletionFilter.FILE_NOTIFY_CHANGE_FILE_NAME)
_DIR_NAME = int(CompletionFilter.FILE_NOTIFY_CHANGE_DIR_NAME)
_STREAM_NAME = int(CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_NAME)

ATTRIBUTES = int(CompletionFilter.FILE_NOTIFY_CHANGE_ATTRIBUTES)
SECURITY = int(CompletionFilter.FILE_NOTIFY_CHANGE_SECURITY)
EXTENDED_ATTRIBUTES = int(CompletionFilter.FILE_NOTIFY_CHANGE_EA)
LAST_WRITE = int(CompletionFilter.FILE_NOTIFY_CHANGE_LAST_WRITE)
LAST_ACCESS = int(CompletionFilter.FILE_NOTIFY_CHANGE_LAST_ACCESS)
CREATION = int(CompletionFilter.FILE_NOTIFY_CHANGE_CREATION)
SIZE = int(CompletionFilter.FILE_NOTIFY_CHANGE_SIZE)
CONTENT = SIZE | LAST_WRITE
"""The changes that a write makes."""
OVERWRITTEN = CONTENT | ATTRIBUTES
_STREAM_CONTENT = int(
    CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_SIZE
    | CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_WRITE
)
_METADATA = ATTRIBUTES | SECURITY | EXTENDED_ATTRIBUTES | LAST_WRITE | LAST_ACCESS | CREATION

_Kinds = frozenset[ChangeKind]
# The kinds of changes that the source reports for a change by this server itself, which is not
# reported twice.
_MODIFYING: _Kinds = frozenset({ChangeKind.CONTENT, ChangeKind.METADATA})
_ADDING = _MODIFYING | {ChangeKind.ADDED}
_REMOVING = _MODIFYING | {ChangeKind.REMOVED}
_MOVING = _MODIFYING | {ChangeKind.RENAMED, ChangeKind.ADDED, ChangeKind.REMOVED}

_MOVE_TIMEOUT = 0.05
"""Seconds that one half of a move waits for the other half: what went may have left the share."""
_MOST_OWN = 1024
"""Changes of the server that are remembered while the source is behind; others come twice."""


class NotifierOpen(Protocol):
    """An open file or folder."""

    file: StorageFile

    @property
    def memory(self) -> UserBudget:
        """The budget of its user for what the server keeps."""

    @property
    def storage(self) -> Storage:
        """The storage that the file is in."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""


class Notifier:
    """The watches of folders, to which it reports changes; without any, methods return at once."""

    def __init__(self) -> None:
        self._by_storage: dict[Storage, _StorageWatches] = {}

    def watch(
        self, entry: NotifierOpen, completion_filter: int, size: int, *, recursive: bool
    ) -> Watch:
        """Watch the folder that is open, until it is closed."""
        storage = entry.storage
        watches = self._by_storage.get(storage)
        if watches is None:
            watches = self._by_storage[storage] = _StorageWatches(storage)
        watch = Watch(entry.file.name, completion_filter, recursive, size, entry.memory)
        watches.add(watch)
        return watch

    def unwatch(self, entry: NotifierOpen, watch: Watch) -> None:
        """End a watch."""
        storage = entry.storage
        watches = self._by_storage[storage]
        if watches.remove(watch):
            del self._by_storage[storage]

    def added(self, storage: Storage, name: str, *, is_directory: bool) -> None:
        """Report that a file, a folder, a stream or one more name of a file was created."""
        watches = self._by_storage.get(storage) if self._by_storage else None
        if watches is None:
            return
        if _is_stream(name):
            watches.report_source({name: _MODIFYING})
            watches.report(_STREAM_NAME, (NotifyAction.FILE_ACTION_ADDED_STREAM, name))
        else:
            watches.report_source({name: _ADDING})
            watches.report(_name(is_directory), (NotifyAction.FILE_ACTION_ADDED, name))

    def removed(self, storage: Storage, name: str, *, is_directory: bool) -> None:
        """Report that a file, a folder or a stream was deleted."""
        watches = self._by_storage.get(storage) if self._by_storage else None
        if watches is None:
            return
        if _is_stream(name):
            watches.report_source({name: _MODIFYING})
            watches.report(_STREAM_NAME, (NotifyAction.FILE_ACTION_REMOVED_STREAM, name))
        else:
            watches.report_source({name: _REMOVING})
            watches.report(_name(is_directory), (NotifyAction.FILE_ACTION_REMOVED, name))

    def renamed(self, entry: NotifierOpen, old: str) -> None:
        """Report that what is open was renamed, from the name `old`."""
        storage, new = entry.storage, entry.file.name
        watches = self._by_storage.get(storage) if self._by_storage else None
        if watches is None:
            return
        if _is_stream(new):
            self.removed(storage, old, is_directory=False)
            self.added(storage, new, is_directory=False)
            return
        if entry.is_directory:
            watches.moved(old, new)
        watches.report_source({old: _MOVING, new: _MOVING}, final=True)
        watches.report_move(old, new, is_directory=entry.is_directory)

    def modified(self, entry: NotifierOpen, completion_filter: int) -> None:
        """Report a change of what is open; `completion_filter` says of which kind."""
        watches = self._by_storage.get(entry.storage) if self._by_storage else None
        if watches is None:
            return
        name = entry.file.name
        watches.report_source({name: _MODIFYING})
        if _is_stream(name) and completion_filter & SIZE:
            watches.report(_STREAM_CONTENT, (NotifyAction.FILE_ACTION_MODIFIED_STREAM, name))
        else:
            # A stream has its own content; everything else is its file's.
            name = _without_stream(name)
            watches.report(completion_filter, (NotifyAction.FILE_ACTION_MODIFIED, name))

    @contextmanager
    def modifying(self, entry: NotifierOpen, completion_filter: int) -> Iterator[None]:
        """Surround a change of an open file on another thread; it is reported at the end."""
        watches = self._by_storage.get(entry.storage)
        try:
            with nullcontext() if watches is None else watches.changing(entry.file.name):
                yield
        finally:
            self.modified(entry, completion_filter)


class _StorageWatches:
    """The watches of one storage, and its source of changes."""

    def __init__(self, storage: Storage) -> None:
        self._loop = asyncio.get_running_loop()
        self._watches: dict[str, list[Watch]] = {}
        self._deliveries = Deliveries(self._everyone)
        self._changing: Counter[str] = Counter()
        # Changes that the server has made, and that the source has still to report.
        self._own: dict[str, _Kinds] = {}
        self._move_timer: asyncio.TimerHandle | None = None
        self._source: ChangeSource | None = storage.watch()
        if self._source is not None:
            self._loop.add_reader(self._source.fileno(), self.report_source, {})

    def _everyone(self) -> list[Watch]:
        return [watch for watches in self._watches.values() for watch in watches]

    def add(self, watch: Watch) -> None:
        self._watches.setdefault(watch.folder, []).append(watch)
        if self._source is not None:
            self._run(self._source.cover(watch.folder, recursive=watch.recursive))

    def _run(self, steps: Iterator[None]) -> None:
        """Take the first steps here, for it is the last one mostly, and the others on a thread."""
        here = Slices()
        for _ in steps:
            if here.is_over:
                self._loop.run_in_executor(None, _exhaust, steps)
                return

    def remove(self, watch: Watch) -> bool:
        """Remove a watch; return whether it was the last one, after which nothing is reported."""
        watches = self._watches[watch.folder]
        watches.remove(watch)
        if not watches:
            del self._watches[watch.folder]
        if self._source is not None:
            steps = self._source.uncover(watch.folder, recursive=watch.recursive)
            if self._watches:
                self._run(steps)
            else:
                self._loop.remove_reader(self._source.fileno())
                # Linux takes 20 ms to close an inotify instance, however little it watches.
                self._loop.run_in_executor(None, _close, self._source, steps)
        if not self._watches and self._move_timer is not None:
            self._move_timer.cancel()
        return not self._watches

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Take changes of a file for the server's own while this lasts."""
        name = _without_stream(name)
        self._changing[name] += 1
        try:
            yield
        finally:
            self._changing[name] -= 1
            if not self._changing[name]:
                del self._changing[name]

    def report_source(self, own: Mapping[str, _Kinds], *, final: bool = False) -> None:
        """Report what the source has, but for the changes of `own`, which the server has made.

        This is called after a change was made and before it is reported, so that all are reported
        in their order. `final` says that both halves of a move have come.
        """
        if self._source is None:
            return
        for name, kinds in own.items():
            name = _without_stream(name)
            self._own[name] = self._own.get(name, frozenset()) | kinds
        self._report_changes(self._source.read(final=final), self._own)
        if not self._source.behind or len(self._own) > _MOST_OWN:
            self._own.clear()
        self._run(self._source.follow())
        if self._source.incomplete and self._move_timer is None:
            self._move_timer = self._loop.call_later(_MOVE_TIMEOUT, self._move_timed_out)

    def _move_timed_out(self) -> None:
        self._move_timer = None
        self.report_source({}, final=True)

    def _report_changes(self, changes: Iterable[Change], own: Mapping[str, _Kinds]) -> None:
        for change in changes:
            kind, name = change.kind, change.name
            if kind is ChangeKind.MOVED:
                self._rename_watches(change.old_name, name)
            elif kind is ChangeKind.LOST:
                self._deliveries.lose()
            elif kind in own.get(name, ()) or (name in self._changing and kind in _MODIFYING):
                continue
            elif kind is ChangeKind.RENAMED:
                self.report_move(change.old_name, name, is_directory=change.is_directory)
            elif kind is ChangeKind.ADDED:
                self.report(_name(change.is_directory), (NotifyAction.FILE_ACTION_ADDED, name))
            elif kind is ChangeKind.REMOVED:
                self.report(_name(change.is_directory), (NotifyAction.FILE_ACTION_REMOVED, name))
            else:
                what = CONTENT if kind is ChangeKind.CONTENT else _METADATA
                self.report(what, (NotifyAction.FILE_ACTION_MODIFIED, name))

    def moved(self, old: str, new: str) -> None:
        """Rename the watches of a folder that was moved, and of those below it."""
        if self._source is not None:
            self._source.moved(old, new)
        self._rename_watches(old, new)

    def _rename_watches(self, old: str, new: str) -> None:
        everyone = self._everyone()
        self._watches.clear()
        for watch in everyone:
            watch.folder = moved(watch.folder, old, new)
            self._watches.setdefault(watch.folder, []).append(watch)

    def report_move(self, old: str, new: str, *, is_directory: bool) -> None:
        """Report a move: a change of name within one folder, else a removal and an addition."""
        what = _name(is_directory)
        if old.rpartition("\\")[0] == new.rpartition("\\")[0]:
            self.report(
                what,
                (NotifyAction.FILE_ACTION_RENAMED_OLD_NAME, old),
                (NotifyAction.FILE_ACTION_RENAMED_NEW_NAME, new),
            )
        else:
            self.report(what, (NotifyAction.FILE_ACTION_REMOVED, old))
            self.report(what, (NotifyAction.FILE_ACTION_ADDED, new))

    def report(self, what: int, *changes: tuple[NotifyAction, str]) -> None:
        """Report changes in one folder to every watch of it that asked for them."""
        name = changes[0][1]
        deep = False
        # Up to the root, whose name is empty: a recursive watch of any folder above counts.
        while name:
            folder = name.rpartition("\\")[0]
            if watches := self._watches.get(folder):
                start = len(folder) + 1 if folder else 0
                self._deliveries.add(
                    [
                        watch
                        for watch in watches
                        if watch.completion_filter & what and (watch.recursive or not deep)
                    ],
                    [NotifyInformation(act, full[start:]) for act, full in changes],
                )
            name, deep = folder, True


def _name(is_directory: bool) -> int:
    return _DIR_NAME if is_directory else _FILE_NAME


def _is_stream(name: str) -> bool:
    return ":" in name


def _without_stream(name: str) -> str:
    return name.partition(":")[0]


def _close(source: ChangeSource, steps: Iterator[None]) -> None:
    """Take the last steps of a source, and close it."""
    _exhaust(steps)
    source.close()


def _exhaust(steps: Iterator[None]) -> None:
    deque(steps, maxlen=0)
