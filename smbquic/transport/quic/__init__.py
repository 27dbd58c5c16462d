"""SMB messages over QUIC, UDP port 443: the public face of this folder."""

from smbquic.transport.quic.client import connect
from smbquic.transport.quic.engines import EngineError
from smbquic.transport.quic.listener import QuicListener, listen
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.tickets import TicketCache
from smbquic.transport.quic.tls import ClientTls, ServerNames, ServerTls

__all__ = [
    "ClientTls",
    "EngineError",
    "QuicListener",
    "QuicOptions",
    "ServerNames",
    "ServerTls",
    "TicketCache",
    "connect",
    "listen",
]
