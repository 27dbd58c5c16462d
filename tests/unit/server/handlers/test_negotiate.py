"""NEGOTIATE."""

import asyncio
import time

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.protocol.settings import DIALECTS
from smbquic.wire.dtyp.filetime import to_unix_ns
from smbquic.wire.echo import EchoRequest
from smbquic.wire.negotiate import Dialect
from tests.unit.server.smb_client import Connect


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_every_dialect_echoes(connect: Connect, dialect: Dialect) -> None:
    client = await connect(dialects=(dialect,))
    assert client.protocol.dialect == dialect
    assert (await client.call(EchoRequest())).status == NtStatus.SUCCESS


async def test_the_client_learns_the_time_and_the_identity_of_the_server(connect: Connect) -> None:
    before = time.time_ns()
    client = await connect(token="")
    (connection,) = client.server.connections
    negotiated = connection.protocol.response
    assert negotiated is not None
    # FILETIME counts in steps of 100 ns.
    assert before - 100 <= to_unix_ns(negotiated.system_time) <= time.time_ns()
    assert negotiated.server_guid == bytes(range(16))


async def test_a_second_negotiation_ends_the_connection(connect: Connect) -> None:
    client = await connect(token="")
    client.deliver(client.protocol.negotiate().buffers)
    await asyncio.wait_for(client.served, 60)
    assert client.transport.closed
