"""Takes announcements of connection IDs out of the packets that qh3's core has made.

The core makes up random IDs and announces them to its peer (NEW_CONNECTION_ID). Where the IDs of a
server name it or its worker, datagrams with a random ID would come to another one. The core takes
no IDs from others, does not leave the frames out, and knows its own IDs only. So the frames are
replaced by PING and PADDING before the packets are sent. A client then has the one ID of the
handshake, which it keeps when its address changes; a server need not offer more ([RFC9000] 5.1.1).
"""

from typing import Any

from qh3._hazmat import (
    AeadAes128Gcm,
    AeadAes256Gcm,
    AeadChaCha20Poly1305,
    CryptoError,
    decode_packet_number,
    pull_quic_header,
)
from qh3.quic.packet import QuicPacketType

from smbquic.crypto.header_protection import SAMPLE_SIZE, header_mask

LOOKS_AT = 64
"""1-RTT packets that are looked at after the last one with an announcement: the core may send it
again if a packet is lost. That is more than two round trips of a connection that has just begun."""

_AEADS: dict[str, Any] = {
    "aes-128-gcm": AeadAes128Gcm,
    "aes-256-gcm": AeadAes256Gcm,
    "chacha20-poly1305": AeadChaCha20Poly1305,
}
_FRAME_HEAD, _TOKEN_SIZE = 4, 16
"""Bytes of a NEW_CONNECTION_ID frame before the ID and after it ([RFC9000] 19.15): type, sequence
number, Retire Prior To and length; a core issues too few for longer integers."""
_PING = b"\x01"
_LONGEST_NUMBER = 4
"""Bytes of a packet number, as far as the sample is concerned."""


class Announcements:
    """The announcements of one core, which are taken out of its packets.

    `key` is what the core was given to encrypt 1-RTT packets: the names of the algorithms, key, IV
    and header protection key. `peer_id_size` is the length of the peer's connection IDs.
    """

    def __init__(self, key: tuple[Any, ...], peer_id_size: int) -> None:
        (aead, protection), secret, iv, header_key, *_ = key
        self._aead = _AEADS[aead](secret, iv)
        self._mask = header_mask(header_key, chacha20=protection == "chacha20")
        self._number_at = 1 + peer_id_size
        self._next_number = 0
        self._ids: list[bytes] = []
        self._looks = 0

    @property
    def pending(self) -> bool:
        """Whether packets may still have announcements."""
        return self._looks > 0

    def hide(self, connection_id: bytes) -> None:
        """Take this ID of the core out of the packets from now on."""
        self._ids.append(_with_length(connection_id))
        self._looks = LOOKS_AT

    def forget(self, connection_id: bytes) -> None:
        """Look no more for an ID, which the peer has retired although it was not announced."""
        self._ids.remove(_with_length(connection_id))

    def taken_out(self, datagram: bytes) -> bytes:
        """Return a datagram without announcements."""
        start = 0
        while start < len(datagram):
            header = pull_quic_header(datagram, start, self._number_at - 1)
            if header[1] == QuicPacketType.ONE_RTT:
                # It has no length, so it is the last one of the datagram ([RFC9000] 12.2).
                return datagram[:start] + self._packet(datagram[start:])
            start = header[9]
        return datagram

    def _packet(self, packet: bytes) -> bytes:
        self._looks -= 1
        number_at = self._number_at
        mask = self._mask(_sample(packet, number_at))
        first = packet[0] ^ mask[0] & 0x1F
        size = 1 + (first & 3)
        truncated = _xor(packet[number_at : number_at + size], mask[1:])
        header = bytes([first]) + packet[1:number_at] + truncated
        number = decode_packet_number(int.from_bytes(truncated, "big"), 8 * size, self._next_number)
        try:
            frames = self._aead.decrypt(number, packet[len(header) :], header)
        except CryptoError:
            # The peer has updated the keys, long after the IDs were announced.
            return packet
        self._next_number = number + 1
        remaining = self._without_announcements(frames)
        if remaining == frames:
            return packet
        self._looks = LOOKS_AT
        # The nonce is used a second time, but what was encrypted with it before is not sent.
        packet = header + self._aead.encrypt(number, remaining, header)
        mask = self._mask(_sample(packet, number_at))
        protected = (
            bytes([first ^ mask[0] & 0x1F]) + packet[1:number_at] + _xor(truncated, mask[1:])
        )
        return protected + packet[len(header) :]

    def _without_announcements(self, frames: bytes) -> bytes:
        for each in self._ids:
            # Nothing else has these random bytes.
            at = frames.find(each)
            if at >= 0:
                start = at + 1 - _FRAME_HEAD
                end = at + len(each) + _TOKEN_SIZE
                # The peer has to acknowledge a PING as it would have the frame.
                frames = frames[:start] + _PING + bytes(end - start - 1) + frames[end:]
        return frames


def _with_length(connection_id: bytes) -> bytes:
    return bytes([len(connection_id)]) + connection_id


def _sample(packet: bytes, number_at: int) -> bytes:
    """Return what the header protection depends on ([RFC9001] 5.4.2)."""
    start = number_at + _LONGEST_NUMBER
    return packet[start : start + SAMPLE_SIZE]


def _xor(data: bytes, mask: bytes) -> bytes:
    # The mask may be longer.
    return bytes(one ^ two for one, two in zip(data, mask, strict=False))
