"""SMB over QUIC: a server, a client and a gateway in user space.

What this module exports is the public API. It is loaded when it is first used, so that a program
that needs one room of the package does not pay for all of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbquic import sync
    from smbquic.api import Serving, SessionOptions, connect, open_session, serve
    from smbquic.auth.users import UserStore
    from smbquic.client.file import File
    from smbquic.client.pipes import NotListedError, ShareEntry
    from smbquic.client.session import Session
    from smbquic.client.share import Share
    from smbquic.client.stat import Stat, Volume
    from smbquic.client.tree import TreeResult, Usage
    from smbquic.client.url import SmbUrl, UrlError
    from smbquic.errors import (
        AuthenticationError,
        ConnectError,
        ConnectionClosed,
        DeniedError,
        DirectoryExpectedError,
        ExistsError,
        FileExpectedError,
        HandshakeError,
        IdleTimeout,
        LocalProtocolError,
        NotFoundError,
        ProtocolError,
        RemoteProtocolError,
        SecurityError,
        SmbError,
        StatusError,
        TransportError,
        WireError,
    )
    from smbquic.ntstatus import NtStatus
    from smbquic.protocol.settings import EncryptionPolicy
    from smbquic.transport.quic import EngineError, TicketCache

__all__ = [
    "AuthenticationError",
    "ConnectError",
    "ConnectionClosed",
    "DeniedError",
    "DirectoryExpectedError",
    "EncryptionPolicy",
    "EngineError",
    "ExistsError",
    "File",
    "FileExpectedError",
    "HandshakeError",
    "IdleTimeout",
    "LocalProtocolError",
    "NotFoundError",
    "NotListedError",
    "NtStatus",
    "ProtocolError",
    "RemoteProtocolError",
    "SecurityError",
    "Serving",
    "Session",
    "SessionOptions",
    "Share",
    "ShareEntry",
    "SmbError",
    "SmbUrl",
    "Stat",
    "StatusError",
    "TicketCache",
    "TransportError",
    "TreeResult",
    "UrlError",
    "Usage",
    "UserStore",
    "Volume",
    "WireError",
    "connect",
    "open_session",
    "serve",
    "sync",
]

_HOMES = {
    "smbquic.api": ("Serving", "SessionOptions", "connect", "open_session", "serve"),
    "smbquic.auth.users": ("UserStore",),
    "smbquic.client.file": ("File",),
    "smbquic.client.pipes": ("NotListedError", "ShareEntry"),
    "smbquic.client.session": ("Session",),
    "smbquic.client.share": ("Share",),
    "smbquic.client.stat": ("Stat", "Volume"),
    "smbquic.client.tree": ("TreeResult", "Usage"),
    "smbquic.client.url": ("SmbUrl", "UrlError"),
    "smbquic.ntstatus": ("NtStatus",),
    "smbquic.protocol.settings": ("EncryptionPolicy",),
    "smbquic.transport.quic": ("EngineError", "TicketCache"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from where it lives."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "sync":
        return import_module("smbquic.sync")
    value = getattr(import_module(_HOME_OF.get(name, "smbquic.errors")), name)
    globals()[name] = value
    return value
