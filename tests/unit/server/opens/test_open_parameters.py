"""The parameters of a CREATE, as they are checked before any file is opened. [MS-SMB2] 3.3.5.9"""

from dataclasses import replace
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.opens.open_parameters import parameters_of
from smbquic.storage import Disposition
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateOptions, CreateRequest

GOOD = CreateRequest(
    requested_oplock_level=0,
    impersonation_level=2,
    desired_access=int(AccessMask.FILE_READ_DATA),
    file_attributes=0,
    share_access=7,
    create_disposition=1,
    create_options=0,
    name="name",
)
FOLDER = int(CreateOptions.FILE_DIRECTORY_FILE)
FILE = int(CreateOptions.FILE_NON_DIRECTORY_FILE)
GONE = int(CreateOptions.FILE_DELETE_ON_CLOSE)
WRITE_UNBUFFERED = {
    "create_options": int(CreateOptions.FILE_NO_INTERMEDIATE_BUFFERING),
    "desired_access": int(AccessMask.FILE_APPEND_DATA | AccessMask.FILE_WRITE_DATA),
}


@pytest.mark.parametrize(
    "fields",
    [
        {"impersonation_level": 3},
        {"create_disposition": 5},
        {"create_disposition": 0},
        {"share_access": 0},
        {"file_attributes": 0x7FB7},
        {"create_options": FOLDER},
        {"create_options": FILE},
        {"create_options": GONE, "desired_access": int(AccessMask.DELETE)},
        {"create_options": GONE, "desired_access": int(AccessMask.MAXIMUM_ALLOWED)},
        {"create_options": GONE, "desired_access": int(AccessMask.GENERIC_ALL)},
        {"name": "folder\\", "create_options": FOLDER},
        {"name": "folder\\"},
        {"name": ""},
    ],
)
def test_what_is_allowed(fields: dict[str, Any]) -> None:
    parameters_of(replace(GOOD, **fields))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"impersonation_level": 4}, NtStatus.BAD_IMPERSONATION_LEVEL),
        ({"desired_access": 0}, NtStatus.ACCESS_DENIED),
        *(
            ({"desired_access": 1 << bit | 1}, NtStatus.ACCESS_DENIED)
            for bit in (*range(9, 16), 21, 22, 23, 26, 27)
        ),
        ({"desired_access": 1 << 24 | 1}, NtStatus.PRIVILEGE_NOT_HELD),
        *(({"create_options": 1 << bit}, NtStatus.INVALID_PARAMETER) for bit in range(24, 32)),
        *(
            ({"file_attributes": 1 << bit}, NtStatus.INVALID_PARAMETER)
            for bit in (3, 6, *range(15, 32))
        ),
        *(({"share_access": 1 << bit}, NtStatus.INVALID_PARAMETER) for bit in range(3, 32)),
        ({"create_disposition": 6}, NtStatus.INVALID_PARAMETER),
        ({"create_options": 0x80}, NtStatus.NOT_SUPPORTED),
        ({"create_options": 0x2000}, NtStatus.NOT_SUPPORTED),
        ({"create_options": 0x100000}, NtStatus.NOT_SUPPORTED),
        ({"create_options": FOLDER | FILE}, NtStatus.INVALID_PARAMETER),
        *(
            ({"create_options": FOLDER, "create_disposition": each}, NtStatus.INVALID_PARAMETER)
            for each in (0, 4, 5)
        ),
        ({"create_options": GONE}, NtStatus.INVALID_PARAMETER),
        ({"create_options": GONE, "desired_access": 1 << 31}, NtStatus.INVALID_PARAMETER),
        ({"name": "\\name"}, NtStatus.INVALID_PARAMETER),
        ({"name": "name\\", "create_options": FILE}, NtStatus.OBJECT_NAME_INVALID),
        ({"name": "name:stream\\"}, NtStatus.OBJECT_NAME_INVALID),
        ({"name": "name:stream", "create_options": FOLDER}, NtStatus.NOT_A_DIRECTORY),
        (
            {"name": "name:$I30:$INDEX_ALLOCATION", "create_options": FILE},
            NtStatus.FILE_IS_A_DIRECTORY,
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], status: NtStatus) -> None:
    with pytest.raises(StatusError) as caught:
        parameters_of(replace(GOOD, **fields))
    assert caught.value.status is status


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"name": "name", "stream": "", "full_name": "name", "directory": None}),
        ({"name": "a\\b\\"}, {"name": "a\\b", "directory": None}),
        (
            {"name": "a:s"},
            {"name": "a", "stream": "s", "full_name": "a:s", "directory": False},
        ),
        ({"name": "a:$I30:$INDEX_ALLOCATION"}, {"name": "a", "stream": "", "directory": True}),
        ({"create_options": FOLDER}, {"directory": True, "options": FOLDER}),
        ({"create_options": FILE}, {"directory": False}),
        ({"share_access": 5}, {"share_access": 5}),
        ({"file_attributes": 0x7FB7}, {"attributes": 0x1127}),
        ({"create_disposition": 4}, {"disposition": Disposition.OVERWRITE, "overwrites": True}),
        ({"create_disposition": 5}, {"disposition": Disposition.OVERWRITE_IF, "overwrites": True}),
        ({"create_disposition": 0}, {"disposition": Disposition.SUPERSEDE, "overwrites": True}),
        ({"create_disposition": 3}, {"disposition": Disposition.OPEN_IF, "overwrites": False}),
        (
            {"create_options": GONE, "desired_access": int(AccessMask.DELETE)},
            {"delete_on_close": True},
        ),
        ({}, {"delete_on_close": False, "maximum": False}),
        (
            {"desired_access": int(AccessMask.MAXIMUM_ALLOWED | AccessMask.READ_CONTROL)},
            {"maximum": True, "access": int(AccessMask.READ_CONTROL)},
        ),
        ({"desired_access": 1 << 31}, {"access": int(AccessMask(0x120089))}),
        (WRITE_UNBUFFERED, {"access": int(AccessMask.FILE_WRITE_DATA)}),
    ],
)
def test_what_a_request_means(fields: dict[str, Any], expected: dict[str, object]) -> None:
    found = parameters_of(replace(GOOD, **fields))
    assert {name: getattr(found, name) for name in expected} == expected
