"""SMB messages over a Unix socket."""

import asyncio
import socket
from pathlib import Path

import pytest

from smbquic.errors import ConnectError, ConnectionClosed
from smbquic.transport import unix


async def test_messages_and_a_preamble(tmp_path: Path) -> None:
    received: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readexactly(5 + 4 + 3))
        writer.write(b"\0\0\0\2no")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    path = tmp_path / "socket"
    server = await asyncio.start_unix_server(answer, path)
    transport = await unix.connect(str(path), preamble=b"PROXY")
    assert transport.peer.kind == "unix"
    assert transport.peer.remote == (str(path), 0)
    transport.keep_alive = True
    assert transport.keep_alive
    assert transport.statistics().timeouts is None
    await transport.send(b"yes")

    assert bytes(await transport.receive()) == b"no"
    with pytest.raises(ConnectionClosed):
        await transport.receive()
    assert received == [b"PROXY\0\0\0\3yes"]
    transport.close()
    await transport.wait_closed()
    server.close()
    await server.wait_closed()


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match=r"nothing: No such file"):
        await unix.connect(str(tmp_path / "nothing"))


async def test_an_answer_that_does_not_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_unix_connection", never, raising=False)
    with pytest.raises(ConnectError, match=r"within 0\.01 s"):
        await unix.connect(str(tmp_path / "socket"), timeout=0.01)


async def test_a_large_message_waits_in_the_buffer_of_the_kernel() -> None:
    here, there = socket.socketpair()
    before = here.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    with there:
        _, transport = await asyncio.get_running_loop().create_unix_connection(
            lambda: unix.UnixTransport(1 << 20), sock=here
        )
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > before
        transport.drop("the test is over")
        await transport.wait_closed()
