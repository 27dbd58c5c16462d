"""What can be tuned about a QUIC connection."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO, get_args

from smbquic.transport.addresses import SocketAddress, is_loopback, is_private
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.tickets import TicketPolicy
from smbquic.transport.quic.udp import ethernet_payload, largest_payload

INTERNET_DATAGRAM = 1200
"""Bytes of UDP payload that every path carries ([RFC9000] 14)."""
LOOPBACK_DATAGRAM = 16000
LARGEST_DATAGRAM = 16000
"""The engine writes lengths in two bytes, which end at 16383."""


EngineName = Literal["auto", "aioquic", "qh3"]
"""`auto` takes qh3, which is faster, unless it lacks what the other options ask for."""

Congestion = Literal["cubic", "bbr", "reno"]
"""How the sender finds out how much the path carries. On lossy links BBR is far ahead."""

CIPHERS = {"AES-128-GCM": 0x1301, "AES-256-GCM": 0x1302, "CHACHA20-POLY1305": 0x1303}
"""The cipher suites that both engines have, by the numbers of TLS 1.3 ([RFC8446] B.4)."""
DEFAULT_CIPHERS = ("AES-128-GCM", "AES-256-GCM")

POST_QUANTUM = "X25519MLKEM768"
GROUPS = {POST_QUANTUM: 0x11EC, "X25519": 0x001D, "P-256": 0x0017, "P-384": 0x0018}
"""The groups that keys can be exchanged in ([RFC8446] 4.2.7); aioquic lacks the first."""
_GROUP_NAMES = {number: name for name, number in GROUPS.items()}


def group_name(number: int | None) -> str:
    """What a group is called; empty for one that is not known."""
    return _GROUP_NAMES.get(number or 0, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicOptions:
    """Sizes in bytes, times in seconds.

    `datagram_size` is the UDP payload that is sent, 1200 to 16000; without it, what the path to
    the peer is found to carry. `window` is what the peer may send ahead of the application, on
    the engine qh3 up to three quarters more. `ciphers` and `groups` are names of `CIPHERS` and
    `GROUPS`, the preferred first; without `groups` it is all that the engine has. `secrets_log`
    gets the TLS secrets in the format of SSLKEYLOGFILE, `qlog` names a folder for one qlog file per
    connection. Of handshakes that are not over there are `max_half_open` at a time; half as many
    have clients prove their addresses, of which each may have `max_half_open_of_address` then.
    `tickets` says which clients a server lets take up their TLS sessions again.
    """

    datagram_size: int | None = None
    window: int = 16 << 20
    idle_timeout: float = 30.0
    keep_alive_interval: float = 10.0
    handshake_timeout: float = 10.0
    max_half_open: int = 256
    max_half_open_of_address: int = 64
    engine: EngineName = "auto"
    congestion: Congestion = "cubic"
    ciphers: tuple[str, ...] = DEFAULT_CIPHERS
    groups: tuple[str, ...] = ()
    secrets_log: TextIO | None = None
    qlog: Path | None = None
    tickets: TicketPolicy = "auto"

    def __post_init__(self) -> None:
        size = self.datagram_size
        if size is not None and not INTERNET_DATAGRAM <= size <= LARGEST_DATAGRAM:
            raise ValueError(f"datagram_size is {INTERNET_DATAGRAM} to {LARGEST_DATAGRAM} bytes")
        if self.engine not in get_args(EngineName):
            raise ValueError(f"engine is one of {', '.join(get_args(EngineName))}")
        if self.congestion not in get_args(Congestion):
            raise ValueError(f"congestion is one of {', '.join(get_args(Congestion))}")
        if self.tickets not in get_args(TicketPolicy):
            raise ValueError(f"tickets is one of {', '.join(get_args(TicketPolicy))}")
        if not self.ciphers or not CIPHERS.keys() >= set(self.ciphers):
            raise ValueError(f"ciphers are some of {', '.join(CIPHERS)}")
        if not GROUPS.keys() >= set(self.groups):
            raise ValueError(f"groups are some of {', '.join(GROUPS)}")
        if self.window < 1 << 16:
            raise ValueError("window is at least 64 KiB")

    def sizes_to(self, address: SocketAddress) -> DatagramSizes:
        """The datagrams to a peer's address."""
        size, ethernet = self.datagram_size, ethernet_payload(address)
        here = is_loopback(address)
        if size is None and here:
            size = LOOPBACK_DATAGRAM
        if size is not None:
            return DatagramSizes(size, size, ethernet, certain=here)
        most = max(INTERNET_DATAGRAM, min(largest_payload(address), LARGEST_DATAGRAM))
        return DatagramSizes(INTERNET_DATAGRAM, most, ethernet, is_private(address))
