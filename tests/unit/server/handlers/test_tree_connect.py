"""Shares that demand encryption: who is let in, and what is refused."""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.wire.create import OplockLevel
from smbquic.wire.echo import EchoRequest
from smbquic.wire.negotiate import Dialect
from smbquic.wire.oplock_break import OplockBreakAcknowledgment, OplockBreakNotification
from smbquic.wire.tree_connect import ShareFlags
from smbquic.wire.tree_disconnect import TreeDisconnectRequest
from tests.unit.server.smb_client import Connect, CreateRequestOf, ServerWith

BATCH = OplockLevel.OPLOCK_LEVEL_BATCH


@pytest.fixture
def sealed(server: Server, root: Path) -> Server:
    """The server, with a share `sealed` that demands encryption."""
    server.shares["sealed"] = ServedShare("sealed", LocalStorage(root), encrypt=True)
    return server


async def test_what_is_not_encrypted_is_refused(
    connect: Connect, sealed: Server, root: Path, create_request: CreateRequestOf
) -> None:
    client = await connect(to=sealed, share="")
    response = await client.connect("sealed")
    assert response.body.share_flags & ShareFlags.ENCRYPT_DATA
    assert (await client.create("file")).status == NtStatus.ACCESS_DENIED
    assert (await client.call(TreeDisconnectRequest())).status == NtStatus.ACCESS_DENIED
    assert not (root / "file").exists()
    file_id = (await client.call(create_request("file"), encrypt=True)).body.file_id
    assert file_id.persistent
    assert (root / "file").exists()


async def test_the_rest_of_a_compound_is_refused_as_well(
    connect: Connect, sealed: Server, create_request: CreateRequestOf
) -> None:
    client = await connect(to=sealed, share="")
    await client.connect("sealed")
    responses = await client.compound(create_request("a"), create_request("b"))
    assert [each.status for each in responses] == [NtStatus.ACCESS_DENIED] * 2


async def test_other_shares_go_on_without(connect: Connect, sealed: Server) -> None:
    client = await connect(to=sealed)
    assert (await client.create("file")).status == NtStatus.SUCCESS
    response = await client.connect("data")
    assert not response.body.share_flags & ShareFlags.ENCRYPT_DATA


@pytest.mark.parametrize(
    "settings",
    [
        {"dialects": (Dialect.SMB_2_1,)},
        {"dialects": (Dialect.SMB_3_0,), "encryption": EncryptionPolicy.OFF},
        {"encryption": EncryptionPolicy.OFF},
    ],
)
async def test_who_cannot_encrypt_does_not_get_in(
    connect: Connect, sealed: Server, settings: dict[str, object]
) -> None:
    client = await connect(to=sealed, share="", **settings)
    assert (await client.connect("sealed")).status == NtStatus.ACCESS_DENIED
    assert (await client.connect("data")).status == NtStatus.SUCCESS


async def test_a_guest_does_not_get_in(connect: Connect, sealed: Server) -> None:
    client = await connect(
        to=sealed, token="guest:secret", share="", signing_required=False, guest_allowed=True
    )
    assert (await client.connect("sealed")).status == NtStatus.ACCESS_DENIED


async def test_what_quic_encrypts_is_enough(connect: Connect, sealed: Server) -> None:
    client = await connect(to=sealed, share="", kind="quic")
    response = await client.connect("sealed")
    assert not response.body.share_flags & ShareFlags.ENCRYPT_DATA
    assert (await client.create("file")).status == NtStatus.SUCCESS


async def test_quic_is_not_enough_where_the_server_does_not_skip(
    connect: Connect, server_with: ServerWith, root: Path
) -> None:
    server = server_with(encryption_over_quic=EncryptionOverQuic.ALLOW)
    server.shares["sealed"] = ServedShare("sealed", LocalStorage(root), encrypt=True)
    client = await connect(to=server, share="", kind="quic")
    response = await client.connect("sealed")
    assert response.body.share_flags & ShareFlags.ENCRYPT_DATA
    assert (await client.create("file")).status == NtStatus.ACCESS_DENIED


async def test_breaks_are_encrypted(
    connect: Connect, sealed: Server, create_request: CreateRequestOf
) -> None:
    first = await connect(to=sealed, share="")
    await first.connect("sealed")
    opened = await first.call(create_request("file", requested_oplock_level=BATCH), encrypt=True)
    second = await connect(to=sealed, client_guid=b"2" * 16)
    message_id = second.begin("file")
    raw = await first.transport.to_client.get()
    assert bytes(raw[:4]) == b"\xfdSMB"
    first.transport.to_client.put_nowait(raw)
    assert await first.notice() == OplockBreakNotification(1, opened.body.file_id)
    await first.call(OplockBreakAcknowledgment(1, opened.body.file_id), encrypt=True)
    assert (await second.answer(message_id)).status == NtStatus.SUCCESS


async def test_a_session_of_quic_is_not_bound_to_tcp_where_encryption_is_demanded(
    connect: Connect, server_with: ServerWith
) -> None:
    server = server_with(encryption=EncryptionPolicy.REQUIRED)
    first = await connect(to=server, kind="quic")
    assert not first.logged_on.encrypt_data
    second = await connect(to=server, token="", client_guid=bytes(16))
    assert (await second.bind(first)).status == NtStatus.ACCESS_DENIED
    assert (await first.call(EchoRequest())).status == NtStatus.SUCCESS
