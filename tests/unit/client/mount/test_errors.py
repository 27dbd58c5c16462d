import errno
import os

import pytest

from smbquic.client.mount import errors
from smbquic.client.mount.errors import errno_of, os_error
from smbquic.errors import (
    AuthenticationError,
    ConnectionClosed,
    OpenLostError,
    PathError,
    RemoteProtocolError,
    SourceChangedError,
    StatusError,
    UnflushedError,
)
from smbquic.ntstatus import NtStatus


@pytest.mark.parametrize(
    ("status", "number"),
    [
        (NtStatus.OBJECT_NAME_NOT_FOUND, errno.ENOENT),
        (NtStatus.OBJECT_NAME_COLLISION, errno.EEXIST),
        (NtStatus.ACCESS_DENIED, errno.EACCES),
        (NtStatus.SHARING_VIOLATION, errno.EBUSY),
        (NtStatus.DIRECTORY_NOT_EMPTY, errno.ENOTEMPTY),
        (NtStatus.FILE_IS_A_DIRECTORY, errno.EISDIR),
        (NtStatus.NOT_A_DIRECTORY, errno.ENOTDIR),
        (NtStatus.DISK_FULL, errno.ENOSPC),
        (NtStatus.LOCK_NOT_GRANTED, errno.EAGAIN),
        (NtStatus.DELETE_PENDING, errno.ENOENT),
        (NtStatus.UNSUCCESSFUL, errno.EIO),
    ],
)
def test_what_the_server_says_is_a_number_of_the_system(status: NtStatus, number: int) -> None:
    assert errno_of(StatusError.of(status)) == number


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OpenLostError("gone"), errno.ESTALE),
        (SourceChangedError("another"), errno.ESTALE),
        (UnflushedError("perhaps"), errno.EIO),
        (ConnectionClosed("lost"), errno.EIO),
        (RemoteProtocolError("nonsense"), errno.EIO),
        (AuthenticationError("no"), errno.EACCES),
        (PathError("a path"), errno.EINVAL),
        (ValueError("a name"), errno.EINVAL),
        (OSError(errno.ENFILE, "many"), errno.ENFILE),
        (OSError("without a number"), errno.EIO),
        (RuntimeError("a bug"), errno.EIO),
    ],
)
def test_all_other_errors(error: Exception, number: int) -> None:
    assert errno_of(error) == number


def test_errors_of_the_system() -> None:
    error = os_error(errno.ENOENT)
    assert isinstance(error, FileNotFoundError)
    assert (error.errno, error.strerror) == (errno.ENOENT, os.strerror(errno.ENOENT))


def test_every_status_is_an_error() -> None:
    assert all(status.is_error or status.is_warning for status in errors._BY_STATUS)
