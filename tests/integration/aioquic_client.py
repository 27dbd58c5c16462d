"""The configuration of a client of aioquic's that reaches our server, and its first datagram."""

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from smbquic.pki import PkiDirectory


def aioquic_configuration(
    pki: PkiDirectory,
    alpn: list[str] | None,
    *,
    connection_id_length: int = 8,
    idle_timeout: float = 60.0,
) -> QuicConfiguration:
    """The configuration of a client of aioquic's."""
    return QuicConfiguration(
        is_client=True,
        alpn_protocols=alpn,
        cafile=str(pki.ca),
        server_name="localhost",
        connection_id_length=connection_id_length,
        idle_timeout=idle_timeout,
    )


def first_datagram(pki: PkiDirectory) -> bytes:
    """Return the first datagram of a client."""
    connection = QuicConnection(configuration=aioquic_configuration(pki, ["smb"]))
    connection.connect(("127.0.0.1", 1), 0.0)
    datagram: bytes = connection.datagrams_to_send(0.0)[0][0]
    return datagram
