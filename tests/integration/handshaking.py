"""A QUIC server that sends back what it receives."""

import asyncio

import pytest

from smbquic.transport import quic
from smbquic.transport.base import MessageTransport
from smbquic.transport.serving import MAX_CONNECTIONS, Limiter
from tests.engines import ENGINES
from tests.integration.pairing import Pairing

one_client = pytest.mark.parametrize("pairing", ENGINES, indirect=True)
"""For a client of ours whose server is aioquic's, or is not there."""
one_server = one_client
"""For a server of ours whose client is aioquic's."""


class EchoServer:
    """A QUIC listener whose connections send each message back."""

    def __init__(self, pairing: Pairing) -> None:
        self.pairing = pairing
        self.accepted: asyncio.Queue[MessageTransport] = asyncio.Queue()
        self.listener: quic.QuicListener

    async def start(
        self,
        identity: quic.ServerTls,
        host: str = "127.0.0.1",
        *,
        options: quic.QuicOptions | None = None,
        limiter: Limiter | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.listener = await self.pairing.listen(
            host,
            0,
            self.serve,
            certificate=identity,
            options=options,
            limiter=limiter,
            max_connections=max_connections,
        )

    @property
    def port(self) -> int:
        return int(self.listener.url.rpartition(":")[2])

    async def serve(self, transport: MessageTransport) -> None:
        self.accepted.put_nowait(transport)
        while True:
            await transport.send(await transport.receive())

    async def connection(self) -> MessageTransport:
        """The server's end of the next connection."""
        return await asyncio.wait_for(self.accepted.get(), 20)

    async def connect(
        self,
        trust: quic.ClientTls,
        host: str = "127.0.0.1",
        *,
        server_name: str | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 (the contract of both transports)
        options: quic.QuicOptions | None = None,
    ) -> MessageTransport:
        return await self.pairing.connect(
            host,
            self.port,
            trust=trust,
            server_name=server_name,
            timeout=timeout,
            options=options,
        )


async def close(transport: MessageTransport) -> None:
    transport.close()
    await transport.wait_closed()
