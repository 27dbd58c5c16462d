"""The options of QUIC connections, for client and server."""

from collections.abc import Sequence
from typing import Annotated, Literal

from smbquic.lazy_dataclass import dataclass
from smbquic.options.headings import CONNECTION, TLS
from smbquic.options.model import Option, Options

EngineName = Literal["auto", "aioquic", "qh3", "native"]
"""`auto` takes the fastest that is installed and has what the other options ask for."""

Congestion = Literal["cubic", "bbr", "reno"]
"""How the sender finds the rate of the path. BBR is far faster on paths that lose packets."""

TicketPolicy = Literal["auto", "always", "never"]
"""Which clients get TLS tickets from a server: `auto` leaves out those that may fail on one."""

CIPHERS = {"AES-128-GCM": 0x1301, "AES-256-GCM": 0x1302, "CHACHA20-POLY1305": 0x1303}
"""The cipher suites that the engines have, by the numbers of TLS 1.3 ([RFC8446] B.4)."""
DEFAULT_CIPHERS = ("AES-128-GCM", "AES-256-GCM")

POST_QUANTUM = "X25519MLKEM768"
GROUPS = {POST_QUANTUM: 0x11EC, "X25519": 0x001D, "P-256": 0x0017, "P-384": 0x0018}
"""The groups that keys can be exchanged in ([RFC8446] 4.2.7); only qh3 has the first."""

MAX_IO_THREADS = 8

SMALLEST_DATAGRAM = 1200
"""Bytes of UDP payload that every path carries ([RFC9000] 14)."""
LARGEST_DATAGRAM = 16000
"""The engines write lengths in two bytes, whose largest value is 16383."""


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Options):
    """The engine, congestion control and datagrams of QUIC."""

    engine: Annotated[
        EngineName,
        Option(
            "The QUIC engine; auto is the fastest that can do what the other options ask for.",
            heading=CONNECTION,
            flag="--engine",
        ),
    ] = "auto"
    congestion: Annotated[
        Congestion,
        Option(
            "Congestion control over QUIC; bbr is for paths that lose packets.",
            heading=CONNECTION,
            flag="--congestion",
        ),
    ] = "cubic"
    datagram_size: Annotated[
        int | None,
        Option(
            "The largest UDP payload to send, for a path whose MTU is known.",
            unit="bytes",
            minimum=SMALLEST_DATAGRAM,
            maximum=LARGEST_DATAGRAM,
            default="what the path is found to carry",
            key=None,
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ThreadOptions(Options):
    """The threads of a QUIC listener."""

    io_threads: Annotated[
        int,
        Option(
            "Threads that receive, decrypt and send for QUIC while the server does SMB; 0 does all"
            " on one thread. They need the engine native, and Linux."
            "\n\nEach worker process has so many. They take processor time: without a core for"
            " each, the server is slower.",
            maximum=MAX_IO_THREADS,
            heading=CONNECTION,
            flag="--io-threads",
            metavar="N",
        ),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class TlsOptions(Options):
    """The ciphers and groups of QUIC."""

    tls_ciphers: Annotated[
        Sequence[str],
        Option(
            "The cipher suites of QUIC, the preferred one first.",
            choices=CIPHERS,
            heading=TLS,
            flag="--tls-ciphers",
        ),
    ] = DEFAULT_CIPHERS
    tls_groups: Annotated[
        Sequence[str],
        Option(
            "The groups that QUIC's keys may be exchanged in, the preferred one first."
            f"\n\nThe post-quantum {POST_QUANTUM} needs the engine qh3.",
            choices=GROUPS,
            default="all that the engine has",
            heading=TLS,
            flag="--tls-groups",
        ),
    ] = ()
