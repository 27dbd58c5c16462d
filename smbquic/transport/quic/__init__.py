"""SMB messages over QUIC, UDP port 443: the public face of this folder.

A name is imported when it is first used: a client needs no listener.
"""

from typing import TYPE_CHECKING

from smbquic.lazy import lazy_names

if TYPE_CHECKING:
    from smbquic.transport.quic.client import connect
    from smbquic.transport.quic.connection_ids import ConnectionIdFormat
    from smbquic.transport.quic.listener import QuicListener, listen, listen_on
    from smbquic.transport.quic.listener_keys import ListenerKeys
    from smbquic.transport.quic.options import QuicOptions
    from smbquic.transport.quic.tickets import TicketCache
    from smbquic.transport.quic.tls import CertificatesByName, ClientTls, ServerTls
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "smbquic.transport.quic.client": ("connect",),
            "smbquic.transport.quic.connection_ids": ("ConnectionIdFormat",),
            "smbquic.transport.quic.listener": ("QuicListener", "listen", "listen_on"),
            "smbquic.transport.quic.listener_keys": ("ListenerKeys",),
            "smbquic.transport.quic.options": ("QuicOptions",),
            "smbquic.transport.quic.tickets": ("TicketCache",),
            "smbquic.transport.quic.tls": ("ClientTls", "CertificatesByName", "ServerTls"),
        },
    )

__all__ = [
    "CertificatesByName",
    "ClientTls",
    "ConnectionIdFormat",
    "ListenerKeys",
    "QuicListener",
    "QuicOptions",
    "ServerTls",
    "TicketCache",
    "connect",
    "listen",
    "listen_on",
]
