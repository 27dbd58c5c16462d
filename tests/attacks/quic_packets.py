"""QUIC packets with any frames in them, for attacks: aioquic's client does the handshake."""

import os
import socket
import ssl
import time

from aioquic.buffer import encode_uint_var
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.events import HandshakeCompleted
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import Epoch

HOST = "127.0.0.1"
VERSION = QuicProtocolVersion.VERSION_1
NUMBER_SIZE, TAG_SIZE = 4, 16
DATAGRAM = 1200
PATIENCE = 30.0


def crypto_frame(offset: int, data: bytes) -> bytes:
    """Return a CRYPTO frame. [RFC9000] 19.6"""
    return b"\x06" + encode_uint_var(offset) + encode_uint_var(len(data)) + data


def stream_frame(offset: int, data: bytes) -> bytes:
    """Return a STREAM frame of stream 0. [RFC9000] 19.8"""
    return b"\x0e\x00" + encode_uint_var(offset) + encode_uint_var(len(data)) + data


def packed(frames: list[bytes], size: int = DATAGRAM - 80) -> list[bytes]:
    """Return payloads of at most `size` bytes with all the frames, in order."""
    payloads, payload = [], b""
    for frame in frames:
        if len(payload) + len(frame) > size:
            payloads.append(payload)
            payload = b""
        payload += frame
    return [*payloads, payload]


class Initials:
    """The Initial packets of one client, with any frames. [RFC9001] 5.2"""

    def __init__(self) -> None:
        self._destination, self._source = os.urandom(8), os.urandom(8)
        self._crypto = CryptoPair()
        self._crypto.setup_initial(self._destination, is_client=True, version=VERSION)
        self._number = 0

    def make(self, payload: bytes) -> bytes:
        """Return a datagram of the size that they have to have."""
        head = b"".join(
            (
                bytes([0xC0 | NUMBER_SIZE - 1]),
                VERSION.to_bytes(4, "big"),
                bytes([len(self._destination)]) + self._destination,
                bytes([len(self._source)]) + self._source,
                b"\0",
            )
        )
        size = DATAGRAM - len(head) - 2
        number = self._number.to_bytes(NUMBER_SIZE, "big")
        head += (0x4000 | size).to_bytes(2, "big") + number
        padded = payload.ljust(size - NUMBER_SIZE - TAG_SIZE, b"\0")
        packet: bytes = self._crypto.encrypt_packet(head, padded, self._number)
        self._number += 1
        return packet


class Stranger:
    """A client that has completed the handshake with a server, and sends what it wants then."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HOST, port))
        self._socket.settimeout(0.01)
        self._quic = QuicConnection(
            configuration=QuicConfiguration(
                is_client=True,
                alpn_protocols=["smb"],
                server_name="localhost",
                verify_mode=ssl.CERT_NONE,
            )
        )
        self._quic.connect((HOST, port), now=time.monotonic())
        self._port = port
        self._number = 1 << 20
        self._wait_for_handshake()

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    @property
    def ended(self) -> bool:
        """Whether the server has ended the connection, as far as its packets say until now."""
        self.listen()
        return self._quic._close_event is not None

    def listen(self) -> None:
        """Take what the server has sent so far."""
        while self._exchange():
            pass

    def send(self, payload: bytes) -> None:
        """Send a packet with these frames."""
        crypto = self._quic._cryptos[Epoch.ONE_RTT]
        first = 0x40 | crypto.key_phase << 2 | NUMBER_SIZE - 1
        number = self._number.to_bytes(NUMBER_SIZE, "big")
        head = bytes([first]) + self._quic._peer_cid.cid + number
        self._socket.send(crypto.encrypt_packet(head, payload.ljust(4, b"\0"), self._number))
        self._number += 1

    def _wait_for_handshake(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self._is_established():
            if time.monotonic() > end or self._quic._close_event is not None:
                raise ConnectionError("the server did not complete the handshake")
            self._exchange()

    def _is_established(self) -> bool:
        while (event := self._quic.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self._exchange()
                return True
        return False

    def _exchange(self) -> bool:
        """Send what is due, and take a datagram; whether one came."""
        now = time.monotonic()
        due = self._quic.get_timer()
        if due is not None and due <= now:
            self._quic.handle_timer(now)
        for datagram, _ in self._quic.datagrams_to_send(now):
            self._socket.send(datagram)
        try:
            datagram = self._socket.recv(65536)
        except (TimeoutError, ConnectionError):
            return False
        self._quic.receive_datagram(datagram, (HOST, self._port), time.monotonic())
        return True
