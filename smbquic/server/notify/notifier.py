r"""Who is to be told of which change: the watches of all opens, and where changes come from.

What the server does itself is told at once and exactly. What local programs do comes from the
storage's `ChangeSource`, which tells of the server's own doings as well: those are known again
by their name. Both keep their order, because the source is read before a change of our own is
told of.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import Protocol

from smbquic.server.notify.watch import Watch
from smbquic.server.overload.budget import UserBudget
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
"""What a write changes."""
OVERWRITTEN = CONTENT | ATTRIBUTES
_STREAM_CONTENT = int(
    CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_SIZE
    | CompletionFilter.FILE_NOTIFY_CHANGE_STREAM_WRITE
)
_METADATA = ATTRIBUTES | SECURITY | EXTENDED_ATTRIBUTES | LAST_WRITE | LAST_ACCESS | CREATION

_Kinds = frozenset[ChangeKind]
# What the source tells in addition to a change of our own, and thus not to be told twice.
_MODIFYING: _Kinds = frozenset({ChangeKind.CONTENT, ChangeKind.METADATA})
_ADDING = _MODIFYING | {ChangeKind.ADDED}
_REMOVING = _MODIFYING | {ChangeKind.REMOVED}
_MOVING = _MODIFYING | {ChangeKind.RENAMED, ChangeKind.ADDED, ChangeKind.REMOVED}

_AT_ONCE = 256
"""How many folders of a tree are taken in before the client is answered, the rest meanwhile."""
_MOVE_SECONDS = 0.05
"""How long half a move waits for its other half."""


class OpenFile(Protocol):
    """An open file or folder; `memory` is what its user may have the server keep."""

    file: StorageFile
    memory: UserBudget

    @property
    def storage(self) -> Storage:
        """What the share of the file stands on."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""


class Notifier:
    """Tells watches of changes. As long as there is no watch, everything here returns at once."""

    def __init__(self) -> None:
        self._stations: dict[Storage, _Station] = {}

    def watch(
        self, entry: OpenFile, completion_filter: int, size: int, *, recursive: bool
    ) -> Watch:
        """Begins to note what happens in the folder that is open, until that is closed."""
        storage = entry.storage
        station = self._stations.get(storage)
        if station is None:
            station = self._stations[storage] = _Station(storage)
        watch = Watch(entry.file.name, completion_filter, recursive, size, entry.memory)
        station.add(watch)
        return watch

    def unwatch(self, entry: OpenFile, watch: Watch) -> None:
        """Ends a watch."""
        storage = entry.storage
        station = self._stations[storage]
        if station.remove(watch):
            del self._stations[storage]
            station.close()

    def added(self, storage: Storage, name: str, *, is_directory: bool) -> None:
        """A file, a folder or a stream was made, or a file was given one more name."""
        station = self._stations.get(storage) if self._stations else None
        if station is None:
            return
        if _is_stream(name):
            station.own({name: _MODIFYING})
            station.tell(_STREAM_NAME, (NotifyAction.FILE_ACTION_ADDED_STREAM, name))
        else:
            station.own({name: _ADDING})
            station.tell(_name(is_directory), (NotifyAction.FILE_ACTION_ADDED, name))

    def removed(self, storage: Storage, name: str, *, is_directory: bool) -> None:
        """A file, a folder or a stream was deleted."""
        station = self._stations.get(storage) if self._stations else None
        if station is None:
            return
        if _is_stream(name):
            station.own({name: _MODIFYING})
            station.tell(_STREAM_NAME, (NotifyAction.FILE_ACTION_REMOVED_STREAM, name))
        else:
            station.own({name: _REMOVING})
            station.tell(_name(is_directory), (NotifyAction.FILE_ACTION_REMOVED, name))

    def renamed(self, entry: OpenFile, old: str) -> None:
        """What is open went by the name `old` until now."""
        storage, new = entry.storage, entry.file.name
        station = self._stations.get(storage) if self._stations else None
        if station is None:
            return
        if _is_stream(new):
            self.removed(storage, old, is_directory=False)
            self.added(storage, new, is_directory=False)
            return
        if entry.is_directory:
            station.moved(old, new)
        station.own({old: _MOVING, new: _MOVING}, final=True)
        station.tell_move(old, new, is_directory=entry.is_directory)

    def modified(self, entry: OpenFile, completion_filter: int) -> None:
        """Something about what is open was changed, which `completion_filter` tells."""
        station = self._stations.get(entry.storage) if self._stations else None
        if station is None:
            return
        name = entry.file.name
        station.own({name: _MODIFYING})
        if _is_stream(name) and completion_filter & SIZE:
            station.tell(_STREAM_CONTENT, (NotifyAction.FILE_ACTION_MODIFIED_STREAM, name))
        else:
            # All but its content, a stream shares with its file.
            name = _without_stream(name)
            station.tell(completion_filter, (NotifyAction.FILE_ACTION_MODIFIED, name))

    @contextmanager
    def modifying(self, entry: OpenFile, completion_filter: int) -> Iterator[None]:
        """Around what changes an open file on another thread, and is told of when it is done."""
        station = self._stations.get(entry.storage)
        try:
            with nullcontext() if station is None else station.busy(entry.file.name):
                yield
        finally:
            self.modified(entry, completion_filter)


class _Station:
    """The watches of one storage."""

    def __init__(self, storage: Storage) -> None:
        self._loop = asyncio.get_running_loop()
        self._watches: dict[str, list[Watch]] = {}
        self._busy: Counter[str] = Counter()
        self._late: asyncio.TimerHandle | None = None
        self._source: ChangeSource | None = storage.watch()
        if self._source is not None:
            self._loop.add_reader(self._source.fileno(), self.own, {})

    def add(self, watch: Watch) -> None:
        self._watches.setdefault(watch.folder, []).append(watch)
        if self._source is None:
            return
        steps = self._source.cover(watch.folder, recursive=watch.recursive)
        if len(list(islice(steps, _AT_ONCE))) == _AT_ONCE:
            self._loop.run_in_executor(None, _exhaust, steps)

    def remove(self, watch: Watch) -> bool:
        """Whether that was the last one."""
        watches = self._watches[watch.folder]
        watches.remove(watch)
        if not watches:
            del self._watches[watch.folder]
        if self._source is not None:
            self._source.uncover(watch.folder, recursive=watch.recursive)
        return not self._watches

    def close(self) -> None:
        if self._late is not None:
            self._late.cancel()
        if self._source is not None:
            self._loop.remove_reader(self._source.fileno())
            self._source.close()

    @contextmanager
    def busy(self, name: str) -> Iterator[None]:
        """Meanwhile, changes of a file are taken for our own."""
        name = _without_stream(name)
        self._busy[name] += 1
        try:
            yield
        finally:
            self._busy[name] -= 1
            if not self._busy[name]:
                del self._busy[name]

    def own(self, ours: Mapping[str, _Kinds], *, final: bool = False) -> None:
        """Tells of what others did, which is all but the changes of some names.

        To be called when something was done, before that is told of.
        """
        if self._source is None:
            return
        ours = {_without_stream(name): kinds for name, kinds in ours.items()}
        self._pass_on(self._source.read(final=final), ours)
        if self._source.incomplete and self._late is None:
            self._late = self._loop.call_later(_MOVE_SECONDS, self._give_up_move)

    def _give_up_move(self) -> None:
        self._late = None
        if self._source is not None:
            self._pass_on(self._source.read(final=True), {})

    def _pass_on(self, changes: Iterable[Change], ours: Mapping[str, _Kinds]) -> None:
        for change in changes:
            kind, name = change.kind, change.name
            if kind is ChangeKind.MOVED:
                self._rename_watches(change.old_name, name)
            elif kind is ChangeKind.LOST:
                for watches in self._watches.values():
                    for watch in watches:
                        watch.lose()
            elif kind in ours.get(name, ()) or (name in self._busy and kind in _MODIFYING):
                continue
            elif kind is ChangeKind.RENAMED:
                self.tell_move(change.old_name, name, is_directory=change.is_directory)
            elif kind is ChangeKind.ADDED:
                self.tell(_name(change.is_directory), (NotifyAction.FILE_ACTION_ADDED, name))
            elif kind is ChangeKind.REMOVED:
                self.tell(_name(change.is_directory), (NotifyAction.FILE_ACTION_REMOVED, name))
            else:
                what = CONTENT if kind is ChangeKind.CONTENT else _METADATA
                self.tell(what, (NotifyAction.FILE_ACTION_MODIFIED, name))

    def moved(self, old: str, new: str) -> None:
        """A folder goes by another name, and so do those below it."""
        if self._source is not None:
            self._source.moved(old, new)
        self._rename_watches(old, new)

    def _rename_watches(self, old: str, new: str) -> None:
        everyone = [watch for watches in self._watches.values() for watch in watches]
        self._watches.clear()
        for watch in everyone:
            watch.folder = moved(watch.folder, old, new)
            self._watches.setdefault(watch.folder, []).append(watch)

    def tell_move(self, old: str, new: str, *, is_directory: bool) -> None:
        """Within its folder it is one change; elsewhere it goes here and comes there."""
        what = _name(is_directory)
        if old.rpartition("\\")[0] == new.rpartition("\\")[0]:
            self.tell(
                what,
                (NotifyAction.FILE_ACTION_RENAMED_OLD_NAME, old),
                (NotifyAction.FILE_ACTION_RENAMED_NEW_NAME, new),
            )
        else:
            self.tell(what, (NotifyAction.FILE_ACTION_REMOVED, old))
            self.tell(what, (NotifyAction.FILE_ACTION_ADDED, new))

    def tell(self, what: int, *changes: tuple[NotifyAction, str]) -> None:
        """Tells every watch that wants to know of changes in one folder."""
        name = changes[0][1]
        deep = False
        # Names that are local to the root have no folder, and the root itself is in none.
        while name:
            folder = name.rpartition("\\")[0]
            for watch in self._watches.get(folder, ()):
                if watch.completion_filter & what and (watch.recursive or not deep):
                    start = len(folder) + 1 if folder else 0
                    watch.add([NotifyInformation(act, full[start:]) for act, full in changes])
            name, deep = folder, True


def _name(is_directory: bool) -> int:
    return _DIR_NAME if is_directory else _FILE_NAME


def _is_stream(name: str) -> bool:
    return ":" in name


def _without_stream(name: str) -> str:
    return name.partition(":")[0]


def _exhaust(steps: Iterator[None]) -> None:
    deque(steps, maxlen=0)
