"""SMB over QUIC: a server, a client and a relay in user space.

What this module exports is the public API. It is loaded when it is first used, so that a program
that needs one room of the package does not pay for all of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from smbquic.lazy import lazy_names

if TYPE_CHECKING:
    from smbquic import pki, sync
    from smbquic.api.client import connect, open_session
    from smbquic.api.server import ServeOptions, serve
    from smbquic.api.serving import Serving
    from smbquic.api.stop import stop_signal
    from smbquic.auth.users import UserStore
    from smbquic.client.buffered_file import BufferedFile
    from smbquic.client.cache import CachedFile, CacheLimits, LeaseCache
    from smbquic.client.file import File
    from smbquic.client.file_tree import LocalTree, RemoteTree
    from smbquic.client.local import WrittenFiles
    from smbquic.client.range_lock import RangeLock
    from smbquic.client.results import CheckResult, SyncResult, TreeEvent, TreeResult, Usage
    from smbquic.client.session import Session
    from smbquic.client.share import Share
    from smbquic.client.stages import Stages
    from smbquic.client.stat import ShareEntry, Stat, StreamEntry, Volume
    from smbquic.client.text_file import TextFile
    from smbquic.client.tree_sync import check_tree, sync_tree
    from smbquic.client.url import SmbUrl
    from smbquic.client.watch import ShareChange, ShareChangeKind, ShareWatch
    from smbquic.config.profile import ClientProfile
    from smbquic.config.profiles import profile
    from smbquic.errors import (
        AuthenticationError,
        ConfigError,
        ConnectError,
        ConnectionClosed,
        DeletionsLeftOut,
        DeniedError,
        DirectoryExpectedError,
        EngineError,
        ExistsError,
        FileExpectedError,
        HandshakeError,
        IdleTimeout,
        ListenError,
        LocalProtocolError,
        LockedError,
        MountError,
        NameCollisionError,
        NotFoundError,
        NotListedError,
        OpenLostError,
        ProtocolError,
        RemoteProtocolError,
        SecurityError,
        SmbError,
        SourceChangedError,
        StatusError,
        TransportError,
        UnflushedError,
        UrlError,
        UsersError,
        WireError,
    )
    from smbquic.ntstatus import NtStatus
    from smbquic.options.acme import AcmeOptions
    from smbquic.options.certificate import IdentityFiles
    from smbquic.options.client import SessionOptions
    from smbquic.options.connection_ids import ConnectionIdOptions
    from smbquic.options.filter import FilterOptions
    from smbquic.options.limits import Limits
    from smbquic.options.sync import ComparisonOptions, SyncOptions
    from smbquic.options.traces import TraceOptions
    from smbquic.options.transfer import TransferOptions
    from smbquic.options.web import WebOptions
    from smbquic.protocol.settings import EncryptionOverQuic, EncryptionPolicy, SigningPolicy
    from smbquic.transport.base import EcnCounts, PathStatistics, Peer
    from smbquic.transport.quic.tickets import TicketCache
    from smbquic.wire.change_notify import CompletionFilter

    __version__: str

__all__ = [
    "AcmeOptions",
    "AuthenticationError",
    "BufferedFile",
    "CacheLimits",
    "CachedFile",
    "CheckResult",
    "ClientProfile",
    "ComparisonOptions",
    "CompletionFilter",
    "ConfigError",
    "ConnectError",
    "ConnectionClosed",
    "ConnectionIdOptions",
    "DeletionsLeftOut",
    "DeniedError",
    "DirectoryExpectedError",
    "EcnCounts",
    "EncryptionOverQuic",
    "EncryptionPolicy",
    "EngineError",
    "ExistsError",
    "File",
    "FileExpectedError",
    "FilterOptions",
    "HandshakeError",
    "IdentityFiles",
    "IdleTimeout",
    "LeaseCache",
    "Limits",
    "ListenError",
    "LocalProtocolError",
    "LocalTree",
    "LockedError",
    "MountError",
    "NameCollisionError",
    "NotFoundError",
    "NotListedError",
    "NtStatus",
    "OpenLostError",
    "PathStatistics",
    "Peer",
    "ProtocolError",
    "RangeLock",
    "RemoteProtocolError",
    "RemoteTree",
    "SecurityError",
    "ServeOptions",
    "Serving",
    "Session",
    "SessionOptions",
    "Share",
    "ShareChange",
    "ShareChangeKind",
    "ShareEntry",
    "ShareWatch",
    "SigningPolicy",
    "SmbError",
    "SmbUrl",
    "SourceChangedError",
    "Stages",
    "Stat",
    "StatusError",
    "StreamEntry",
    "SyncOptions",
    "SyncResult",
    "TextFile",
    "TicketCache",
    "TraceOptions",
    "TransferOptions",
    "TransportError",
    "TreeEvent",
    "TreeResult",
    "UnflushedError",
    "UrlError",
    "Usage",
    "UserStore",
    "UsersError",
    "Volume",
    "WebOptions",
    "WireError",
    "WrittenFiles",
    "__version__",
    "check_tree",
    "connect",
    "open_session",
    "pki",
    "profile",
    "serve",
    "stop_signal",
    "sync",
    "sync_tree",
]

_load = lazy_names(
    __name__,
    {
        "smbquic.api.client": ("connect", "open_session"),
        "smbquic.api.server": ("ServeOptions", "serve"),
        "smbquic.api.serving": ("Serving",),
        "smbquic.api.stop": ("stop_signal",),
        "smbquic.auth.users": ("UserStore",),
        "smbquic.client.buffered_file": ("BufferedFile",),
        "smbquic.client.file": ("File",),
        "smbquic.client.file_tree": ("LocalTree", "RemoteTree"),
        "smbquic.client.local": ("WrittenFiles",),
        "smbquic.client.session": ("Session",),
        "smbquic.client.share": ("Share",),
        "smbquic.client.stages": ("Stages",),
        "smbquic.client.stat": ("ShareEntry", "Stat", "StreamEntry", "Volume"),
        "smbquic.client.text_file": ("TextFile",),
        "smbquic.client.cache": ("CacheLimits", "CachedFile", "LeaseCache"),
        "smbquic.client.range_lock": ("RangeLock",),
        "smbquic.client.watch": ("ShareChange", "ShareChangeKind", "ShareWatch"),
        "smbquic.client.results": (
            "CheckResult",
            "SyncResult",
            "TreeEvent",
            "TreeResult",
            "Usage",
        ),
        "smbquic.client.tree_sync": ("check_tree", "sync_tree"),
        "smbquic.client.url": ("SmbUrl",),
        "smbquic.config.profile": ("ClientProfile",),
        "smbquic.config.profiles": ("profile",),
        "smbquic.errors": (
            "AuthenticationError",
            "ConfigError",
            "ConnectError",
            "ConnectionClosed",
            "DeletionsLeftOut",
            "DeniedError",
            "DirectoryExpectedError",
            "EngineError",
            "ExistsError",
            "FileExpectedError",
            "HandshakeError",
            "IdleTimeout",
            "ListenError",
            "LocalProtocolError",
            "LockedError",
            "MountError",
            "NameCollisionError",
            "NotFoundError",
            "NotListedError",
            "OpenLostError",
            "ProtocolError",
            "RemoteProtocolError",
            "SecurityError",
            "SmbError",
            "SourceChangedError",
            "StatusError",
            "TransportError",
            "UnflushedError",
            "UrlError",
            "UsersError",
            "WireError",
        ),
        "smbquic.ntstatus": ("NtStatus",),
        "smbquic.protocol.settings": ("EncryptionOverQuic", "EncryptionPolicy", "SigningPolicy"),
        "smbquic.options.acme": ("AcmeOptions",),
        "smbquic.options.certificate": ("IdentityFiles",),
        "smbquic.options.client": ("SessionOptions",),
        "smbquic.options.filter": ("FilterOptions",),
        "smbquic.options.connection_ids": ("ConnectionIdOptions",),
        "smbquic.options.traces": ("TraceOptions",),
        "smbquic.options.web": ("WebOptions",),
        "smbquic.options.limits": ("Limits",),
        "smbquic.options.sync": ("ComparisonOptions", "SyncOptions"),
        "smbquic.options.transfer": ("TransferOptions",),
        "smbquic.transport.base": ("EcnCounts", "PathStatistics", "Peer"),
        "smbquic.transport.quic.tickets": ("TicketCache",),
        "smbquic.wire.change_notify": ("CompletionFilter",),
    },
)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, or one of the public modules."""
    if name in ("pki", "sync"):
        return import_module(f"{__name__}.{name}")
    if name == "__version__":
        # It costs more to import than the rest of this module, and few programs ask.
        from importlib.metadata import version

        return version(__name__)
    return _load(name)
