"""The connecting end where it ends early."""

import asyncio
import socket
from typing import NoReturn

import pytest

from smbquic.errors import ConnectError
from smbquic.pki import PkiDirectory
from smbquic.transport import quic
from smbquic.transport.quic import client


async def test_an_address_without_a_route_is_a_connect_error(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_route(*_: object, **__: object) -> NoReturn:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(client, "UdpEndpoint", no_route)
    with pytest.raises(ConnectError, match=r"quic://127\.0\.0\.1:9: Network is unreachable"):
        await quic.connect("127.0.0.1", 9, trust=quic.ClientTls(ca=pki.ca))


async def test_an_attempt_may_be_cancelled(pki: PkiDirectory) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        port = silent.getsockname()[1]
        connecting = asyncio.create_task(
            quic.connect("127.0.0.1", port, trust=quic.ClientTls(ca=pki.ca))
        )
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_recv(silent, 2000), 20)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        close = await asyncio.wait_for(loop.sock_recv(silent, 2000), 20)

    assert close[0] & 0x80
