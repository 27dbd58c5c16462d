"""ECHO."""

from smbquic.ntstatus import NtStatus
from smbquic.wire.echo import EchoRequest, EchoResponse
from tests.unit.server.smb_client import Client, Connect


async def test_an_echo_needs_no_logon(connect: Connect) -> None:
    client = await connect(token="")
    response = await client.call(EchoRequest())
    assert response.status == NtStatus.SUCCESS
    assert response.body == EchoResponse()


async def test_an_echo_in_a_session_is_signed_for_it(client: Client) -> None:
    assert client.session is not None
    response = await client.call(EchoRequest(), tree_id=77)
    assert response.status == NtStatus.SUCCESS
    assert response.header.session_id == client.session.id
    assert response.header.is_signed
