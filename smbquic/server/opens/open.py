"""One open file or folder, what all opens of a file share, and what clients may cache of it.

[MS-SMB2] 3.3.1.10, [MS-FSA] 2.1.1.3 to 2.1.1.10
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import NOTHING, READ, BreakCause
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.server.opens.locks import Locks
from smbquic.server.opens.open_parts import (
    ChangeTracking,
    ChannelSequence,
    Enumeration,
    OpenAccess,
    OpenMode,
    Recovery,
)
from smbquic.server.opens.times import Times
from smbquic.server.overload.budget import UserBudget
from smbquic.server.security import access
from smbquic.server.tree import ServerTree
from smbquic.storage import FileStat, Storage, StorageFile
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import ShareAccess
from smbquic.wire.file_id import FileId
from smbquic.wire.message import Message

_log = logging.getLogger(__name__)

_READS = access.READS_DATA
_WRITES = access.MODIFIES_DATA
_DELETES = int(AccessMask.DELETE)
_SHARES_DELETION = int(ShareAccess.FILE_SHARE_DELETE)
_CONTENT = _READS | _WRITES | _DELETES
_SHARED = (
    (_READS, int(ShareAccess.FILE_SHARE_READ)),
    (_WRITES, int(ShareAccess.FILE_SHARE_WRITE)),
    (_DELETES, int(ShareAccess.FILE_SHARE_DELETE)),
)


class OpenOwner(Protocol):
    """The session that an open belongs to."""

    def add(self, entry: Open) -> None:
        """Take a new open in."""

    def remove(self, entry: Open) -> None:
        """Forget an open."""

    def notify(self, body: Message) -> bool:
        """Send the client what answers no request; False if there is no connection for it."""


class OpenTable(Protocol):
    """The table that an open is in."""

    def close(self, entry: Open) -> OSError | None:
        """See `Open.close`."""

    def notify_folder_leases(self, entry: Open) -> None:
        """See `Open.notify_folder_leases`."""


@dataclass(slots=True, eq=False)
class Open:
    """What a FileId stands for.

    `state` is shared by every open of the same underlying file or stream. `session` is None while a
    durable open waits for its owner's return. `memory` is what its user may have the server keep.
    `grant` is its oplock or lease, `parent_lease_key` the key of the client's lease on the folder.
    What is in `on_close` is called once the open is gone.
    """

    file_id: FileId
    file: StorageFile
    state: FileState
    table: OpenTable
    session: OpenOwner | None
    tree: ServerTree
    memory: UserBudget
    access: OpenAccess
    mode: OpenMode
    grant: CacheGrant | None = None
    parent_lease_key: bytes | None = None
    enumeration: Enumeration = field(default_factory=Enumeration)
    times: Times = field(default_factory=Times)
    tracking: ChangeTracking = field(default_factory=ChangeTracking)
    recovery: Recovery = field(default_factory=Recovery)
    sequence: ChannelSequence = field(default_factory=ChannelSequence)
    on_close: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return self.file.is_directory

    @property
    def storage(self) -> Storage:
        """What the share of the file stands on."""
        return self.tree.storage

    def require(self, wanted: int) -> None:
        """StatusError ACCESS_DENIED unless every bit of `wanted` was granted."""
        if self.access.granted & wanted != wanted:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def require_any(self, wanted: int) -> None:
        """StatusError ACCESS_DENIED unless one bit of `wanted` was granted."""
        if not self.access.granted & wanted:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def stat(self, stat: FileStat | None = None) -> FileStat:
        """Return what this open shows of the file; `stat`, if that is known already."""
        if stat is None:
            stat = self.file.stat()
        self.times.show(stat)
        if stat.allocation_size < self.state.reserved:
            stat.allocation_size = self.state.reserved
        return stat

    def before_write(self) -> None:
        """Note that the content is about to be changed through this open."""
        self.times.before_write(self.file, first=not self.tracking.wrote)
        self.tracking.wrote = True

    def keep_times(self) -> None:
        """Undo what a change did to times that the client wants kept."""
        self.times.keep(self.file)

    def begin_request(self) -> Callable[[object], None]:
        """Count a request that is answered later; return what counts it off."""
        sequence = self.sequence
        changes = sequence.changes
        sequence.outstanding += 1

        def end(_: object) -> None:
            if changes == sequence.changes:
                sequence.outstanding -= 1
            else:
                sequence.outstanding_before -= 1

        return end

    def notify_folder_leases(self) -> None:
        """Tell those who cache the folder that something about the file has changed."""
        self.table.notify_folder_leases(self)

    def detach(self) -> None:
        """Go on without a session, until the owner is back."""
        assert self.session is not None
        self.session.remove(self)
        self.session = None

    def attach(self, session: OpenOwner, tree: ServerTree, volatile: int, sequence: int) -> None:
        """Go on in another session and tree, under another FileId and channel sequence."""
        self.session, self.tree = session, tree
        self.file_id = self.file_id._replace(volatile=volatile)
        self.sequence.number = sequence
        session.add(self)

    def close(self) -> OSError | None:
        """End the open: its locks, its share mode, and the file itself if that is to go.

        Returns what failed: a file that was to be deleted stays, or content did not reach the disk.
        """
        return self.table.close(self)


@dataclass(slots=True, eq=False)
class FileState:
    """What all opens of one underlying file, or of one named stream of it, share.

    It lives as long as one of them does, a file's also as long as its streams' do: those are in
    `streams`, and have their file in `whole`. `grants` are what clients may cache of it.
    `delete_pending` may be set and cleared by SET_INFO; what it is about goes when its last open
    closes. `deleter` is the `parent_lease_key` of the open that wants it so, and `auditor` is its
    own. `reserved` is how many bytes of the disk a client has asked for: they are only said to be
    there, until the file is closed.
    """

    key: Hashable
    whole: FileState | None = None
    streams: list[FileState] = field(default_factory=list)
    opens: dict[Open, None] = field(default_factory=dict)
    _modes: Counter[tuple[int, int]] = field(default_factory=Counter)
    grants: list[CacheGrant] = field(default_factory=list)
    locks: Locks = field(default_factory=Locks)
    delete_pending: bool = False
    deleter: bytes | None = None
    auditor: FileAuditor | None = None
    reserved: int = 0
    # The open file whose name is to go, if the open that asked for it is closed already.
    doomed: StorageFile | None = None
    storage: Storage | None = None

    def add(self, entry: Open) -> None:
        """Take a new open in."""
        self.opens[entry] = None
        self._modes[entry.access.granted, entry.access.share] += 1

    def remove(self, entry: Open) -> None:
        """Forget an open."""
        del self.opens[entry]
        mode = entry.access.granted, entry.access.share
        self._modes[mode] -= 1
        if not self._modes[mode]:
            del self._modes[mode]

    def end_watches(self) -> None:
        """Tell those who wait for changes in a folder that it is about to go."""
        for entry in self.opens:
            if entry.tracking.watch is not None:
                entry.tracking.watch.end(NtStatus.DELETE_PENDING)

    def check_open(self, granted_access: int, share_access: int) -> None:
        """StatusError DELETE_PENDING or SHARING_VIOLATION if a further open is not allowed.

        Whoever deletes a file deletes its streams, and so collides with their opens too
        ([MS-FSA] 2.1.5.1.2.1).
        """
        if self.delete_pending or (self.whole is not None and self.whole.delete_pending):
            raise StatusError.of(NtStatus.DELETE_PENDING)
        if any(
            _conflict(held_access, held_share, granted_access, share_access)
            for held_access, held_share in self._modes
        ):
            raise StatusError.of(NtStatus.SHARING_VIOLATION)
        if (
            granted_access & _DELETES
            and any(
                held_access & _CONTENT and not held_share & _SHARES_DELETION
                for stream in self.streams
                for held_access, held_share in stream._modes
            )
        ) or (
            self.whole is not None
            and granted_access & _CONTENT
            and not share_access & _SHARES_DELETION
            and any(held_access & _DELETES for held_access, _ in self.whole._modes)
        ):
            raise StatusError.of(NtStatus.SHARING_VIOLATION)


def _conflict(held_access: int, held_share: int, wanted_access: int, wanted_share: int) -> bool:
    """[MS-FSA] 2.1.5.1.2.2; opens that touch no content, such as for attributes, never collide."""
    if not (held_access & _CONTENT and wanted_access & _CONTENT):
        return False
    return any(
        (held_access & rights and not wanted_share & shared)
        or (wanted_access & rights and not held_share & shared)
        for rights, shared in _SHARED
    )


@dataclass(slots=True, eq=False)
class Break:
    """A client was told to give something up, and has not acknowledged it yet.

    It was asked for `asked`; meanwhile it may have become necessary that it keeps no more than
    `required`. `done` is set when it is over, however it ended.
    """

    asked: int
    required: int
    timer: asyncio.TimerHandle
    done: asyncio.Future[None]


class CacheGrant(ABC):
    """Whoever may cache something of a file: `caching` are the bits of `LeaseState`.

    `opens` are those that it serves; while `breaking`, `caching` is what it was before.
    """

    __slots__ = ("breaking", "caching", "opens", "seconds", "state")

    def __init__(self, state: FileState, entry: Open, caching: int, seconds: float) -> None:
        self.state = state
        self.opens = [entry]
        self.caching = caching
        self.seconds = seconds
        self.breaking: Break | None = None
        state.grants.append(self)

    @property
    @abstractmethod
    def level(self) -> int:
        """How a response to CREATE calls it."""

    @abstractmethod
    def left_after(self, cause: BreakCause) -> int:
        """What the grant may still cache when that has happened."""

    @abstractmethod
    def must_wait(self, cause: BreakCause) -> bool:
        """Whether that has to wait until the client has given up what it loses."""

    @abstractmethod
    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Tells the client what it is left with; `further` if it has just acknowledged more.

        False if there is no connection to tell it on.
        """

    @abstractmethod
    def must_acknowledge(self) -> bool:
        """Whether the client has something to do before it can give up what it has."""

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Has the client give up everything but `left`.

        Where it cannot be asked, what it has open waits for its return, and is closed instead;
        then this is false.
        """
        if self.breaking is not None:
            self.breaking.required &= left
            return True
        acknowledge = self.must_acknowledge()
        told = self.notify(left, acknowledge=acknowledge, further=further)
        if not told:
            for entry in list(self.opens):
                entry.close()
        elif acknowledge:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self.seconds, self._give_up_waiting)
            self.breaking = Break(left, left, timer, loop.create_future())
        else:
            self.caching = left
        return told

    def acknowledge(self, kept: int) -> None:
        """The client has given up everything but `kept`, which is at most what it was asked for.

        If that is more than what is possible by now, it is asked again, step by step: it is left
        with READ at first if that spares it from losing all at once.
        """
        last = self.breaking
        assert last is not None
        self.caching = kept
        if not kept & ~last.required:
            self._finish()
            return
        last.timer.cancel()
        self.breaking = None
        step = kept & READ if kept & ~READ else NOTHING
        self.reduce(last.required | step, further=True)
        following: Break | None = self.breaking
        if following is None:
            last.done.set_result(None)
        else:
            following.required, following.done = last.required, last.done

    def _give_up_waiting(self) -> None:
        _log.info("a client did not acknowledge a break within %g s", self.seconds)
        self.caching = NOTHING
        self._finish()

    def _finish(self) -> None:
        """Ends a break, and lets those go on who wait for it."""
        if self.breaking is not None:
            self.breaking.timer.cancel()
            self.breaking.done.set_result(None)
            self.breaking = None

    def drop(self, entry: Open) -> None:
        """Forgets an open; with the last one the grant goes, whatever it still had."""
        self.opens.remove(entry)
        if not self.opens:
            self.remove()

    def remove(self) -> None:
        """The grant has nothing any more."""
        self.caching = NOTHING
        self._finish()
        self.state.grants.remove(self)
