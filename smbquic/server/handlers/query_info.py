"""QUERY_INFO: attributes of a file, its volume and its security. [MS-SMB2] 3.3.5.20"""

from collections.abc import Callable
from struct import Struct
from typing import NamedTuple

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.request import Request
from smbquic.server.context import Context
from smbquic.server.handlers.fsctl.reparse_points import tag_of
from smbquic.server.handlers.volume_information import VOLUME_CLASSES
from smbquic.server.opens.extended_attributes import decode_names, encode_eas
from smbquic.server.opens.open import Open
from smbquic.server.outcome import Reply
from smbquic.server.security import security_descriptors
from smbquic.server.security.descriptor_cache import Descriptors
from smbquic.storage import FileStat
from smbquic.storage.extended_attributes import size as ea_size
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.dtyp.security_descriptor import SecurityInformation
from smbquic.wire.fscc.extended_attributes import FullEaInformation, encode_full_eas
from smbquic.wire.fscc.file_information import (
    AccessInformation,
    AlignmentInformation,
    AllInformation,
    AttributeTagInformation,
    BasicInformation,
    CompressionInformation,
    EaInformation,
    FileInformationClass,
    IdInformation,
    InternalInformation,
    ModeInformation,
    NameInformation,
    NetworkOpenInformation,
    PositionInformation,
    StandardInformation,
)
from smbquic.wire.fscc.filesystem_information import FileSystemInformationClass
from smbquic.wire.fscc.stream_information import StreamInformation, encode_streams
from smbquic.wire.negotiate import Dialect
from smbquic.wire.query_info import (
    InfoType,
    QueryInfoFlags,
    QueryInfoRequest,
    QueryInfoResponse,
)

MODE = int(
    CreateOptions.FILE_WRITE_THROUGH
    | CreateOptions.FILE_SEQUENTIAL_ONLY
    | CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING
    | CreateOptions.FILE_SYNCHRONOUS_IO_ALERT
    | CreateOptions.FILE_SYNCHRONOUS_IO_NONALERT
    | CreateOptions.FILE_DELETE_ON_CLOSE
)
"""The create options that a file's mode consists of ([MS-FSCC] 2.4.31)."""

_READ_ATTRIBUTES = int(AccessMask.FILE_READ_ATTRIBUTES)
_READ_EA = int(AccessMask.FILE_READ_EA)
_READ_CONTROL = int(AccessMask.READ_CONTROL)
_SYSTEM_SECURITY = int(AccessMask.ACCESS_SYSTEM_SECURITY)
_SACL = int(SecurityInformation.SACL)
_READABLE = int(
    SecurityInformation.OWNER
    | SecurityInformation.GROUP
    | SecurityInformation.DACL
    | SecurityInformation.LABEL
)
_NEEDED_SIZE = Struct("<I")
_RESTART = int(QueryInfoFlags.SL_RESTART_SCAN)
_EA_ALIGNMENT = 4


def handle(context: Context, request: Request, *, descriptors: Descriptors) -> Reply:
    """Return what is asked for, as far as the access of the open allows."""
    body: QueryInfoRequest = request.body
    entry = context.open(body.file_id)
    room = body.output_buffer_length
    if room > context.max_size:
        raise _refusal(NtStatus.INVALID_PARAMETER)
    if body.info_type == InfoType.FILE:
        if body.file_info_class == FileInformationClass.FileFullEaInformation:
            restart = bool(body.flags & _RESTART)
            return _full_eas(entry, body.input_buffer, room, restart=restart)
        return _file(context, entry, body.file_info_class, room)
    if body.info_type == InfoType.FILESYSTEM:
        return _volume(context, body.file_info_class, room)
    if body.info_type == InfoType.SECURITY:
        return _security(descriptors, entry, body.additional_information, room)
    if body.info_type == InfoType.QUOTA:
        raise _refusal(NtStatus.NOT_SUPPORTED)
    raise _refusal(NtStatus.INVALID_PARAMETER)


def _file(context: Context, entry: Open, information_class: int, room: int) -> Reply:
    kind = _FILE_CLASSES.get(information_class)
    if kind is None:
        known = information_class in _NEVER_HERE
        raise _refusal(NtStatus.NOT_SUPPORTED if known else NtStatus.INVALID_INFO_CLASS)
    if room < kind.minimum:
        raise _refusal(NtStatus.INFO_LENGTH_MISMATCH)
    entry.require(kind.access)
    data = kind.build(context, entry)
    if len(data) > room and information_class == _Class.FileStreamInformation:
        # A list that is cut short somewhere would be misread.
        return Reply(QueryInfoResponse(b""), NtStatus.BUFFER_OVERFLOW)
    return _fitting(data, room)


def _full_eas(entry: Open, query: Buffer, room: int, *, restart: bool) -> Reply:
    """Return as many extended attributes as fit: those that are asked for, or the next ones.

    [MS-FSA] 2.1.5.12.12
    """
    entry.require(_READ_EA)
    attributes = entry.file.extended_attributes()
    names = decode_names(query, "QUERY_INFO") if query else None
    if names is not None:
        found = {name.lower(): (name, value) for name, value in attributes}
        # A missing attribute that is asked for by name is returned with an empty value.
        attributes = [found.get(name.lower(), (name, b"")) for name in names]
        start = 0
    else:
        start = 0 if restart else entry.enumeration.next_ea
    if not attributes:
        raise _refusal(NtStatus.NO_EAS_ON_FILE)
    if start >= len(attributes):
        raise _refusal(NtStatus.NO_MORE_EAS)
    chosen: list[FullEaInformation] = []
    size = 0
    for attribute in encode_eas(attributes[start:]):
        size += -size % _EA_ALIGNMENT + len(attribute.encode())
        if size > room:
            break
        chosen.append(attribute)
    if not chosen:
        raise _refusal(NtStatus.BUFFER_TOO_SMALL)
    if names is None:
        entry.enumeration.next_ea = start + len(chosen)
    response = QueryInfoResponse(encode_full_eas(chosen))
    if start + len(chosen) < len(attributes):
        return Reply(response, NtStatus.BUFFER_OVERFLOW)
    return Reply(response)


def _volume(context: Context, information_class: int, room: int) -> Reply:
    kind = VOLUME_CLASSES.get(information_class)
    if kind is None:
        known = information_class in _NEVER_HERE_OF_VOLUMES
        raise _refusal(NtStatus.NOT_SUPPORTED if known else NtStatus.INVALID_INFO_CLASS)
    if room < kind.minimum:
        raise _refusal(NtStatus.INFO_LENGTH_MISMATCH)
    return _fitting(kind.build(context, context.tree.storage.volume()), room)


def _security(descriptors: Descriptors, entry: Open, information: int, room: int) -> Reply:
    """Return the security descriptor, if all of it fits."""
    if information & _READABLE:
        entry.require(_READ_CONTROL)
    if information & _SACL:
        entry.require(_SYSTEM_SECURITY)
    shown = descriptors.shown(entry.storage, entry.file)
    descriptor = security_descriptors.select(shown, information).encode()
    if len(descriptor) > room:
        raise StatusError(
            NtStatus.BUFFER_TOO_SMALL, "QUERY_INFO", data=_NEEDED_SIZE.pack(len(descriptor))
        )
    return Reply(QueryInfoResponse(descriptor))


def _fitting(data: bytes, room: int) -> Reply:
    """Return the data; a name at its end may be cut short, everything else fits."""
    if len(data) <= room:
        return Reply(QueryInfoResponse(data))
    return Reply(QueryInfoResponse(data[: room & ~1]), NtStatus.BUFFER_OVERFLOW)


def _refusal(status: NtStatus) -> StatusError:
    return StatusError.of(status, "QUERY_INFO")


def _basic_of(stat: FileStat) -> BasicInformation:
    return BasicInformation(
        from_unix_ns(stat.creation_time),
        from_unix_ns(stat.last_access_time),
        from_unix_ns(stat.last_write_time),
        from_unix_ns(stat.change_time),
        stat.attributes,
    )


def _standard_of(entry: Open, stat: FileStat) -> StandardInformation:
    """Return sizes and links; the name of a file that is marked for deletion does not count."""
    pending = entry.file_state.delete_pending
    return StandardInformation(
        stat.allocation_size,
        stat.size,
        max(stat.links - pending, 0),
        pending or not stat.links,
        stat.is_directory,
    )


def _name_of(entry: Open) -> NameInformation:
    return NameInformation("\\" + entry.file.name)


def _basic(context: Context, entry: Open) -> bytes:
    return _basic_of(entry.stat()).encode()


def _standard(context: Context, entry: Open) -> bytes:
    return _standard_of(entry, entry.stat()).encode()


def _internal(context: Context, entry: Open) -> bytes:
    return InternalInformation(entry.file.stat().file_id).encode()


def _ea(context: Context, entry: Open) -> bytes:
    return EaInformation(ea_size(entry.file.extended_attributes())).encode()


def _access(context: Context, entry: Open) -> bytes:
    return AccessInformation(entry.access.granted).encode()


def _position(context: Context, entry: Open) -> bytes:
    return PositionInformation(entry.mode.position).encode()


def _mode(context: Context, entry: Open) -> bytes:
    return ModeInformation(entry.mode.options & MODE).encode()


def _alignment(context: Context, entry: Open) -> bytes:
    return AlignmentInformation(0).encode()


def _all(context: Context, entry: Open) -> bytes:
    stat = entry.stat()
    return AllInformation(
        _basic_of(stat),
        _standard_of(entry, stat),
        InternalInformation(stat.file_id),
        EaInformation(ea_size(entry.file.extended_attributes())),
        AccessInformation(entry.access.granted),
        PositionInformation(entry.mode.position),
        ModeInformation(entry.mode.options & MODE),
        AlignmentInformation(0),
        _name_of(entry),
    ).encode()


def _network_open(context: Context, entry: Open) -> bytes:
    stat = entry.stat()
    return NetworkOpenInformation(
        from_unix_ns(stat.creation_time),
        from_unix_ns(stat.last_access_time),
        from_unix_ns(stat.last_write_time),
        from_unix_ns(stat.change_time),
        stat.allocation_size,
        stat.size,
        stat.attributes,
    ).encode()


def _attribute_tag(context: Context, entry: Open) -> bytes:
    stat = entry.file.stat()
    return AttributeTagInformation(stat.attributes, tag_of(stat)).encode()


def _compression(context: Context, entry: Open) -> bytes:
    return CompressionInformation(entry.file.stat().allocation_size).encode()


def _stream(context: Context, entry: Open) -> bytes:
    """Return the content, which a folder has none of, and the named streams."""
    whole = entry.file.whole
    found = []
    if not whole.is_directory:
        stat = whole.stat()
        found.append(StreamInformation("::$DATA", stat.size, stat.allocation_size))
    unit = max(context.tree.storage.volume().block_size, 1)
    for stream in whole.streams():
        allocation = -(-stream.size // unit) * unit
        found.append(StreamInformation(f":{stream.name}:$DATA", stream.size, allocation))
    return encode_streams(found)


def _alternate_name(context: Context, entry: Open) -> bytes:
    """Return an empty short name: smbclient and smbtorture do not accept an error here."""
    return NameInformation("").encode()


def _normalized_name(context: Context, entry: Open) -> bytes:
    if context.negotiated.dialect < Dialect.SMB_3_1_1:
        raise _refusal(NtStatus.NOT_SUPPORTED)
    return NameInformation(entry.file.name).encode()


def _id(context: Context, entry: Open) -> bytes:
    if context.negotiated.dialect < Dialect.SMB_3_0:
        raise _refusal(NtStatus.NOT_SUPPORTED)
    serial = context.tree.storage.volume().serial
    return IdInformation(serial, entry.file.stat().file_id).encode()


class _FileClass(NamedTuple):
    """A query for an information class: its function, the smallest buffer for the answer in bytes,
    and the access that the open needs."""

    build: Callable[[Context, Open], bytes]
    minimum: int
    access: int = 0


_Class = FileInformationClass

_FILE_CLASSES: dict[int, _FileClass] = {
    _Class.FileBasicInformation: _FileClass(_basic, BasicInformation.SIZE, _READ_ATTRIBUTES),
    _Class.FileStandardInformation: _FileClass(_standard, StandardInformation.SIZE),
    _Class.FileInternalInformation: _FileClass(_internal, InternalInformation.SIZE),
    _Class.FileEaInformation: _FileClass(_ea, EaInformation.SIZE),
    _Class.FileAccessInformation: _FileClass(_access, AccessInformation.SIZE),
    _Class.FilePositionInformation: _FileClass(_position, PositionInformation.SIZE),
    _Class.FileModeInformation: _FileClass(_mode, ModeInformation.SIZE),
    _Class.FileAlignmentInformation: _FileClass(_alignment, AlignmentInformation.SIZE),
    _Class.FileAllInformation: _FileClass(_all, 104, _READ_ATTRIBUTES),
    _Class.FileAlternateNameInformation: _FileClass(_alternate_name, 8),
    _Class.FileStreamInformation: _FileClass(_stream, 32),
    _Class.FileCompressionInformation: _FileClass(_compression, CompressionInformation.SIZE),
    _Class.FileNetworkOpenInformation: _FileClass(
        _network_open, NetworkOpenInformation.SIZE, _READ_ATTRIBUTES
    ),
    _Class.FileAttributeTagInformation: _FileClass(
        _attribute_tag, AttributeTagInformation.SIZE, _READ_ATTRIBUTES
    ),
    _Class.FileNormalizedNameInformation: _FileClass(_normalized_name, 8),
    _Class.FileIdInformation: _FileClass(_id, IdInformation.SIZE),
}
"""[MS-SMB2] 2.2.37. The minima are those of [MS-FSA] 2.1.5.12."""

# Documented, but not to be had from a file over a network ([MS-SMB2] 3.3.5.20.1).
_NEVER_HERE = frozenset(
    {
        _Class.FileNameInformation,
        _Class.FilePipeInformation,
        _Class.FilePipeLocalInformation,
        _Class.FilePipeRemoteInformation,
        _Class.FileMailslotQueryInformation,
        _Class.FileObjectIdInformation,
        _Class.FileQuotaInformation,
        _Class.FileReparsePointInformation,
        _Class.FileSfioReserveInformation,
        _Class.FileSfioVolumeInformation,
        _Class.FileHardLinkInformation,
        _Class.FileStandardLinkInformation,
    }
)
_NEVER_HERE_OF_VOLUMES = frozenset(
    {
        FileSystemInformationClass.FileFsLabelInformation,
        FileSystemInformationClass.FileFsDriverPathInformation,
    }
)
