"""The native QUIC engine: one connection with one stream, without I/O.

Sizes are in bytes. `now` is any clock in seconds that never goes back, such as `time.monotonic()`.
"""

from collections.abc import Callable
from typing import Protocol

class Answers(Protocol):
    """Answers what a connection asks during its handshake."""

    def new_id(self) -> bytes: ...
    def reset_token(self, connection_id: bytes, /) -> bytes: ...
    def verify(self, chain: list[bytes], /) -> tuple[int, str] | None: ...
    def choose(self, server_name: str, /) -> ServerConfig | tuple[int, str]: ...
    def refuse(self, kind: str, detail: str, /) -> tuple[int, str]: ...
    def keep(self, ticket: Ticket, /) -> None: ...

class Ticket:
    """A session of a client, to be resumed once."""

class ClientConfig:
    """TLS of a client."""

    def __new__(
        cls,
        *,
        alpn: bytes,
        ciphers: list[str],
        groups: list[str],
        verify: str,
        roots: bytes,
        certificate: bytes,
        key: bytes,
        secrets_log: Callable[[str], object] | None,
    ) -> ClientConfig: ...

class ServerConfig:
    """TLS of a server with one certificate."""

    def __new__(
        cls,
        *,
        alpn: bytes,
        ciphers: list[str],
        groups: list[str],
        certificate: bytes,
        key: bytes,
        ask: bool,
        ticket_key: bytes | None,
        always_tickets: bool,
        secrets_log: Callable[[str], object] | None,
    ) -> ServerConfig: ...

class Settings:
    """The settings of a connection that have nothing to do with TLS."""

    def __new__(
        cls,
        *,
        is_client: bool,
        window: int,
        receive_window: int,
        idle_timeout: float,
        congestion: str,
        datagram_size: int,
        smallest_datagram: int,
        largest_datagram: int,
        id_size: int,
    ) -> Settings: ...

Read = tuple[list[bytes | bytearray], int]
"""Pieces of the stream, and how many bytes were read for them."""
SegmentBatch = tuple[bytes | bytearray, int, int, int]
"""Datagrams of one size, of which the last may be shorter: bytes, size, address, ECN bits."""

class Connection:
    """One QUIC connection. Methods raise `RuntimeError` once it is freed, or has panicked."""

    @staticmethod
    def client(
        config: ClientConfig, settings: Settings, answers: Answers, ticket: Ticket | None
    ) -> Connection: ...
    @staticmethod
    def server(
        settings: Settings,
        answers: Answers,
        retry: tuple[bytes, bytes] | None,
    ) -> Connection: ...
    def connect(self, server_name: str, now: float) -> None: ...
    def add_address(self, host: str, port: int, scope: int) -> int: ...
    def receive(
        self,
        data: bytes,
        size: int,
        address: int,
        now: float,
        ecn: int,
        room: int,
        largest: int,
    ) -> tuple[Read, bool]: ...
    def read(self, room: int, largest: int) -> tuple[Read, bool]: ...
    def write(self, buffer: bytes | bytearray | memoryview) -> int: ...
    def datagrams(self, now: float) -> tuple[list[SegmentBatch], int, bool]: ...
    def timer(self) -> float | None: ...
    def tick(self, now: float) -> bool: ...
    def set_receive_window(self) -> None: ...
    def ping(self) -> None: ...
    def close(self, code: int, reason: str, now: float) -> None: ...
    def update_keys(self) -> None: ...
    def free(self) -> None: ...
    def statistics(self) -> tuple[float | None, int, int, int]: ...
    @property
    def security(self) -> tuple[str, str, str, bool, list[bytes], str] | None: ...
    @property
    def claims(self) -> tuple[str, list[bytes]]: ...
    @property
    def close_reason(self) -> tuple[str, int, str] | None: ...
    @property
    def datagram_size(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    @property
    def partial(self) -> int: ...
    @property
    def begun(self) -> bool: ...
    @property
    def terminated(self) -> bool: ...
    @property
    def finished(self) -> bool: ...
    @property
    def reset(self) -> bool: ...
    @property
    def unacknowledged(self) -> int: ...
    @property
    def key_phase(self) -> int: ...
    @property
    def peer_idle_timeout(self) -> int: ...
