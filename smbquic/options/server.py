"""The options of the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from smbquic.lazy_dataclass import dataclass
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.connection_ids import DEFAULT_CONNECTION_IDS, ConnectionIdOptions
from smbquic.options.discovery import DiscoveryOptions
from smbquic.options.gateway import DEFAULT_BACKENDS, BackendOptions, PoolOptions
from smbquic.options.headings import CERTIFICATE, PROTOCOL, TLS
from smbquic.options.limits import DEFAULT_LIMITS, Limits
from smbquic.options.model import Option, Options
from smbquic.options.quic import EngineOptions, ThreadOptions, TicketPolicy, TlsOptions
from smbquic.options.share import ShareFolder
from smbquic.options.traces import DEFAULT_TRACES, TraceOptions
from smbquic.options.web import DEFAULT_WEB, WebOptions
from smbquic.protocol.settings import (
    DIALECT_NAMES,
    MINIMUM_DIALECT,
    EncryptionOverQuic,
    EncryptionPolicy,
    SigningPolicy,
)
from smbquic.wire.negotiate import Dialect

DEFAULT_LISTEN = ("quic://0.0.0.0:443",)


Listen = Annotated[
    Sequence[str],
    Option(
        "Where to listen: quic://HOST:PORT or tcp://HOST:PORT. Port 0 picks a free one.",
        flag="--listen",
        metavar="URL",
    ),
]
"""The addresses that a server listens on; each group that has it sets its own default."""


MAX_WORKERS = 32

LogLevel = Literal["warning", "info", "debug"]
LogFormat = Literal["auto", "text", "json", "journal"]

_WORKERS = (
    "Processes that do the work of QUIC, so that it takes more than one processor core; 0 does it"
    " in the server's own process. Linux only."
)
Workers = Annotated[int, Option(_WORKERS, maximum=MAX_WORKERS)]
"""The number of worker processes: none by default in a program, unlike on the command line."""


@dataclass(frozen=True, kw_only=True)
class LogonOptions(Options):
    """Options for logons: who may log on, and how the server knows that a logon is meant for it."""

    server_name: Annotated[
        str | None,
        Option(
            "What the server calls itself in logons and listings.",
            default="the host's name",
        ),
    ] = None
    guest: Annotated[bool, Option("Let unknown users in, to read.", flag="--guest")] = False
    extended_protection: Annotated[
        bool,
        Option(
            "Refuse logons that were meant for another server or another TLS connection, where the"
            " client says for which: they may be relayed by an attacker.",
            help="Accept logons that were meant for another server or another TLS connection.",
            flag="--no-extended-protection",
            heading=PROTOCOL,
        ),
    ] = True
    target_names: Annotated[
        Sequence[str],
        Option(
            "A further name or address by which clients reach this server, such as a router's."
            "\n\nThe server knows its own, and those in its certificates.",
            flag="--target-name",
            metavar="NAME",
            heading=PROTOCOL,
            adds=True,
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ProtocolOptions(Options):
    """Options for SMB itself: signing, encryption, dialects, pipes."""

    signing: Annotated[
        SigningPolicy,
        Option(
            "required: every session but a guest's is signed or encrypted; negotiated: the client"
            " decides, which lets attackers relay its logon.",
            heading=PROTOCOL,
            flag="--signing",
        ),
    ] = SigningPolicy.REQUIRED
    encryption: Annotated[
        EncryptionPolicy,
        Option(
            "Demand SMB encryption. QUIC's encryption counts where both ends leave out SMB's.",
            flag="--encrypt",
            key="encrypt",
            heading=PROTOCOL,
            on=EncryptionPolicy.REQUIRED,
        ),
    ] = EncryptionPolicy.ALLOWED
    encryption_over_quic: Annotated[
        EncryptionOverQuic,
        Option(
            "SMB encryption inside QUIC: skip leaves it out with clients that ask for that, allow"
            " negotiates it as over TCP, require demands it.",
            flag="--smb-encryption-over-quic",
            key="smb_encryption_over_quic",
            heading=PROTOCOL,
        ),
    ] = EncryptionOverQuic.SKIP
    minimum_dialect: Annotated[
        Dialect,
        Option(
            "The oldest SMB dialect that is spoken; over QUIC it is always 3.1.1.",
            choices=DIALECT_NAMES,
            heading=PROTOCOL,
            flag="--minimum-dialect",
        ),
    ] = MINIMUM_DIALECT
    pipes_over_quic: Annotated[
        bool,
        Option(
            "Let clients list the shares over QUIC too.",
            heading=PROTOCOL,
            flag="--pipes-over-quic",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class ListenerOptions(ThreadOptions, EngineOptions, TlsOptions):
    """Options for the listeners of a server or a gateway, and the limits on their clients."""

    tls_tickets: Annotated[
        TicketPolicy,
        Option(
            "Which clients get TLS tickets, to resume their sessions with a shorter handshake: auto"
            " gives none to those that may fail on one, such as Samba's.",
            heading=TLS,
        ),
    ] = "auto"
    connection_ids: Annotated[
        ConnectionIdOptions, Option("The connection IDs, for a load balancer in front.")
    ] = DEFAULT_CONNECTION_IDS
    limits: Annotated[Limits, Option("How much clients may hold.")] = DEFAULT_LIMITS
    web: Annotated[WebOptions, Option("The web listener, for metrics and health checks.")] = (
        DEFAULT_WEB
    )


@dataclass(frozen=True, kw_only=True)
class ServerOptions(ListenerOptions, ProtocolOptions, LogonOptions, DiscoveryOptions):
    """The options of every server, from a program or the command line."""

    traces: Annotated[TraceOptions, Option("Traces of requests, for OpenTelemetry.")] = (
        DEFAULT_TRACES
    )


@dataclass(frozen=True, kw_only=True)
class ProcessOptions(Options):
    """Options for the process of a server or a gateway."""

    listen: Listen = DEFAULT_LISTEN
    run_as: Annotated[
        str | None,
        Option(
            "Become that user once the ports are bound and the keys are read; needs root."
            "\n\nUSER, or USER:GROUP. Files are served with that user's rights.",
            default="whoever started it",
            flag="--run-as",
            metavar="USER[:GROUP]",
        ),
    ] = None
    workers: Annotated[
        int | None,
        Option(
            _WORKERS,
            maximum=MAX_WORKERS,
            default="one for each core beyond the first two",
            flag="--workers",
            metavar="N",
        ),
    ] = None
    log_level: Annotated[
        LogLevel,
        Option(
            "What the log has: warnings only, what clients do as well, or every detail. -v says the"
            " same for one start.",
            flag="--log-level",
        ),
    ] = "warning"
    log_format: Annotated[
        LogFormat,
        Option(
            "How the log is written to standard error: as text, as JSON (one object on a line), or"
            " as records with fields to systemd's journal. auto is the journal where that takes"
            " standard error, and text elsewhere.",
            flag="--log-format",
        ),
    ] = "auto"
    private_names: Annotated[
        Sequence[str],
        Option(
            "A name for the certificate that is made where none is given.",
            flag="--name",
            metavar="NAME",
            heading=CERTIFICATE,
            adds=True,
        ),
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ProgramOptions(ServerOptions, ProcessOptions):
    """All options of the server program."""

    users_file: Annotated[
        Path | None,
        Option("A file of the users who may log on; see smbquic user.", flag="--users"),
    ] = None
    shares: Sequence[ShareFolder] = ()
    certificates: Sequence[IdentityFiles] = ()
    acme: AcmeOptions | None = None
    audit: AuditOptions | None = None
    backends: BackendOptions = DEFAULT_BACKENDS
    pools: Sequence[PoolOptions] = ()
