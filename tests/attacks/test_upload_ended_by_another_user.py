"""Another user sends the id of an application, and the server closes the application's files."""

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.create_contexts import AppInstanceId
from smbquic.wire.write import WriteRequest
from tests.unit.server.conftest import connect, root, server, server_with
from tests.unit.server.smb_client import Connect, CreateFields

__all__ = ["connect", "root", "server", "server_with"]
NAMED: CreateFields = {
    "contexts": [AppInstanceId(b"a guessed number").context()],
    "share_access": 0,
}


@pytest.mark.parametrize("wanted", [AccessMask.FILE_READ_ATTRIBUTES, AccessMask.FILE_WRITE_DATA])
async def test_files_of_another_user_stay_open(connect: Connect, wanted: AccessMask) -> None:
    """Both may read and write the file, which is enough by the letter of [MS-SMB2]."""
    alice = await connect(client_guid=b"a killed client.")
    part = await alice.open("part", **NAMED)
    bob = await connect(token="bob:secret", client_guid=b"another client!!")
    fields: CreateFields = {**NAMED, "desired_access": int(wanted)}
    response = await bob.create("part", **fields)
    assert response.status in (NtStatus.SUCCESS, NtStatus.SHARING_VIOLATION)
    assert (await alice.call(WriteRequest(0, part, b"more"))).status == NtStatus.SUCCESS
    again = await connect(client_guid=b"the next client.")
    await again.open("part", **NAMED)
    assert (await alice.call(WriteRequest(0, part, b"late"))).status == NtStatus.FILE_CLOSED
