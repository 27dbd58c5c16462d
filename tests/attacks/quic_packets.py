"""QUIC packets with any frames in them, for attacks: aioquic's client does the handshake."""

import os
import socket
import ssl
import time

from aioquic.buffer import encode_uint_var
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream
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


def initial_packet(
    keys: CryptoPair,
    payload: bytes,
    *,
    destination: bytes,
    source: bytes,
    token: bytes = b"",
    number: int = 0,
    size: int = DATAGRAM,
) -> bytes:
    """Return a datagram of `size` bytes that is one Initial packet. [RFC9000] 17.2.2"""
    head = b"".join(
        (
            bytes([0xC0 | NUMBER_SIZE - 1]),
            VERSION.to_bytes(4, "big"),
            bytes([len(destination)]) + destination,
            bytes([len(source)]) + source,
            encode_uint_var(len(token)) + token,
        )
    )
    return _long_packet(keys, head, payload.ljust(size - len(head) - 22, b"\0"), number)


def handshake_packet(
    keys: CryptoPair, payload: bytes, *, destination: bytes, source: bytes, number: int
) -> bytes:
    """Return a datagram that is one Handshake packet. [RFC9000] 17.2.4"""
    head = b"".join(
        (
            bytes([0xE0 | NUMBER_SIZE - 1]),
            VERSION.to_bytes(4, "big"),
            bytes([len(destination)]) + destination,
            bytes([len(source)]) + source,
        )
    )
    return _long_packet(keys, head, payload.ljust(4, b"\0"), number)


def _long_packet(keys: CryptoPair, head: bytes, payload: bytes, number: int) -> bytes:
    size = NUMBER_SIZE + len(payload) + TAG_SIZE
    head += (0x4000 | size).to_bytes(2, "big") + number.to_bytes(NUMBER_SIZE, "big")
    packet: bytes = keys.encrypt_packet(head, payload, number)
    return packet


def initial_keys(destination: bytes) -> CryptoPair:
    """Return the keys that follow from the id that a client gives the server. [RFC9001] 5.2"""
    keys = CryptoPair()
    keys.setup_initial(destination, is_client=True, version=VERSION)
    return keys


class InitialPackets:
    """The Initial packets of one client, with any frames."""

    def __init__(self) -> None:
        self._destination, self._source = os.urandom(8), os.urandom(8)
        self._keys = initial_keys(self._destination)
        self._number = 0

    def make(self, payload: bytes) -> bytes:
        """Return a datagram of the size that they have to have."""
        packet = initial_packet(
            self._keys,
            payload,
            destination=self._destination,
            source=self._source,
            number=self._number,
        )
        self._number += 1
        return packet


class _Connection(QuicConnection):
    """Never raises its windows, if the test says so, and sends no IDs if its own has length 0."""

    raises_windows = True

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        if self.raises_windows:
            super()._write_connection_limits(builder=builder, space=space)

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream
    ) -> None:
        if self.raises_windows:
            super()._write_stream_limits(builder=builder, space=space, stream=stream)

    def _replenish_connection_ids(self) -> None:
        if self._configuration.connection_id_length:
            super()._replenish_connection_ids()


class RawClient:
    """A connection of aioquic's client, and packets of it with any frames; without a socket.

    With `window`, it takes so many bytes from the server and never more.
    """

    def __init__(
        self, port: int, *, connection_id_length: int = 8, window: int | None = None
    ) -> None:
        self._address = (HOST, port)
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=["smb"],
            server_name="localhost",
            verify_mode=ssl.CERT_NONE,
            connection_id_length=connection_id_length,
        )
        if window is not None:
            configuration.max_data = configuration.max_stream_data = window
        self._quic = _Connection(configuration=configuration)
        self._quic.raises_windows = window is None
        # aioquic makes the server's ID as long as its own, which is too short if that has none.
        first = os.urandom(8)
        self._quic._peer_cid.cid = self._quic._original_destination_connection_id = first
        self._quic.connect(self._address, now=time.monotonic())
        self._number = 1 << 20

    @property
    def completed(self) -> bool:
        """Whether the handshake is over and confirmed by the server."""
        return self._quic._handshake_confirmed

    @property
    def ended(self) -> bool:
        """Whether the server has ended the connection, as far as its packets say until now."""
        return self._quic._close_event is not None

    def can_send(self, epoch: Epoch) -> bool:
        """Whether there are keys for packets of this kind."""
        return bool(self._quic._cryptos[epoch].send.is_valid())

    def packet(self, epoch: Epoch, payload: bytes) -> bytes:
        """Return a datagram with these frames."""
        keys = self._quic._cryptos[epoch]
        destination, source = self._quic._peer_cid.cid, self._quic.host_cid
        number, self._number = self._number, self._number + 1
        if epoch is Epoch.INITIAL:
            return initial_packet(
                keys,
                payload,
                destination=destination,
                source=source,
                token=self._quic._peer_token,
                number=number,
            )
        if epoch is Epoch.HANDSHAKE:
            return handshake_packet(
                keys, payload, destination=destination, source=source, number=number
            )
        first = 0x40 | keys.key_phase << 2 | NUMBER_SIZE - 1
        head = bytes([first]) + destination + number.to_bytes(NUMBER_SIZE, "big")
        packet: bytes = keys.encrypt_packet(head, payload.ljust(4, b"\0"), number)
        return packet

    def ask(self, data: bytes) -> None:
        """Open stream 0 and send this on it, with what is `due` from now on."""
        self._quic.send_stream_data(0, data)

    def due(self) -> list[bytes]:
        """Return the datagrams that aioquic itself wants to send by now."""
        now = time.monotonic()
        timer = self._quic.get_timer()
        if timer is not None and timer <= now:
            self._quic.handle_timer(now)
        return [datagram for datagram, _ in self._quic.datagrams_to_send(now)]

    def receive(self, datagram: bytes) -> None:
        """Take what the server has sent."""
        self._quic.receive_datagram(datagram, self._address, time.monotonic())

    def close(self) -> None:
        """End the connection as a client does that has done what it came for."""
        self._quic.close()


class UnauthenticatedClient:
    """A client that has completed the handshake with a server, and sends what it wants then."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HOST, port))
        self._socket.settimeout(0.01)
        self._client = RawClient(port)
        self._wait_for_handshake()

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    @property
    def ended(self) -> bool:
        """Whether the server has ended the connection, as far as its packets say until now."""
        self.listen()
        return self._client.ended

    def listen(self) -> None:
        """Take what the server has sent so far."""
        while self._exchange():
            pass

    def send(self, payload: bytes) -> None:
        """Send a packet with these frames."""
        self._socket.send(self._client.packet(Epoch.ONE_RTT, payload))

    def _wait_for_handshake(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self._client.completed:
            if time.monotonic() > end or self._client.ended:
                raise ConnectionError("the server did not complete the handshake")
            self._exchange()

    def _exchange(self) -> bool:
        """Send what is due, and take a datagram; whether one came."""
        for datagram in self._client.due():
            self._socket.send(datagram)
        try:
            datagram = self._socket.recv(65536)
        except (TimeoutError, ConnectionError):
            return False
        self._client.receive(datagram)
        return True
