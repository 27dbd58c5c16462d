"""SMB over QUIC: a server, a client and a gateway in user space.

What this module exports is the public API. It is loaded when it is first used, so that a program
that needs one room of the package does not pay for all of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbquic import pki, sync
    from smbquic.api import Serving, SessionOptions, connect, open_session, serve, stop_signal
    from smbquic.auth.users import UsersError, UserStore
    from smbquic.client.file import File
    from smbquic.client.local import WrittenFiles
    from smbquic.client.pipes import NotListedError, ShareEntry
    from smbquic.client.session import Session
    from smbquic.client.share import Share
    from smbquic.client.stages import Stages
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
        ListenError,
        LocalProtocolError,
        NameCollisionError,
        NotFoundError,
        ProtocolError,
        RemoteProtocolError,
        SecurityError,
        SmbError,
        SourceChangedError,
        StatusError,
        TransportError,
        WireError,
    )
    from smbquic.ntstatus import NtStatus
    from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy, SigningPolicy
    from smbquic.server.limits import Limits
    from smbquic.transport.base import PathStatistics, Peer
    from smbquic.transport.quic import EngineError, TicketCache

    __version__: str

__all__ = [
    "AuthenticationError",
    "ConnectError",
    "ConnectionClosed",
    "DeniedError",
    "DirectoryExpectedError",
    "EncryptionOverQuic",
    "EncryptionPolicy",
    "EngineError",
    "ExistsError",
    "File",
    "FileExpectedError",
    "HandshakeError",
    "IdleTimeout",
    "Limits",
    "ListenError",
    "LocalProtocolError",
    "NameCollisionError",
    "NotFoundError",
    "NotListedError",
    "NtStatus",
    "PathStatistics",
    "Peer",
    "ProtocolError",
    "RemoteProtocolError",
    "SecurityError",
    "Serving",
    "Session",
    "SessionOptions",
    "Share",
    "ShareEntry",
    "SigningPolicy",
    "SmbError",
    "SmbUrl",
    "SourceChangedError",
    "Stages",
    "Stat",
    "StatusError",
    "TicketCache",
    "TransportError",
    "TreeResult",
    "UrlError",
    "Usage",
    "UserStore",
    "UsersError",
    "Volume",
    "WireError",
    "WrittenFiles",
    "__version__",
    "connect",
    "open_session",
    "pki",
    "serve",
    "stop_signal",
    "sync",
]

_HOMES = {
    "smbquic.api": ("Serving", "SessionOptions", "connect", "open_session", "serve", "stop_signal"),
    "smbquic.auth.users": ("UserStore", "UsersError"),
    "smbquic.client.file": ("File",),
    "smbquic.client.local": ("WrittenFiles",),
    "smbquic.client.pipes": ("NotListedError", "ShareEntry"),
    "smbquic.client.session": ("Session",),
    "smbquic.client.share": ("Share",),
    "smbquic.client.stages": ("Stages",),
    "smbquic.client.stat": ("Stat", "Volume"),
    "smbquic.client.tree": ("TreeResult", "Usage"),
    "smbquic.client.url": ("SmbUrl", "UrlError"),
    "smbquic.ntstatus": ("NtStatus",),
    "smbquic.protocol.settings": ("EncryptionOverQuic", "EncryptionPolicy", "SigningPolicy"),
    "smbquic.server.limits": ("Limits",),
    "smbquic.transport.base": ("PathStatistics", "Peer"),
    "smbquic.transport.quic": ("EngineError", "TicketCache"),
}
_MODULES = ("pki", "sync")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from where it lives."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"smbquic.{name}")
    value = _version() if name == "__version__" else _load(name)
    globals()[name] = value
    return value


def _load(name: str) -> object:
    return getattr(import_module(_HOME_OF.get(name, "smbquic.errors")), name)


def _version() -> str:
    # It costs more to import than the rest of this module, and few programs ask.
    from importlib.metadata import version

    return version("smbquic")
