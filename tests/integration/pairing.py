"""The QUIC engines at the two ends of a connection."""

from dataclasses import dataclass, replace
from typing import Self, cast

from smbquic.options.quic import EngineName
from smbquic.transport import quic
from smbquic.transport.base import OnConnection
from smbquic.transport.quic.transport import QuicTransport
from smbquic.transport.serving import MAX_CONNECTIONS, Limiter
from tests import engines

PAIRINGS = engines.pairings()
"""The engines of client and server; one name stands for both."""
CERTIFYING = [each for each in PAIRINGS if each.rpartition("-")[2] in engines.CERTIFYING]
"""Those whose server can ask for a client's certificate."""


@dataclass(frozen=True)
class Pairing:
    """The engines of the two ends of QUIC connections."""

    client: EngineName
    server: EngineName

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `CLIENT-SERVER`, or one name for both."""
        client, _, server = text.partition("-")
        return cls(cast(EngineName, client), cast(EngineName, server or client))

    async def connect(
        self,
        host: str,
        port: int,
        *,
        trust: quic.ClientTls,
        server_name: str | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 (the contract of both transports)
        options: quic.QuicOptions | None = None,
    ) -> QuicTransport:
        """Connect a client on its engine."""
        transport = await quic.connect(
            host,
            port,
            trust=trust,
            server_name=server_name,
            timeout=timeout,
            options=replace(options or quic.QuicOptions(), engine=self.client),
        )
        assert isinstance(transport, QuicTransport)
        return transport

    async def listen(
        self,
        host: str,
        port: int,
        on_connection: OnConnection,
        *,
        certificate: quic.ServerTls | quic.CertificatesByName,
        max_connections: int = MAX_CONNECTIONS,
        options: quic.QuicOptions | None = None,
        limiter: Limiter | None = None,
    ) -> quic.QuicListener:
        """Listen with a server on its engine."""
        return await quic.listen(
            host,
            port,
            on_connection,
            certificate=certificate,
            max_connections=max_connections,
            options=replace(options or quic.QuicOptions(), engine=self.server),
            limiter=limiter,
        )
