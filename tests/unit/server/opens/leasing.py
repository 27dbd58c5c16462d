"""Requests for leases, and what tests of leases do with the opens that have them."""

from typing import Unpack

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_REQUEST_LEASE,
    LeaseFlags,
    LeaseV1,
    LeaseV2,
    decode_lease,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    DispositionInformation,
    EndOfFileInformation,
    FileInformationClass,
    RenameInformation,
)
from smbquic.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    NotifyBreakLeaseFlags,
)
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.smb_client import Client, CreateFields

R, RH, RW, RWH = READ, READ | HANDLE, READ | WRITE, READ | WRITE | HANDLE
ONE, TWO, THREE, FOUR = b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16
LEASE = OplockLevel.OPLOCK_LEVEL_LEASE
OVERWRITE = CreateDisposition.FILE_OVERWRITE
FOLDER = CreateOptions.FILE_DIRECTORY_FILE
ATTRIBUTES = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES
WITHOUT_DELETE = (
    AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
OTHER_CLIENT = {"client_guid": b"other" * 3 + b"!"}


def with_lease(
    lease: LeaseV1 | LeaseV2 | CreateContext, **fields: Unpack[CreateFields]
) -> CreateFields:
    context = lease if isinstance(lease, CreateContext) else lease.context()
    return {"requested_oplock_level": LEASE, "contexts": [context], **fields}


def v2(key: bytes, state: int, parent: bytes | None = None, epoch: int = 0) -> LeaseV2:
    if parent is None:
        return LeaseV2(key, state, epoch=epoch)
    return LeaseV2(key, state, LeaseFlags.PARENT_LEASE_KEY_SET, parent, epoch)


def granted(response: Response) -> LeaseV1 | LeaseV2:
    assert response.status == NtStatus.SUCCESS, response.status.label
    assert response.body.oplock_level == LEASE
    data = find(response.body.contexts, CREATE_REQUEST_LEASE)
    assert data is not None
    return decode_lease(data)


async def lease(
    client: Client, key: bytes, state: int, name: str = "file", **fields: Unpack[CreateFields]
) -> LeaseV1 | LeaseV2:
    return granted(await client.create(name, **with_lease(LeaseV1(key, state), **fields)))


async def held(
    client: Client, key: bytes, state: int, name: str = "file", **fields: Unpack[CreateFields]
) -> FileId:
    """Opens a file with a lease that has to be granted altogether."""
    response = await client.create(name, **with_lease(v2(key, state), **fields))
    assert granted(response).lease_state == state
    file_id: FileId = response.body.file_id
    return file_id


def set_info(file_id: FileId, information_class: int, data: bytes) -> SetInfoRequest:
    return SetInfoRequest(InfoType.FILE, information_class, file_id, data)


def size(file_id: FileId, value: int) -> SetInfoRequest:
    return set_info(
        file_id, FileInformationClass.FileEndOfFileInformation, EndOfFileInformation(value).encode()
    )


def rename(file_id: FileId, name: str, *, replace: bool = False) -> SetInfoRequest:
    return set_info(
        file_id,
        FileInformationClass.FileRenameInformation,
        RenameInformation(name, replace).encode(),
    )


def delete(file_id: FileId) -> SetInfoRequest:
    return set_info(
        file_id,
        FileInformationClass.FileDispositionInformation,
        DispositionInformation(True).encode(),
    )


async def give_up(client: Client, key: bytes, old: int, new: int) -> LeaseBreakNotification:
    """Acknowledges the next break, which has to be this one."""
    notice: LeaseBreakNotification = await client.notice()
    assert (notice.lease_key, notice.current_lease_state, notice.new_lease_state) == (key, old, new)
    assert notice.flags == (NotifyBreakLeaseFlags.ACK_REQUIRED if old & ~READ else 0)
    if notice.flags:
        response = await client.call(LeaseBreakAcknowledgment(key, new))
        assert response.status == NtStatus.SUCCESS
        assert response.body == LeaseBreakResponse(key, new)
    return notice
