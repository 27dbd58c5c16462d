"""SET_INFO: attributes, sizes, names and security of a file are changed.

[MS-SMB2] 3.3.5.21, [MS-FSA] 2.1.5.15
"""

import errno
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from smbquic.errors import StatusError, WireError
from smbquic.lazy_dataclass import dataclass
from smbquic.ntstatus import NtStatus
from smbquic.observe.audit import AuditEvent
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.names import separated
from smbquic.server.notify.notifier import (
    ATTRIBUTES,
    CREATION,
    EXTENDED_ATTRIBUTES,
    LAST_ACCESS,
    LAST_WRITE,
    SECURITY,
    SIZE,
    Notifier,
)
from smbquic.server.opens.cache_states import BreakCause
from smbquic.server.opens.extended_attributes import decode_eas, store
from smbquic.server.opens.file_audit import record, record_failure
from smbquic.server.opens.open import Open
from smbquic.server.opens.oplocks import break_others
from smbquic.server.opens.rename import Renamer
from smbquic.server.outcome import Reply
from smbquic.server.security import security_descriptors
from smbquic.server.security.accounts import Token
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.storage import (
    DIRECTORY,
    HIDDEN,
    READONLY,
    SETTABLE,
    SYSTEM,
    TEMPORARY,
    Capability,
    Storage,
)
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.dtyp.security_descriptor import SecurityInformation
from smbquic.wire.fscc.file_information import (
    AllocationInformation,
    BasicInformation,
    DispositionFlags,
    DispositionInformation,
    DispositionInformationEx,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    ModeInformation,
    PositionInformation,
    RenameInformation,
    ValidDataLengthInformation,
)
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest, SetInfoResponse

_WRITE_ATTRIBUTES = int(AccessMask.FILE_WRITE_ATTRIBUTES)
_WRITE_DATA = int(AccessMask.FILE_WRITE_DATA)
_WRITE_EA = int(AccessMask.FILE_WRITE_EA)
_DELETE = int(AccessMask.DELETE)

# The access that the parts of a security descriptor need; no open has that for the SACL.
_SECURITY_ACCESS = (
    (SecurityInformation.SACL | SecurityInformation.SCOPE, AccessMask.ACCESS_SYSTEM_SECURITY),
    (SecurityInformation.DACL | SecurityInformation.ATTRIBUTE, AccessMask.WRITE_DAC),
    (
        SecurityInformation.OWNER | SecurityInformation.GROUP | SecurityInformation.LABEL,
        AccessMask.WRITE_OWNER,
    ),
)

_SYNCHRONOUS = int(
    CreateOptions.FILE_SYNCHRONOUS_IO_ALERT | CreateOptions.FILE_SYNCHRONOUS_IO_NONALERT
)
_WRITE_THROUGH = int(CreateOptions.FILE_WRITE_THROUGH)
_UNBUFFERED = int(CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING)
_MAX_BUFFER = 1 << 17
"""Bytes of what is set: twice as long as a name can be, and all extended attributes of a file."""
_SETTABLE_MODE = _SYNCHRONOUS | _WRITE_THROUGH | int(CreateOptions.FILE_SEQUENTIAL_ONLY)

_KNOWN_DISPOSITION = int(
    DispositionFlags.DELETE
    | DispositionFlags.POSIX_SEMANTICS
    | DispositionFlags.FORCE_IMAGE_SECTION_CHECK
    | DispositionFlags.ON_CLOSE
    | DispositionFlags.IGNORE_READONLY_ATTRIBUTE
)

# Times that say something else: leave it; stop changing it; change it again.
_LEAVE = 0
_FREEZE = -1
_THAW = -2

_DONE = Reply(SetInfoResponse())


class _Structure(Protocol):
    @classmethod
    def decode(cls, data: Buffer) -> Self: ...


_StructureT = TypeVar("_StructureT", bound=_Structure)

RenamerOf = Callable[[Storage, Token, int | None], Renamer]
"""Makes a `Renamer` for the files of a storage and a user."""


@dataclass(slots=True)
class FileChange:
    """One change of an open file: `buffer` has the structure of its information class."""

    context: Context
    entry: Open
    buffer: Buffer
    notifier: Notifier
    renamer: RenamerOf

    def decode(self, structure: type[_StructureT]) -> _StructureT:
        """Return what is set; StatusError INVALID_PARAMETER if it does not decode."""
        try:
            return structure.decode(self.buffer)
        except WireError as error:
            raise _refusal(NtStatus.INVALID_PARAMETER) from error


def handle(
    context: Context,
    request: Request,
    *,
    notifier: Notifier,
    descriptors: Descriptors,
    renamer: RenamerOf,
) -> Reply:
    """Change what the request names, as far as the access of the open allows."""
    body: SetInfoRequest = request.body
    entry = context.open(body.file_id)
    if not 0 < len(body.buffer) <= context.max_size:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    if body.info_type == InfoType.FILE:
        change = FileChange(context, entry, body.buffer, notifier, renamer)
        _file(change, body.file_info_class)
    elif body.info_type == InfoType.FILESYSTEM:
        raise _refusal(NtStatus.ACCESS_DENIED)
    elif body.info_type == InfoType.SECURITY:
        _security(context, descriptors, entry, body)
        notifier.modified(entry, SECURITY)
    elif body.info_type == InfoType.QUOTA:
        raise _refusal(NtStatus.NOT_SUPPORTED)
    else:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    return _DONE


def _file(change: FileChange, information_class: int) -> None:
    entry, size = change.entry, len(change.buffer)
    kind = _CLASSES.get(information_class)
    if kind is None:
        known = information_class in _NEVER_HERE
        raise _refusal(NtStatus.NOT_SUPPORTED if known else NtStatus.INVALID_INFO_CLASS)
    if size > _MAX_BUFFER:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    if size < kind.minimum:
        raise _refusal(NtStatus.INFO_LENGTH_MISMATCH)
    if change.context.tree.read_only and not kind.of_open:
        raise _refusal(NtStatus.MEDIA_WRITE_PROTECTED)
    entry.require(kind.access)
    kind.change(change)
    if kind.notifies:
        change.notifier.modified(entry, kind.notifies)


def _security(
    context: Context, descriptors: Descriptors, entry: Open, body: SetInfoRequest
) -> None:
    information = body.additional_information
    if context.tree.read_only:
        raise _refusal(NtStatus.MEDIA_WRITE_PROTECTED)
    for parts, access in _SECURITY_ACCESS:
        if information & parts:
            entry.require(access)
    break_others(entry, BreakCause.DELETE)
    storage = entry.storage
    old = descriptors.shown(storage, entry.file)
    new = security_descriptors.change(old, information, body.buffer, context.session.token)
    try:
        entry.file.set_security(new.encode())
    except OSError as error:
        # A disk that cannot store descriptors is no reason to fail for a program that copies the
        # descriptor of a file with it: what it sets is what it has read.
        if error.errno != errno.ENOTSUP or not security_descriptors.same(old, new):
            raise
    if entry.is_directory:
        descriptors.forget(storage)
    entry.keep_times()


def _refusal(status: NtStatus) -> StatusError:
    return StatusError.of(status, "SET_INFO")


def _basic(change: FileChange) -> None:
    """Set attributes and times.

    Attributes come first: storing them changes times that may be set as well.
    """
    entry = change.entry
    wanted = change.decode(BasicInformation)
    times = (
        wanted.creation_time,
        wanted.last_access_time,
        wanted.last_write_time,
        wanted.change_time,
    )
    attributes = wanted.file_attributes
    if (
        min(times) < _THAW
        or (attributes & DIRECTORY and not entry.is_directory)
        or (attributes & TEMPORARY and entry.is_directory)
    ):
        raise _refusal(NtStatus.INVALID_PARAMETER)
    file = entry.file
    changed = False
    if attributes:
        before = file.stat().attributes
        if not file.name:
            kept = HIDDEN | SYSTEM
            attributes = attributes & ~kept | before & kept
        changed = bool((attributes ^ before) & SETTABLE)
        file.set_attributes(attributes & SETTABLE)
    creation, access, write, changed_at = (
        None if time in (_LEAVE, _FREEZE, _THAW) else to_unix_ns(time) for time in times
    )
    if not (creation is access is write is changed_at is None):
        changed = True
        file.set_times(
            creation_time=creation,
            last_access_time=access,
            last_write_time=write,
            change_time=changed_at,
        )
    _keep(entry, wanted)
    notified = (
        (ATTRIBUTES, attributes or None),
        (CREATION, creation),
        (LAST_ACCESS, access),
        (LAST_WRITE, write),
    )
    what = sum(bit for bit, value in notified if value is not None)
    if what:
        change.notifier.modified(entry, what)
    if changed:
        entry.notify_folder_leases()


def _keep(entry: Open, wanted: BasicInformation) -> None:
    """Remember which times are to stay as they are now, set or frozen. [MS-FSA] 2.1.5.15.2"""
    times = entry.times
    times.show_stored()
    if wanted.last_write_time:
        times.kept_write_time = None
        for other in entry.file_state.opens:
            other.times.show_stored()
    if wanted.change_time:
        times.kept_change_time = None
    entry.keep_times()
    keep_write = wanted.last_write_time not in (_LEAVE, _THAW)
    keep_change = wanted.change_time not in (_LEAVE, _THAW)
    if keep_write or keep_change:
        stat = entry.file.stat()
        if keep_write:
            times.kept_write_time = stat.last_write_time
        if keep_change:
            times.kept_change_time = stat.change_time


def _end_of_file(change: FileChange) -> None:
    entry, size = change.entry, change.decode(EndOfFileInformation).end_of_file
    if entry.is_directory or size < 0:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    break_others(entry, BreakCause.CHANGE)
    entry.before_write()
    entry.file.truncate(size)
    entry.file_state.reserved = 0
    entry.times.show_stored()
    entry.keep_times()
    entry.notify_folder_leases()


def _allocation(change: FileChange) -> None:
    """Set the allocation size, rounded up to whole units: a file loses only whole ones."""
    entry, size = change.entry, change.decode(AllocationInformation).allocation_size
    if entry.is_directory or size < 0:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    unit = max(entry.storage.volume().block_size, 1)
    break_others(entry, BreakCause.CHANGE)
    size = -(-size // unit) * unit
    entry.before_write()
    entry.file.allocate(size)
    entry.file_state.reserved = size
    entry.keep_times()
    entry.notify_folder_leases()


def _valid_data_length(change: FileChange) -> None:
    """Refuse: it would show what the disk held before, and nobody has that privilege."""
    change.decode(ValidDataLengthInformation)
    raise _refusal(NtStatus.PRIVILEGE_NOT_HELD)


def _disposition(change: FileChange) -> None:
    delete = change.decode(DispositionInformation).delete_pending
    _set_delete_pending(change, delete=delete, despite_readonly=False)


def _disposition_ex(change: FileChange) -> None:
    """Mark the file for deletion; POSIX semantics are not distinguished. [MS-FSA] 2.1.5.15.4"""
    entry = change.entry
    flags = change.decode(DispositionInformationEx).flags
    delete = bool(flags & DispositionFlags.DELETE)
    if flags & ~_KNOWN_DISPOSITION or (
        flags & DispositionFlags.ON_CLOSE and delete and not entry.mode.delete_on_close
    ):
        raise _refusal(NtStatus.NOT_SUPPORTED)
    may_ignore = entry.access.granted & _WRITE_ATTRIBUTES
    ignore = flags & DispositionFlags.IGNORE_READONLY_ATTRIBUTE
    _set_delete_pending(change, delete=delete, despite_readonly=bool(ignore and may_ignore))


def _set_delete_pending(change: FileChange, *, delete: bool, despite_readonly: bool) -> None:
    """Have the file deleted when the last open of it is closed, or not."""
    entry = change.entry
    if delete:
        with record_failure(change.context.auditor(), AuditEvent.DELETE, entry.file.name):
            _check_deletion(entry, despite_readonly=despite_readonly)
            break_others(entry, BreakCause.DELETE)
    entry.file_state.delete_pending = delete
    if delete:
        entry.file_state.end_watches()
    entry.file_state.deleting_lease_key, entry.file_state.auditor = (
        entry.cache.parent_lease_key,
        entry.tracking.auditor,
    )


def _check_deletion(entry: Open, *, despite_readonly: bool) -> None:
    if not entry.file.name:
        raise _refusal(NtStatus.CANNOT_DELETE)
    if entry.file.stat().attributes & READONLY and not despite_readonly:
        raise _refusal(NtStatus.CANNOT_DELETE)
    if entry.is_directory and not entry.file.is_empty():
        raise _refusal(NtStatus.DIRECTORY_NOT_EMPTY)
    # Checked now, as the client that asks for it may have left when the last open is closed.
    entry.file.check_deletion()


def _position(change: FileChange) -> None:
    position = change.decode(PositionInformation).current_byte_offset
    if position < 0:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    change.entry.mode.position = position


def _mode(change: FileChange) -> None:
    entry, mode = change.entry, change.decode(ModeInformation).mode
    synchronous = mode & _SYNCHRONOUS
    if (
        mode & ~_SETTABLE_MODE
        or synchronous == _SYNCHRONOUS
        or bool(synchronous) != bool(entry.mode.options & _SYNCHRONOUS)
    ):
        raise _refusal(NtStatus.INVALID_PARAMETER)
    changed = _SETTABLE_MODE
    if entry.mode.options & _UNBUFFERED:
        changed &= ~_WRITE_THROUGH
    entry.mode.options = entry.mode.options & ~changed | mode & changed


def _rename(change: FileChange) -> None:
    entry, wanted = change.entry, change.decode(RenameInformation)
    with record(change.context.auditor(), AuditEvent.RENAME, entry.file.name, **_asked(wanted)):
        _renamer(change).rename(entry, _target(wanted), replace=wanted.replace_if_exists)


def _link(change: FileChange) -> None:
    entry, wanted = change.entry, change.decode(LinkInformation)
    # Samba's client starts this name, other than that of a rename, at the root.
    wanted.file_name = wanted.file_name.removeprefix("\\")
    with record(change.context.auditor(), AuditEvent.LINK, entry.file.name, **_asked(wanted)):
        _renamer(change).link(entry, _target(wanted), replace=wanted.replace_if_exists)


def _renamer(change: FileChange) -> Renamer:
    context = change.context
    return change.renamer(change.entry.storage, context.session.token, context.waiting_since)


def _asked(wanted: RenameInformation) -> dict[str, Any]:
    """Return what an audit record says of a rename."""
    return {"new_path": wanted.file_name, "replace": wanted.replace_if_exists or None}


def _target(wanted: RenameInformation) -> str:
    """Return the new name; over a network it always begins at the root of the share."""
    name = wanted.file_name
    if not name.startswith(":"):
        name = separated(name)
    if wanted.root_directory or not name or name.startswith("\\"):
        raise _refusal(NtStatus.INVALID_PARAMETER)
    return name


def _full_ea(change: FileChange) -> None:
    entry = change.entry
    if Capability.EXTENDED_ATTRIBUTES not in entry.storage.capabilities:
        raise _refusal(NtStatus.EAS_NOT_SUPPORTED)
    store(entry.file, decode_eas(change.buffer, "SET_INFO"), "SET_INFO")
    entry.keep_times()


def _short_name(change: FileChange) -> None:
    raise _refusal(NtStatus.NOT_SUPPORTED)


class _Class(NamedTuple):
    """A change by an information class: its function, the smallest buffer in bytes, and the access
    that the open needs.

    `of_open` says that it changes the open and not the file, so that it is allowed on a read-only
    share. `notifies` is the change that watches of the folder are notified of.
    """

    change: Callable[[FileChange], None]
    minimum: int
    access: int = 0
    of_open: bool = False
    notifies: int = 0


_CLASSES: dict[int, _Class] = {
    FileInformationClass.FileBasicInformation: _Class(
        _basic, BasicInformation.SIZE, _WRITE_ATTRIBUTES
    ),
    FileInformationClass.FileRenameInformation: _Class(_rename, 20, _DELETE),
    FileInformationClass.FileLinkInformation: _Class(_link, 20),
    FileInformationClass.FileDispositionInformation: _Class(
        _disposition, DispositionInformation.SIZE, _DELETE
    ),
    FileInformationClass.FilePositionInformation: _Class(
        _position, PositionInformation.SIZE, of_open=True
    ),
    FileInformationClass.FileFullEaInformation: _Class(
        _full_ea, 1, _WRITE_EA, notifies=EXTENDED_ATTRIBUTES
    ),
    FileInformationClass.FileModeInformation: _Class(_mode, ModeInformation.SIZE, of_open=True),
    FileInformationClass.FileAllocationInformation: _Class(
        _allocation, AllocationInformation.SIZE, _WRITE_DATA, notifies=SIZE | ATTRIBUTES
    ),
    FileInformationClass.FileEndOfFileInformation: _Class(
        _end_of_file, EndOfFileInformation.SIZE, _WRITE_DATA, notifies=SIZE | ATTRIBUTES
    ),
    FileInformationClass.FileValidDataLengthInformation: _Class(
        _valid_data_length, ValidDataLengthInformation.SIZE, _WRITE_DATA
    ),
    FileInformationClass.FileShortNameInformation: _Class(_short_name, 4, _DELETE),
    FileInformationClass.FileDispositionInformationEx: _Class(
        _disposition_ex, DispositionInformationEx.SIZE, _DELETE
    ),
}
"""[MS-SMB2] 2.2.39, and FileDispositionInformationEx, which Windows uses where it can."""

# Documented as something that can be set, but not here ([MS-SMB2] 3.3.5.21.1).
_NEVER_HERE = frozenset(
    {
        FileInformationClass.FilePipeInformation,
        FileInformationClass.FileQuotaInformation,
        FileInformationClass.FileRenameInformationEx,
    }
)
