"""Errors of the disk in the client's language."""

import errno

import pytest

from smbquic.errors import StatusError, WireError
from smbquic.ntstatus import NtStatus
from smbquic.server.status import status_of
from smbquic.storage import NameInvalid, PathNotFound, RootGone


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOENT, NtStatus.OBJECT_NAME_NOT_FOUND),
        (errno.EEXIST, NtStatus.OBJECT_NAME_COLLISION),
        (errno.EACCES, NtStatus.ACCESS_DENIED),
        (errno.EROFS, NtStatus.MEDIA_WRITE_PROTECTED),
        (errno.ENOTEMPTY, NtStatus.DIRECTORY_NOT_EMPTY),
        (errno.ENOSPC, NtStatus.DISK_FULL),
        (errno.EINVAL, NtStatus.INVALID_PARAMETER),
        (errno.EIO, NtStatus.IO_DEVICE_ERROR),
        (errno.ENOTTY, NtStatus.UNSUCCESSFUL),
    ],
)
def test_errno(number: int, status: NtStatus) -> None:
    assert status_of(OSError(number, "no")) is status


def test_classes_win_over_their_errno() -> None:
    assert status_of(PathNotFound("a\\b")) is NtStatus.OBJECT_PATH_NOT_FOUND
    assert status_of(NameInvalid("too long", "a")) is NtStatus.OBJECT_NAME_INVALID
    assert status_of(RootGone("data")) is NtStatus.NETWORK_NAME_DELETED


def test_what_has_a_status_keeps_it() -> None:
    missing = StatusError.of(NtStatus.NO_SUCH_FILE)
    assert isinstance(missing, OSError)
    assert status_of(missing) is NtStatus.NO_SUCH_FILE
    assert status_of(WireError("odd", NtStatus.INFO_LENGTH_MISMATCH)) is (
        NtStatus.INFO_LENGTH_MISMATCH
    )
    assert status_of(ZeroDivisionError()) is NtStatus.INTERNAL_ERROR


def test_an_error_without_errno_is_unsuccessful() -> None:
    assert status_of(OSError("no number")) is NtStatus.UNSUCCESSFUL
