"""The options of QUIC connections."""

from collections.abc import Callable
from dataclasses import field
from pathlib import Path
from typing import TextIO

from smbquic.lazy_dataclass import dataclass
from smbquic.options.quic import (
    GROUPS,
    LARGEST_DATAGRAM,
    SMALLEST_DATAGRAM,
    EngineOptions,
    ThreadOptions,
    TicketPolicy,
    TlsOptions,
)
from smbquic.transport.addresses import SocketAddress, is_loopback, is_private
from smbquic.transport.quic.connection_ids import ConnectionIdFormat
from smbquic.transport.quic.engine import DatagramSizes
from smbquic.transport.quic.interfaces import ethernet_payload, largest_payload
from smbquic.transport.quic.listener_keys import ListenerKeys

INTERNET_DATAGRAM = SMALLEST_DATAGRAM
LOOPBACK_DATAGRAM = LARGEST_DATAGRAM

_GROUP_NAMES = {number: name for name, number in GROUPS.items()}


def group_name(number: int | None) -> str:
    """Return the name of a group; empty if it is not known."""
    return _GROUP_NAMES.get(number or 0, "")


@dataclass(frozen=True, kw_only=True)
class QuicOptions(ThreadOptions, EngineOptions, TlsOptions):
    """Options of QUIC connections; sizes are in bytes, times in seconds.

    `window` is what the peer may send ahead of the application, with the engine qh3 up to three
    quarters more. `secrets_log` gets the TLS secrets in the format of SSLKEYLOGFILE, and `qlog` is
    a folder for one qlog file per connection. There may be `max_half_open` handshakes that are not
    complete. From half as many on, clients have to validate their addresses, and each address may
    have `max_half_open_of_address` then. `tickets` says which clients may resume their sessions.
    `connection_ids` is the format of those that a listener issues, and `keys` are its secret keys;
    processes that listen on one port need the same `keys`, and each a worker number of its own.
    """

    window: int = 16 << 20
    idle_timeout: float = 30.0
    keep_alive_interval: float = 10.0
    handshake_timeout: float = 10.0
    max_half_open: int = 256
    max_half_open_of_address: int = 64
    secrets_log: TextIO | None = None
    qlog: Path | None = None
    tickets: TicketPolicy = "auto"
    connection_ids: ConnectionIdFormat = field(default_factory=ConnectionIdFormat)
    keys: ListenerKeys = field(default_factory=ListenerKeys, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1 << 16:
            raise ValueError("window is at least 64 KiB")

    def sizes_to(
        self, address: SocketAddress, carried: Callable[[SocketAddress], int] = largest_payload
    ) -> DatagramSizes:
        """Return how large the datagrams to a peer's address may be.

        `carried` returns how much the interface to it carries.
        """
        size, ethernet = self.datagram_size, ethernet_payload(address)
        here = is_loopback(address)
        if size is None and here:
            size = LOOPBACK_DATAGRAM
        if size is not None:
            return DatagramSizes(size, size, ethernet, certain=here)
        most = max(INTERNET_DATAGRAM, min(carried(address), LARGEST_DATAGRAM))
        return DatagramSizes(INTERNET_DATAGRAM, most, ethernet, is_private(address))
