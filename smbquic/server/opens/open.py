"""An open file or folder, the state that all opens of a file share, and oplocks and leases.

[MS-SMB2] 3.3.1.10, [MS-FSA] 2.1.1.3 to 2.1.1.10
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import field
from typing import Protocol

from smbquic.errors import StatusError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.overload.budget import UserBudget
from smbquic.server.opens.cache_states import NOTHING, READ, BreakCause
from smbquic.server.opens.file_audit import FileAuditor
from smbquic.server.opens.grant_state import TRANSITIONS as GRANT_TRANSITIONS
from smbquic.server.opens.grant_state import GrantEvent, GrantState
from smbquic.server.opens.locks import Locks
from smbquic.server.opens.open_parts import (
    ChangeTracking,
    Enumeration,
    OpenAccess,
    OpenMode,
    Recovery,
)
from smbquic.server.opens.open_state import TRANSITIONS as OPEN_TRANSITIONS
from smbquic.server.opens.open_state import OpenEvent, OpenState
from smbquic.server.opens.times import Times
from smbquic.server.security import access
from smbquic.server.tree import ServerTree
from smbquic.state_table import next_state
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
# Opens without any of these never collide with others. [MS-FSA] 2.1.5.1.2.2
_CONTENT = _READS | _WRITES | _DELETES
_SHARED = (
    (_READS, int(ShareAccess.FILE_SHARE_READ)),
    (_WRITES, int(ShareAccess.FILE_SHARE_WRITE)),
    (_DELETES, int(ShareAccess.FILE_SHARE_DELETE)),
)


class OpenSession(Protocol):
    """The session that an open belongs to."""

    def add(self, entry: Open) -> None:
        """Add a new open."""

    def remove(self, entry: Open) -> None:
        """Remove an open."""

    def notify(self, body: Message) -> bool:
        """Send the client what answers no request; False if there is no connection for it."""


class OpenTable(Protocol):
    """The table that an open is in."""

    def close(self, entry: Open) -> OSError | None:
        """See `Open.close`."""

    def notify_folder_leases(self, entry: Open) -> None:
        """See `Open.notify_folder_leases`."""


@dataclass(slots=True)
class OpenOwner:
    """The owner of an open: its session, its tree, and the memory budget of its user in bytes.

    `session` is None as long as the open is `DISCONNECTED`.
    """

    session: OpenSession | None
    tree: ServerTree
    memory: UserBudget


@dataclass(slots=True)
class OpenCache:
    """The caching rights of an open: its oplock or lease, and the lease key of its folder."""

    grant: CacheGrant | None = None
    parent_lease_key: bytes | None = None


@dataclass(slots=True, eq=False)
class Open:
    """A file, folder or stream that a client has open. [MS-SMB2] 3.3.1.10

    `file_state` is shared by every open of the same underlying file or stream, `table` has them
    all. `state` changes with `detach`, `attach` and `close`.
    """

    file_id: FileId
    file: StorageFile
    file_state: FileState
    table: OpenTable
    owner: OpenOwner
    access: OpenAccess
    mode: OpenMode
    cache: OpenCache
    enumeration: Enumeration = field(default_factory=Enumeration)
    times: Times = field(default_factory=Times)
    tracking: ChangeTracking = field(default_factory=ChangeTracking)
    recovery: Recovery = field(default_factory=Recovery)
    state: OpenState = OpenState.ATTACHED

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return self.file.is_directory

    @property
    def storage(self) -> Storage:
        """The storage of the share."""
        return self.owner.tree.storage

    @property
    def memory(self) -> UserBudget:
        """The budget of its user for what the server keeps."""
        return self.owner.memory

    def require(self, wanted: int) -> None:
        """Raise ACCESS_DENIED unless every bit of `wanted` was granted."""
        if self.access.granted & wanted != wanted:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def require_any(self, wanted: int) -> None:
        """Raise ACCESS_DENIED unless one bit of `wanted` was granted."""
        if not self.access.granted & wanted:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def stat(self, stat: FileStat | None = None) -> FileStat:
        """Return what this open shows of the file; `stat`, if that is known already."""
        if stat is None:
            stat = self.file.stat()
        self.times.show(stat)
        # A client that has set the allocation size expects to see it, though the disk reserves
        # nothing.
        if stat.allocation_size < self.file_state.reserved:
            stat.allocation_size = self.file_state.reserved
        return stat

    def before_write(self) -> None:
        """Prepare for a change of the content through this open."""
        self.times.before_write(self.file, first=not self.tracking.wrote)
        self.tracking.wrote = True

    def keep_times(self) -> None:
        """Undo what a change did to times that the client wants kept."""
        self.times.keep(self.file)

    def begin_request(self) -> Callable[[object], None]:
        """Count a request that is answered later; return the callback for its end."""
        sequence = self.recovery.sequence
        # When the channel sequence changes meanwhile, `check` moves the count of this request to
        # those from before. It has to be counted off there then. [MS-SMB2] 3.3.5.2.10
        changes = sequence.changes
        sequence.outstanding += 1

        def end(_: object) -> None:
            if changes == sequence.changes:
                sequence.outstanding -= 1
            else:
                sequence.outstanding_before -= 1

        return end

    def notify_folder_leases(self) -> None:
        """Break the leases of other clients on the folder, as the file has changed."""
        self.table.notify_folder_leases(self)

    def detach(self) -> None:
        """Leave the session, and wait until the owner reconnects."""
        # The tree stays, though [MS-SMB2] 3.3.7.1 forgets it: a reconnect has to be to its share.
        self.change(OpenEvent.DISCONNECT)
        assert self.owner.session is not None
        self.owner.session.remove(self)
        self.owner.session = None

    def attach(self, session: OpenSession, tree: ServerTree, volatile: int, sequence: int) -> None:
        """Join another session and tree, under another FileId and channel sequence."""
        self.change(OpenEvent.RECONNECT)
        self.owner.session, self.owner.tree = session, tree
        # Only the volatile part belongs to the session. By the persistent one the client has found
        # the open. [MS-SMB2] 3.3.5.9.7
        self.file_id = self.file_id._replace(volatile=volatile)
        self.recovery.sequence.number = sequence
        session.add(self)

    def change(self, event: OpenEvent) -> None:
        """Change the state."""
        self.state = next_state(OPEN_TRANSITIONS, self.state, event)

    def close(self) -> OSError | None:
        """End the open: its locks, its share mode, and the file itself if that is to go.

        Returns what failed: a file that was to be deleted stays, or content did not reach the disk.
        """
        return self.table.close(self)


@dataclass(slots=True, eq=False)
class FileState:
    """The state that all opens of one underlying file, or of one named stream of it, share.

    It exists as long as one of them does, a file's also as long as its streams' do: those are in
    `streams`, and have their file in `whole`. `grants` are its oplocks and leases.
    SET_INFO sets and clears `delete_pending`: the file is deleted when its last open is closed.
    `deleting_lease_key` and `auditor` are those of the open that set it.
    `reserved` is the allocation size that a client has set, in bytes, which is reported until the
    file is closed.
    """

    key: Hashable
    whole: FileState | None = None
    streams: list[FileState] = field(default_factory=list)
    opens: dict[Open, None] = field(default_factory=dict)
    _modes: Counter[tuple[int, int]] = field(default_factory=Counter)
    grants: list[CacheGrant] = field(default_factory=list)
    locks: Locks = field(default_factory=Locks)
    delete_pending: bool = False
    deleting_lease_key: bytes | None = None
    auditor: FileAuditor | None = None
    reserved: int = 0
    # The file that is to be deleted, kept open if the open that asked for it is closed already.
    deleted_file: StorageFile | None = None
    storage: Storage | None = None

    def add(self, entry: Open) -> None:
        """Add a new open."""
        # Counted by mode: the thousands of opens that a file may have, mostly of the same mode, are
        # checked in one step.
        self.opens[entry] = None
        self._modes[entry.access.granted, entry.access.share] += 1

    def remove(self, entry: Open) -> None:
        """Remove an open."""
        del self.opens[entry]
        mode = entry.access.granted, entry.access.share
        self._modes[mode] -= 1
        if not self._modes[mode]:
            del self._modes[mode]

    def end_watches(self) -> None:
        """End the watches of a folder that is about to be deleted."""
        for entry in self.opens:
            if entry.tracking.watch is not None:
                entry.tracking.watch.end(NtStatus.DELETE_PENDING)

    def check_open(self, granted_access: int, share_access: int) -> None:
        """Raise DELETE_PENDING or SHARING_VIOLATION if a further open is not allowed.

        To delete a file is to delete its streams, and so collides with their opens too
        ([MS-FSA] 2.1.5.1.2.1).
        """
        # Before the share modes: whatever is shared, nobody opens a file any more that is about to
        # be deleted. Its streams are deleted with it.
        if self.delete_pending or (self.whole is not None and self.whole.delete_pending):
            raise StatusError.of(NtStatus.DELETE_PENDING)
        if any(
            _conflict(held_access, held_share, granted_access, share_access)
            for held_access, held_share in self._modes
        ):
            raise StatusError.of(NtStatus.SHARING_VIOLATION)
        # This open may delete the file, and another one of a stream does not share that; or the
        # other way round.
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
    """Return whether the share modes of two opens collide. [MS-FSA] 2.1.5.1.2.2"""
    if not (held_access & _CONTENT and wanted_access & _CONTENT):
        return False
    return any(
        (held_access & rights and not wanted_share & shared)
        or (wanted_access & rights and not held_share & shared)
        for rights, shared in _SHARED
    )


@dataclass(slots=True, eq=False)
class Break:
    """A break that the client has not acknowledged yet.

    It may keep `asked`; meanwhile it may have become necessary that it keeps no more than
    `required`. `timer` ends the break without it, `done` is set when it is over, however it ended.
    """

    asked: int
    required: int
    timer: asyncio.TimerHandle
    done: asyncio.Future[None]


class CacheGrant(ABC):
    """An oplock or lease: what a client may cache of a file, as bits of `LeaseState`.

    `opens` are those that it serves. In the state `BREAKING`, `caching` is what it was before, and
    `breaking` describes the break. The client has `seconds` to acknowledge one.
    """

    __slots__ = ("breaking", "caching", "file_state", "opens", "seconds", "state")

    def __init__(self, file_state: FileState, entry: Open, caching: int, seconds: float) -> None:
        self.state = GrantState.HELD
        self.file_state = file_state
        self.opens = [entry]
        self.caching = caching
        self.seconds = seconds
        self.breaking: Break | None = None
        file_state.grants.append(self)

    @property
    @abstractmethod
    def level(self) -> int:
        """The oplock level of a response to CREATE."""

    @abstractmethod
    def left_after(self, cause: BreakCause) -> int:
        """Return what may still be cached when that has happened."""

    @abstractmethod
    def must_wait(self, cause: BreakCause) -> bool:
        """Return whether that has to wait until the client has given up what it loses."""

    @abstractmethod
    def notify(self, left: int, *, acknowledge: bool, further: bool) -> bool:
        """Send the client a break notification; `further` if it has just acknowledged another.

        `left` is what it may keep. Returns False if there is no connection to send it on.
        """

    @abstractmethod
    def must_acknowledge(self) -> bool:
        """Return whether the client has to acknowledge a break: it may have data to write back."""

    def reduce(self, left: int, *, further: bool = False) -> bool:
        """Break the grant, so that the client keeps no more than `left`.

        Returns False if the client cannot be notified; then its opens are closed instead.
        """
        if self.breaking is not None:
            # One break at a time, as Windows: the next one begins in `acknowledge`, when the client
            # has done what the first one asks for.
            self.breaking.required &= left
            return True
        acknowledge = self.must_acknowledge()
        notified = self.notify(left, acknowledge=acknowledge, further=further)
        if not notified:
            # They are durable opens whose client is away: it cannot write its cache back, and must
            # not find an open whose file has changed under it. [MS-SMB2] 3.3.4.6, 3.3.4.7
            for entry in list(self.opens):
                entry.close()
        elif acknowledge:
            # `caching` stays until the acknowledgment: the client goes on writing its cache back,
            # and nobody else is granted what it still has.
            self._change(GrantEvent.BREAK)
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self.seconds, self._time_out)
            self.breaking = Break(left, left, timer, loop.create_future())
        else:
            # A grant of reads alone has nothing to write back, and loses them at once.
            self.caching = left
        return notified

    def acknowledge(self, kept: int) -> None:
        """End a break: the client has given up everything but `kept`, at most what it was left.

        If that is more than is possible by now, another break begins, step by step: the client is
        left with READ at first if that spares it from losing all at once.
        """
        last = self.breaking
        assert last is not None
        self._change(GrantEvent.ACKNOWLEDGED)
        self.caching = kept
        if not kept & ~last.required:
            self._end_break()
            return
        # Another operation has asked for more in the meantime. [MS-FSA] 2.1.5.19 breaks again then.
        # The requests that wait for `last.done` need what `required` says, and go on waiting.
        last.timer.cancel()
        self.breaking = None
        step = kept & READ if kept & ~READ else NOTHING
        self.reduce(last.required | step, further=True)
        # It may need no acknowledgment, or its client may be gone: then the waiting ones go on.
        following: Break | None = self.breaking
        if following is None:
            last.done.set_result(None)
        else:
            following.required, following.done = last.required, last.done

    def _time_out(self) -> None:
        """Take everything from a client that does not acknowledge. [MS-SMB2] 3.3.6.1, 3.3.6.5"""
        _log.info("a client did not acknowledge a break within %g s", self.seconds)
        # The client is not told, and may still overwrite what others write from now on. But one
        # client that hangs must not stop the others for longer.
        self._change(GrantEvent.TIMED_OUT)
        self.caching = NOTHING
        self._end_break()

    def _end_break(self) -> None:
        """Wake the requests that wait for a break, if there is one."""
        if self.breaking is not None:
            self.breaking.timer.cancel()
            self.breaking.done.set_result(None)
            self.breaking = None

    def drop(self, entry: Open) -> None:
        """Remove an open; with the last one the grant ends, whatever could be cached."""
        self.opens.remove(entry)
        if not self.opens:
            self.remove()

    def remove(self) -> None:
        """End the grant, and with it a break that is not acknowledged."""
        # The close of the last open is an acknowledgment, too: waiting requests go on at once.
        # [MS-FSA] 2.1.4.12, CLOSE
        self._change(GrantEvent.RELEASED)
        self.caching = NOTHING
        self._end_break()
        self.file_state.grants.remove(self)

    def _change(self, event: GrantEvent) -> None:
        self.state = next_state(GRANT_TRANSITIONS, self.state, event)
