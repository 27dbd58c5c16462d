"""One open file or folder of a session ([MS-SMB2] 3.3.1.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.notify.notifier import ATTRIBUTES, CREATION
from smbquic.server.opens.oplocks import BreakCause, break_grants
from smbquic.server.opens.times import Times

if TYPE_CHECKING:
    from smbquic.protocol.request import Request
    from smbquic.server.notify.watch import Watch
    from smbquic.server.opens.app_instances import AppInstance
    from smbquic.server.opens.create_replay import ReplayableCreate
    from smbquic.server.opens.durable_handles import Durability
    from smbquic.server.opens.file_audit import FileAuditor
    from smbquic.server.opens.file_table import FileState, FileTable
    from smbquic.server.opens.oplocks import CacheGrant
    from smbquic.server.overload.budget import UserBudget
    from smbquic.server.session import UserSession
    from smbquic.server.tree import Tree
    from smbquic.storage import FileStat, StorageFile
    from smbquic.wire.file_id import FileId


@dataclass(slots=True, eq=False)
class Open:
    """What a FileId stands for.

    `granted_access` holds no generic bits, `maximal_access` is what could have been granted.
    `state` is shared by every open of the same underlying file or stream (share modes, locks,
    pending deletion). `search` belongs to QUERY_DIRECTORY, `watch` to CHANGE_NOTIFY, `next_ea` is
    how many extended attributes have been told; `renamed` tells that a file got its name through
    this open. `grant` is its oplock or lease, `parent_key` the key of the client's lease on the
    folder; `wrote` tells that the folder does not know of a change yet. `session` is None while a
    `durable` open waits for its owner's return. `creation`, `channel_sequence`, how often that has
    changed, how many requests are outstanding and `lock_sequences` are for requests that are
    repeated, see `create_replay` and `channel_sequence`. What is in `on_close` is called once the
    open is gone. `auditor` records what becomes of the file through this open, if that is asked
    for. `memory` is what its user may have the server keep.
    """

    file_id: FileId
    file: StorageFile
    state: FileState
    files: FileTable
    session: UserSession | None
    tree: Tree
    granted_access: int
    maximal_access: int
    share_access: int
    create_options: int
    memory: UserBudget
    delete_on_close: bool
    position: int = 0
    search: Any = None
    next_ea: int = 0
    times: Times = field(default_factory=Times)
    grant: CacheGrant | None = None
    parent_key: bytes | None = None
    durable: Durability | None = None
    application: AppInstance | None = None
    creation: ReplayableCreate | None = None
    channel_sequence: int = 0
    sequence_changes: int = 0
    outstanding: int = 0
    outstanding_before: int = 0
    lock_sequences: dict[int, int] = field(default_factory=dict)
    wrote: bool = False
    watch: Watch | None = None
    renamed: bool = False
    auditor: FileAuditor | None = None
    on_close: list[Callable[[], None]] = field(default_factory=list)

    @property
    def is_directory(self) -> bool:
        """Whether it is a folder."""
        return self.file.is_directory

    def require(self, access: int) -> None:
        """StatusError ACCESS_DENIED unless every bit of `access` was granted."""
        if self.granted_access & access != access:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def require_any(self, access: int) -> None:
        """StatusError ACCESS_DENIED unless one bit of `access` was granted."""
        if not self.granted_access & access:
            raise StatusError.of(NtStatus.ACCESS_DENIED)

    def stat(self, stat: FileStat | None = None) -> FileStat:
        """What is known of the file, as this open shows it; `stat`, if that is known already."""
        if stat is None:
            stat = self.file.stat()
        self.times.show(stat)
        if stat.allocation_size < self.state.reserved:
            stat.allocation_size = self.state.reserved
        return stat

    def before_write(self) -> None:
        """Takes note that the content is about to be changed through this open."""
        self.times.before_write(self.file, first=not self.wrote)
        self.wrote = True

    def keep_times(self) -> None:
        """Undoes what a change did to times that the client wants kept."""
        self.times.keep(self.file)

    def break_grants(self, cause: BreakCause) -> None:
        """Has others give up what they must not cache when this open does something.

        Raises `Wait` if that takes a while.
        """
        if self.state.grants:
            break_grants(self.state, cause, self.grant)

    def begin_request(self) -> Callable[[object], None]:
        """Counts a request that is postponed; gives what counts it off."""
        changes = self.sequence_changes
        self.outstanding += 1

        def end(_: object) -> None:
            if changes == self.sequence_changes:
                self.outstanding -= 1
            else:
                self.outstanding_before -= 1

        return end

    def notify_folder_leases(self) -> None:
        """Tells those who cache the folder that something about the file has changed."""
        self.files.leases.entry_changed(self.file, self.parent_key)

    def detach(self) -> None:
        """Lets the open go on without a session, until its owner is back."""
        assert self.session is not None
        self.session.remove(self)
        self.session = None

    def attach(self, session: UserSession, tree: Tree, request: Request) -> None:
        """Goes on in the session and tree of a request, under another FileId."""
        self.session, self.tree = session, tree
        volatile = session.server.next_file_id().volatile
        self.file_id = self.file_id._replace(volatile=volatile)
        self.channel_sequence = request.header.channel_sequence
        session.add(self)

    def close(self) -> OSError | None:
        """Ends the open: its locks, its share mode, and the file itself if that is to go.

        Returns what failed: a file that was to be deleted stays, or content did not reach the disk.
        """
        if self.renamed:
            # As Windows, which gets around to the file's attributes only now.
            self.files.notifier.modified(self, ATTRIBUTES | CREATION)
        if self.session is not None:
            self.session.remove(self)
        self.search = None  # it holds the folder open until it is read to its end
        failed = self.files.remove(self)
        for call in self.on_close:
            call()
        return failed
