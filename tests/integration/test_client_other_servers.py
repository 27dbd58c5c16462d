"""Clients of servers that do not speak SMB."""

import asyncio

import pytest

import smbquic


async def test_a_server_that_says_nothing() -> None:
    held = []
    server = await asyncio.start_server(lambda reader, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(smbquic.ConnectError, match="is it an SMB server"):
        async with smbquic.connect(f"smb://alice:secret@127.0.0.1:{port}/data", timeout=1.0):
            pytest.fail("connected")
    for writer in held:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_server_of_another_kind() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(smbquic.ConnectionClosed, match="does not frame its messages as SMB"):
        async with smbquic.connect(f"smb://alice:secret@127.0.0.1:{port}/data"):
            pytest.fail("connected")
    server.close()
    await server.wait_closed()
