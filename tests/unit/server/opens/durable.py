"""Create contexts of durable handles, and opens that have one."""

import shutil
from pathlib import Path
from typing import Unpack

from smbquic.ntstatus import NtStatus
from smbquic.protocol.response import Response
from smbquic.server.opens.cache_states import HANDLE, READ, WRITE
from smbquic.wire.create import OplockLevel
from smbquic.wire.create_context import CreateContext, find
from smbquic.wire.create_contexts import (
    CREATE_DURABLE_HANDLE_REQUEST,
    CREATE_DURABLE_HANDLE_REQUEST_V2,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    LeaseV1,
    LeaseV2,
)
from smbquic.wire.file_id import FileId
from smbquic.wire.lock import LockFlags
from tests.unit.server.smb_client import Client, CreateFields

RH, RWH = READ | HANDLE, READ | WRITE | HANDLE
BATCH, LEASE = OplockLevel.OPLOCK_LEVEL_BATCH, OplockLevel.OPLOCK_LEVEL_LEASE
GUID, OTHER_GUID = b"the create guid.", b"some other guid."
KEY, OTHER_KEY = b"K" * 16, b"O" * 16
OWNER = {"client_guid": b"the same client."}
OTHER_CLIENT = {"client_guid": b"another client!!"}
PERSISTENT = DurableHandleFlags.PERSISTENT
NOT_FOUND = NtStatus.OBJECT_NAME_NOT_FOUND
EXCLUSIVELY = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY


def asks(version: int, *, timeout: int = 0, flags: int = 0, guid: bytes = GUID) -> CreateContext:
    """Asks for a durable open."""
    if version == 1:
        return DurableHandleRequest().context()
    return DurableHandleRequestV2(timeout, flags, guid).context()


def returns(version: int, file_id: FileId, *, guid: bytes = GUID, flags: int = 0) -> CreateContext:
    """Comes back for one."""
    if version == 1:
        return DurableHandleReconnect(file_id).context()
    return DurableHandleReconnectV2(file_id, guid, flags).context()


def leased(
    *others: CreateContext, lease: LeaseV1 | LeaseV2 | None = None, **fields: Unpack[CreateFields]
) -> CreateFields:
    lease = lease or LeaseV2(KEY, RWH)
    return {
        "requested_oplock_level": LEASE,
        "contexts": [*others, lease.context()],
        **fields,
    }


def batch(*others: CreateContext, **fields: Unpack[CreateFields]) -> CreateFields:
    return {"requested_oplock_level": BATCH, "contexts": list(others), **fields}


def is_durable(response: Response, version: int) -> bool:
    assert response.status == NtStatus.SUCCESS, response.status.label
    names = {1: CREATE_DURABLE_HANDLE_REQUEST, 2: CREATE_DURABLE_HANDLE_REQUEST_V2}
    return find(response.body.contexts, names[version]) is not None


def replace(root: Path) -> None:
    """Delete the share's folder, and make it again."""
    shutil.rmtree(root)
    root.mkdir()


async def durable(client: Client, fields: CreateFields, version: int, name: str = "file") -> FileId:
    """Opens a file durably, and leaves it alone."""
    response = await client.create(name, **fields)
    assert is_durable(response, version)
    file_id: FileId = response.body.file_id
    return file_id
