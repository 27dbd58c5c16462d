"""The share of a link that headers leave for the files, by arithmetic alone.

The link counts IP packets, as the emulator does: Ethernet's frames are no part of it. A packet of
`size` bytes carries `carried` bytes of the stream that SMB messages are in, and each message of
SMB carries a chunk of the file behind headers of its own. Acknowledgements travel the other way.
"""

from dataclasses import dataclass
from typing import Literal, Self

CHUNK = 1 << 20
"""Bytes of a file that each READ or WRITE of our client moves; a test holds this to it."""
MTU = 1500
IPV4, UDP, TCP, TIMESTAMPS = 20, 8, 20, 12
# [RFC9001] 5.3, and a short header ([RFC9000] 17.3.1) before its packet number.
AEAD_TAG, FLAGS, CONNECTION_ID = 16, 1, 8
# [RFC9000] 19.8: type, stream id, offset (four bytes from 16 KiB on), length.
STREAM_FRAME = 1 + 1 + 4 + 2
PACKET_NUMBER = {"aioquic": 2, "qh3": 4, "native": 2}
"""Bytes of the packet number; the native engine writes one where that is enough."""
# [MS-SMB2] 2.1, 2.2.1, 2.2.20 (READ response), 2.2.21 (WRITE request), 2.2.41.
PREFIX, SMB2_HEADER, READ_RESPONSE, WRITE_REQUEST, TRANSFORM_HEADER = 4, 64, 16, 48, 52


@dataclass(frozen=True, slots=True)
class Headers:
    """A full packet: `size` bytes from the IP header on, of which `carried` belong to SMB."""

    size: int
    carried: int
    formula: str

    @classmethod
    def tcp(cls) -> Self:
        """TCP with time stamps over IPv4."""
        headers = IPV4 + TCP + TIMESTAMPS
        return cls(MTU, MTU - headers, f"{MTU} - IP {IPV4} - TCP {TCP + TIMESTAMPS}")

    @classmethod
    def quic(cls, datagram: int, engine: Literal["aioquic", "qh3", "native"]) -> Self:
        """One stream in datagrams of this size."""
        short = FLAGS + CONNECTION_ID + PACKET_NUMBER[engine]
        size = IPV4 + UDP + datagram
        return cls(
            size,
            datagram - short - AEAD_TAG - STREAM_FRAME,
            f"{size} - IP {IPV4} - UDP {UDP} - short header {short} - AEAD {AEAD_TAG}"
            f" - STREAM {STREAM_FRAME}",
        )

    @classmethod
    def tunnelled(cls, mtu: int, around: int) -> Self:
        """TCP in a VPN whose device has this MTU and that puts so much around each packet."""
        inner = IPV4 + TCP + TIMESTAMPS
        size = mtu + around
        return cls(
            size,
            mtu - inner,
            f"{size} - VPN {around} - IP {IPV4} - TCP {TCP + TIMESTAMPS}",
        )

    def share(self, message: int = 0) -> float:
        """Return the share left for the files where `message` bytes precede each chunk."""
        return self.carried / self.size * CHUNK / (CHUNK + message)


def message_headers(work: str, *, encrypted: bool) -> int:
    """Bytes in front of a chunk's data in ``bulk-read`` or ``bulk-write``."""
    body = READ_RESPONSE if work == "bulk-read" else WRITE_REQUEST
    return PREFIX + SMB2_HEADER + body + (TRANSFORM_HEADER if encrypted else 0)
