"""Maps errors to NTSTATUS; the only place that does."""

import errno

from smbquic.errors import RemoteProtocolError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.storage import NameInvalid, PathNotFound, RootGone

_BY_ERRNO = {
    errno.ENOENT: NtStatus.OBJECT_NAME_NOT_FOUND,
    errno.EEXIST: NtStatus.OBJECT_NAME_COLLISION,
    errno.EACCES: NtStatus.ACCESS_DENIED,
    errno.EPERM: NtStatus.ACCESS_DENIED,
    errno.EROFS: NtStatus.MEDIA_WRITE_PROTECTED,
    errno.ENOTDIR: NtStatus.NOT_A_DIRECTORY,
    errno.EISDIR: NtStatus.FILE_IS_A_DIRECTORY,
    errno.ENOTEMPTY: NtStatus.DIRECTORY_NOT_EMPTY,
    errno.ENAMETOOLONG: NtStatus.OBJECT_NAME_INVALID,
    errno.ELOOP: NtStatus.ACCESS_DENIED,
    errno.ENOSPC: NtStatus.DISK_FULL,
    errno.EDQUOT: NtStatus.DISK_FULL,
    errno.EFBIG: NtStatus.DISK_FULL,
    errno.EMFILE: NtStatus.TOO_MANY_OPENED_FILES,
    errno.ENFILE: NtStatus.TOO_MANY_OPENED_FILES,
    errno.ENOMEM: NtStatus.INSUFFICIENT_RESOURCES,
    errno.EXDEV: NtStatus.NOT_SAME_DEVICE,
    errno.EMLINK: NtStatus.TOO_MANY_LINKS,
    errno.EBUSY: NtStatus.SHARING_VIOLATION,
    errno.ETXTBSY: NtStatus.SHARING_VIOLATION,
    errno.EINVAL: NtStatus.INVALID_PARAMETER,
    errno.EBADF: NtStatus.FILE_CLOSED,
    errno.ESTALE: NtStatus.FILE_CLOSED,
    errno.EOPNOTSUPP: NtStatus.NOT_SUPPORTED,
    errno.ENOSYS: NtStatus.NOT_SUPPORTED,
    errno.EIO: NtStatus.IO_DEVICE_ERROR,
}


def status_of(error: BaseException) -> NtStatus:
    """Return the NTSTATUS for the error that a request failed with.

    UNSUCCESSFUL for an error of the storage that nothing fits better; INTERNAL_ERROR for a
    bug of the server.
    """
    if isinstance(error, StatusError | RemoteProtocolError):
        return error.status
    if not isinstance(error, OSError):
        return NtStatus.INTERNAL_ERROR
    if isinstance(error, PathNotFound):
        return NtStatus.OBJECT_PATH_NOT_FOUND
    if isinstance(error, NameInvalid):
        return NtStatus.OBJECT_NAME_INVALID
    if isinstance(error, RootGone):
        # As if an administrator had deleted the share: clients connect to it anew.
        return NtStatus.NETWORK_NAME_DELETED
    return _BY_ERRNO.get(error.errno or 0, NtStatus.UNSUCCESSFUL)
