"""Listens in on a TCP connection, and writes down what was said as a capture file."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 30.0
CLIENT_PORT, SERVER_PORT = 49152, 445
"""In the capture it is always port 445: only there Wireshark takes SMB's framing as it is."""
_SEGMENT = 32_768
_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFFFFFF, 101)
_PACKET_HEADER = struct.Struct("<IIII")
_IP = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")
_LOOPBACK = bytes([127, 0, 0, 1])


class Tap:
    """A port that leads to another one. Takes one connection."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self.said: list[tuple[bool, bytes]] = []
        """Whether the client said it, and what; in the order in which it was heard."""
        self._thread = threading.Thread(target=self._forward)
        self._thread.start()

    def _forward(self) -> None:
        with self._listener:
            client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            back = threading.Thread(target=self._pump, args=(server, client, False))
            back.start()
            self._pump(client, server, True)
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, by_client: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := source.recv(_SEGMENT):
                self.said.append((by_client, data))
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def join(self) -> None:
        """Wait until both sides have closed the connection; nobody may come any more."""
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def write(self, file: Path) -> None:
        """Write a capture file: what was said, in TCP segments as they could have been."""
        sequence = {True: 1, False: 1}
        with file.open("wb") as output:
            output.write(_FILE_HEADER)
            for index, (by_client, data) in enumerate(self.said):
                ports = (CLIENT_PORT, SERVER_PORT) if by_client else (SERVER_PORT, CLIENT_PORT)
                tcp = _TCP.pack(
                    *ports, sequence[by_client], sequence[not by_client], 5 << 4, 0x18, 0xFFFF, 0, 0
                )
                size = _IP.size + len(tcp) + len(data)
                ip = _IP.pack(0x45, 0, size, index & 0xFFFF, 0, 64, 6, 0, _LOOPBACK, _LOOPBACK)
                output.write(_PACKET_HEADER.pack(index // 1_000_000, index % 1_000_000, size, size))
                output.write(ip + tcp + data)
                sequence[by_client] += len(data)


@contextlib.contextmanager
def tapped(server_port: int, file: Path) -> Iterator[int]:
    """A port that leads to `server_port`; afterwards, `file` holds what was said."""
    tap = Tap(server_port)
    try:
        yield tap.port
    finally:
        tap.join()
    tap.write(file)
