"""The error numbers that programs get for errors of the share."""

import errno
import os

from smbquic.errors import (
    AuthenticationError,
    OpenLostError,
    PathError,
    SourceChangedError,
    StatusError,
)
from smbquic.ntstatus import NtStatus

_BY_STATUS: dict[NtStatus, int] = {
    NtStatus.STOPPED_ON_SYMLINK: errno.ELOOP,
    NtStatus.INVALID_EA_NAME: errno.EINVAL,
    NtStatus.EA_TOO_LARGE: errno.ENOSPC,
    NtStatus.EAS_NOT_SUPPORTED: errno.ENOTSUP,
    NtStatus.NONEXISTENT_EA_ENTRY: errno.ENODATA,
    NtStatus.NO_EAS_ON_FILE: errno.ENODATA,
    NtStatus.NOT_IMPLEMENTED: errno.EOPNOTSUPP,
    NtStatus.NOT_SUPPORTED: errno.EOPNOTSUPP,
    NtStatus.INVALID_INFO_CLASS: errno.EOPNOTSUPP,
    NtStatus.INVALID_DEVICE_REQUEST: errno.EOPNOTSUPP,
    NtStatus.INVALID_PARAMETER: errno.EINVAL,
    NtStatus.INVALID_HANDLE: errno.EBADF,
    NtStatus.FILE_CLOSED: errno.EBADF,
    NtStatus.NO_SUCH_FILE: errno.ENOENT,
    NtStatus.OBJECT_NAME_NOT_FOUND: errno.ENOENT,
    NtStatus.OBJECT_PATH_NOT_FOUND: errno.ENOENT,
    NtStatus.NOT_FOUND: errno.ENOENT,
    # The name is free as soon as the last program has closed the file.
    NtStatus.DELETE_PENDING: errno.ENOENT,
    NtStatus.FILE_DELETED: errno.ENOENT,
    NtStatus.OBJECT_NAME_INVALID: errno.EINVAL,
    NtStatus.OBJECT_PATH_INVALID: errno.EINVAL,
    NtStatus.OBJECT_PATH_SYNTAX_BAD: errno.EINVAL,
    NtStatus.UNMAPPABLE_CHARACTER: errno.EILSEQ,
    NtStatus.NAME_TOO_LONG: errno.ENAMETOOLONG,
    NtStatus.OBJECT_NAME_COLLISION: errno.EEXIST,
    NtStatus.ACCESS_DENIED: errno.EACCES,
    NtStatus.NETWORK_ACCESS_DENIED: errno.EACCES,
    NtStatus.PRIVILEGE_NOT_HELD: errno.EPERM,
    NtStatus.CANNOT_DELETE: errno.EACCES,
    NtStatus.MEDIA_WRITE_PROTECTED: errno.EROFS,
    NtStatus.SHARING_VIOLATION: errno.EBUSY,
    NtStatus.LOCK_NOT_GRANTED: errno.EAGAIN,
    NtStatus.FILE_LOCK_CONFLICT: errno.EACCES,
    NtStatus.RANGE_NOT_LOCKED: errno.ENOLCK,
    NtStatus.FILE_IS_A_DIRECTORY: errno.EISDIR,
    NtStatus.NOT_A_DIRECTORY: errno.ENOTDIR,
    NtStatus.DIRECTORY_NOT_EMPTY: errno.ENOTEMPTY,
    NtStatus.NOT_SAME_DEVICE: errno.EXDEV,
    NtStatus.TOO_MANY_LINKS: errno.EMLINK,
    NtStatus.TOO_MANY_OPENED_FILES: errno.EMFILE,
    NtStatus.INSUFFICIENT_RESOURCES: errno.ENOMEM,
    NtStatus.INSUFF_SERVER_RESOURCES: errno.ENOMEM,
    NtStatus.NO_MEMORY: errno.ENOMEM,
    NtStatus.DISK_FULL: errno.ENOSPC,
    NtStatus.QUOTA_EXCEEDED: errno.EDQUOT,
    NtStatus.FILE_SYSTEM_LIMITATION: errno.EFBIG,
    NtStatus.NOT_A_REPARSE_POINT: errno.EINVAL,
    NtStatus.IO_REPARSE_TAG_NOT_HANDLED: errno.EINVAL,
    NtStatus.IO_TIMEOUT: errno.ETIMEDOUT,
    NtStatus.CANCELLED: errno.EINTR,
}


def errno_of(error: BaseException) -> int:
    """Return the number of an error for the program that has caused it; EIO for most."""
    if isinstance(error, StatusError):
        return _BY_STATUS.get(error.status, errno.EIO)
    if isinstance(error, OpenLostError | SourceChangedError):
        # Another file has the name, or none: this one is not to be had any more.
        return errno.ESTALE
    if isinstance(error, AuthenticationError):
        return errno.EACCES
    if isinstance(error, OSError):
        return error.errno or errno.EIO
    if isinstance(error, PathError | ValueError):
        return errno.EINVAL
    return errno.EIO


def os_error(number: int) -> OSError:
    """Return the error of the system that has this number, with its text."""
    return OSError(number, os.strerror(number))
