"""A client begins logons with long tokens over TCP, and finishes none of them."""

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from impacket.spnego import (  # type: ignore[import-untyped]
    SPNEGO_NegTokenInit,
    TypesMech,
)

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm.acceptor import MAX_NEGOTIATE, NtlmMechanism
from smbquic.auth.ntlm.messages import NegotiateFlags
from smbquic.auth.spnego.acceptor import MAX_MECH_LIST, Acceptor
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import ClientSettings
from smbquic.server.handlers.session_setup import UNAUTHENTICATED_SESSIONS
from smbquic.server.server import Server
from smbquic.wire.negotiate import GlobalCapabilities, SecurityMode
from smbquic.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from tests.unit.server.smb_client import Client, close_server, make_server

MECHANISM = "NTLMSSP - Microsoft NTLM Security Support Provider"
FLAGS = NegotiateFlags.UNICODE | NegotiateFlags.EXTENDED_SESSIONSECURITY | NegotiateFlags.KEY_128
NEGOTIATE = b"NTLMSSP\0\1\0\0\0" + int(FLAGS).to_bytes(4, "little") + bytes(16)


def acceptor() -> Acceptor:
    return Authenticator([NtlmMechanism(UserStore(), server_name="fs")]).new_acceptor()


def offer(count: int) -> bytes:
    """The first token of a client with so many mechanisms, all the same."""
    token = SPNEGO_NegTokenInit()
    token["MechTypes"] = [TypesMech[MECHANISM]] * count
    token["MechToken"] = NEGOTIATE
    return bytes(token.getData())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = make_server(tmp_path)
    server.access.authenticator = Authenticator([NtlmMechanism(UserStore(), server_name="fs")])
    yield server
    await close_server(server)


async def begin(client: Client, token: bytes) -> NtStatus:
    """Send the first message of a logon."""
    body = SessionSetupRequest(
        flags=SessionSetupFlags(0),
        security_mode=SecurityMode.SIGNING_ENABLED,
        capabilities=GlobalCapabilities(0),
        channel=0,
        previous_session_id=0,
        security_buffer=token,
    )
    return (await client.call(body, session=None, tree_id=0)).status


async def test_there_are_only_a_few_of_a_connection(server: Server) -> None:
    client = Client(server, ClientSettings(client_guid=bytes(16)))
    await client.negotiate()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    statuses = [await begin(client, NEGOTIATE) for _ in range(64)]
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert statuses.count(NtStatus.MORE_PROCESSING_REQUIRED) == UNAUTHENTICATED_SESSIONS
    assert set(statuses[UNAUTHENTICATED_SESSIONS:]) == {NtStatus.INSUFFICIENT_RESOURCES}
    assert len(server.session_table) == UNAUTHENTICATED_SESSIONS
    # It was 4 MiB with the longest tokens.
    assert grown < 256 << 10
    await client.close()


async def test_what_a_logon_has_to_remember_is_short(server: Server) -> None:
    assert acceptor().step(NEGOTIATE + bytes(MAX_NEGOTIATE - len(NEGOTIATE)))
    client = Client(server, ClientSettings(client_guid=bytes(16)))
    await client.negotiate()
    for size in (MAX_NEGOTIATE - len(NEGOTIATE) + 1, 60_000):
        with pytest.raises(AuthenticationError) as caught:
            acceptor().step(NEGOTIATE + bytes(size))
        assert caught.value.status is NtStatus.INVALID_PARAMETER
    assert await begin(client, NEGOTIATE + bytes(60_000)) == NtStatus.INVALID_PARAMETER
    assert len(server.session_table) == 0
    await client.close()


def test_so_is_a_list_of_mechanisms() -> None:
    assert acceptor().step(offer(10))
    with pytest.raises(AuthenticationError) as caught:
        acceptor().step(offer(MAX_MECH_LIST // 10))
    assert caught.value.status is NtStatus.INVALID_PARAMETER
