"""The requests that the client is made of, with what it never varies filled in."""

from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseFlags, CloseRequest
from smbquic.wire.create import (
    CreateDisposition,
    CreateRequest,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbquic.wire.cursor import Buffer
from smbquic.wire.dtyp.filetime import from_unix_ns
from smbquic.wire.file_id import FileId
from smbquic.wire.flush import FlushRequest
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    LinkInformation,
    RenameInformation,
    StandardInformation,
)
from smbquic.wire.fscc.fsctl import Fsctl
from smbquic.wire.ioctl import IoctlRequest
from smbquic.wire.query_info import InfoType, QueryInfoRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.set_info import SetInfoRequest
from smbquic.wire.write import WriteRequest

SHARE_ALL = (
    ShareAccess.FILE_SHARE_READ | ShareAccess.FILE_SHARE_WRITE | ShareAccess.FILE_SHARE_DELETE
)

READ = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
WRITE = AccessMask.FILE_WRITE_DATA | AccessMask.FILE_WRITE_ATTRIBUTES | AccessMask.SYNCHRONIZE
STAT = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
DELETE = AccessMask.DELETE | STAT


def create(
    name: str,
    access: int,
    *,
    disposition: CreateDisposition = CreateDisposition.FILE_OPEN,
    options: int = 0,
    attributes: int = 0,
    sharing: int = SHARE_ALL,
) -> CreateRequest:
    r"""CREATE without an oplock; `name` is in wire form, ``a\b``. [MS-SMB2] 2.2.13"""
    return CreateRequest(
        requested_oplock_level=OplockLevel.OPLOCK_LEVEL_NONE,
        impersonation_level=ImpersonationLevel.Impersonation,
        desired_access=access,
        file_attributes=attributes,
        share_access=sharing,
        create_disposition=disposition,
        create_options=options,
        name=name,
    )


def close(file_id: FileId = FileId.RELATED, *, attributes: bool = False) -> CloseRequest:
    """CLOSE, which asks for what the attributes are then if `attributes`. [MS-SMB2] 2.2.15"""
    return CloseRequest(file_id, flags=CloseFlags.POSTQUERY_ATTRIB if attributes else 0)


def read(offset: int, length: int, file_id: FileId = FileId.RELATED) -> ReadRequest:
    """READ of up to `length` bytes. [MS-SMB2] 2.2.19"""
    return ReadRequest(length=length, offset=offset, file_id=file_id)


def write(offset: int, data: Buffer, file_id: FileId = FileId.RELATED) -> WriteRequest:
    """WRITE. [MS-SMB2] 2.2.21"""
    return WriteRequest(offset=offset, file_id=file_id, data=data)


def flush(file_id: FileId = FileId.RELATED) -> FlushRequest:
    """FLUSH. [MS-SMB2] 2.2.17"""
    return FlushRequest(file_id)


def query(
    info_type: InfoType, info_class: int, size: int, file_id: FileId = FileId.RELATED
) -> QueryInfoRequest:
    """QUERY_INFO for an answer of at most `size` bytes. [MS-SMB2] 2.2.37"""
    return QueryInfoRequest(
        info_type=info_type,
        file_info_class=info_class,
        output_buffer_length=size,
        additional_information=0,
        flags=0,
        file_id=file_id,
    )


def query_standard(file_id: FileId = FileId.RELATED) -> QueryInfoRequest:
    """QUERY_INFO for the size of a file. [MS-FSCC] 2.4.47"""
    information_class = FileInformationClass.FileStandardInformation
    return query(InfoType.FILE, information_class, StandardInformation.SIZE, file_id)


def ioctl(code: Fsctl, file_id: FileId, data: Buffer, max_output: int) -> IoctlRequest:
    """IOCTL with the input `data`, for an output of at most `max_output` bytes.

    [MS-SMB2] 2.2.31
    """
    return IoctlRequest(code, file_id, max_output_response=max_output, input=data)


def change(
    info_class: FileInformationClass, buffer: bytes, file_id: FileId = FileId.RELATED
) -> SetInfoRequest:
    """SET_INFO of a class of information. [MS-SMB2] 2.2.39"""
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=info_class,
        additional_information=0,
        file_id=file_id,
        buffer=buffer,
    )


def rename(name: str, *, replace: bool, file_id: FileId = FileId.RELATED) -> SetInfoRequest:
    r"""SET_INFO that moves the open file to `name`, in wire form. [MS-FSCC] 2.4.42"""
    information = RenameInformation(replace_if_exists=replace, file_name=name)
    return change(FileInformationClass.FileRenameInformation, information.encode(), file_id)


def link(name: str, file_id: FileId = FileId.RELATED) -> SetInfoRequest:
    r"""SET_INFO that gives the open file another name, in wire form. [MS-FSCC] 2.4.28"""
    information = LinkInformation(name)
    return change(FileInformationClass.FileLinkInformation, information.encode(), file_id)


def delete(file_id: FileId = FileId.RELATED) -> SetInfoRequest:
    """SET_INFO that deletes the open file when it is closed. [MS-FSCC] 2.4.11"""
    information = DispositionInformation(delete_pending=True)
    return change(FileInformationClass.FileDispositionInformation, information.encode(), file_id)


def truncate(size: int, file_id: FileId = FileId.RELATED) -> SetInfoRequest:
    """SET_INFO that makes the file `size` bytes long. [MS-FSCC] 2.4.14"""
    information = EndOfFileInformation(end_of_file=size)
    return change(FileInformationClass.FileEndOfFileInformation, information.encode(), file_id)


def set_basic(
    *,
    creation_time: int | None = None,
    last_access_time: int | None = None,
    last_write_time: int | None = None,
    change_time: int | None = None,
    attributes: int | None = None,
    file_id: FileId = FileId.RELATED,
) -> SetInfoRequest:
    """SET_INFO of times (nanoseconds since 1970) and attributes; None leaves as is.

    [MS-FSCC] 2.4.7
    """

    def filetime(time: int | None) -> int:
        return 0 if time is None else from_unix_ns(time)

    information = BasicInformation(
        creation_time=filetime(creation_time),
        last_access_time=filetime(last_access_time),
        last_write_time=filetime(last_write_time),
        change_time=filetime(change_time),
        # Zero would mean "leave", so a file without any attribute is said to be NORMAL.
        file_attributes=0 if attributes is None else attributes or FileAttributes.NORMAL,
    )
    return change(FileInformationClass.FileBasicInformation, information.encode(), file_id)
