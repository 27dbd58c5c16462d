"""The end of a server, and the names of its shares."""

import asyncio

import pytest

from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from tests.unit.server.smb_client import Connect, ServerWith, share_of


async def test_closing_the_server_ends_its_connections(connect: Connect, server: Server) -> None:
    client = await connect()
    await server.close()
    await asyncio.wait_for(client.served, 60)
    assert "stopping" in client.transport.closed


async def test_share_names_are_taken_once(server_with: ServerWith, server: Server) -> None:
    share = share_of(server, "DATA")
    assert share is server.share("data")
    for shares in ([share, share], [ServedShare("ipc$", share.storage)]):
        with pytest.raises(ValueError, match=r"already|reserved"):
            Server(shares, server.access, server.settings)
