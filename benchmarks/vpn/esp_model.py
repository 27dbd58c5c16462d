"""A model of an IPsec VPN: ``python -m benchmarks.vpn.esp_model INNER-ADDRESS PEER|- PORT``.

Each packet goes into one UDP datagram with what ESP in UDP with AES-128-GCM adds ([RFC3948],
[RFC4106]): SPI, sequence number, an IV of 8 bytes, padding to 4 bytes, two bytes of trailer, a tag
of 16. No key exchange, no replay window: it has a VPN's bytes on the wire and its cryptography,
and that is all. The key comes as hexadecimal digits on standard input. Without a peer it answers
to where the last good packet came from.
"""

import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DEVICE = "vpn0"
SPI = 0x5EC0DE
HEADER = struct.Struct("!IIQ")
TAG, UDP_AND_IP = 16, 28
MTU = (1500 - UDP_AND_IP - HEADER.size - TAG) // 4 * 4 - 2
"""The largest packet whose datagram fills the outer MTU."""

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_BATCH = 64


class Seal:
    """Encrypts and decrypts packets. `salt` differs between the two directions."""

    def __init__(self, key: bytes, *, client: bool) -> None:
        self._cipher = AESGCM(key)
        self._salts = (b"clnt", b"srvr") if client else (b"srvr", b"clnt")
        self._sequence = 0

    def seal(self, packet: bytes) -> bytes:
        """A packet as a datagram's payload."""
        self._sequence += 1
        padding = -(len(packet) + 2) % 4
        header = HEADER.pack(SPI, self._sequence & 0xFFFFFFFF, self._sequence)
        plain = packet + bytes(range(1, padding + 1)) + bytes((padding, 4))
        nonce = self._salts[0] + header[8:]
        return header + self._cipher.encrypt(nonce, plain, header[:8])

    def open(self, datagram: bytes) -> bytes | None:
        """The packet in a datagram's payload; None if it is not one of ours."""
        if len(datagram) < HEADER.size + TAG + 2:
            return None
        nonce = self._salts[1] + datagram[8:16]
        try:
            plain = self._cipher.decrypt(nonce, datagram[16:], datagram[:8])
        except InvalidTag:
            return None
        end = len(plain) - 2 - plain[-2]
        return plain[:end] if end >= 0 else None


def open_device(address: str) -> int:
    """A TUN device with this address, set up; its descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    commands = (
        f"address add {address}/24 dev {DEVICE}\nlink set {DEVICE} mtu {MTU} txqueuelen 10000 up\n"
    )
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, check=True)
    return device


def carry(device: int, outer: socket.socket, seal: Seal, peer: tuple[str, int] | None) -> None:
    """Forward until the process is ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(device, selectors.EVENT_READ)
        selector.register(outer, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                try:
                    for _ in range(_BATCH):
                        if key.fileobj is outer:
                            datagram, source = outer.recvfrom(2048)
                            packet = seal.open(datagram)
                            if packet is not None:
                                peer = source
                                os.write(device, packet)
                        else:
                            packet = os.read(device, 2048)
                            if peer is not None:
                                outer.sendto(seal.seal(packet), peer)
                except BlockingIOError:
                    continue


def main(address: str, peer: str, port: str) -> None:
    """See the module's docstring."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    key = bytes.fromhex(sys.stdin.readline())
    device = open_device(address)
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    outer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    outer.setblocking(False)
    outer.bind(("", int(port)))
    print("ready", flush=True)
    client = peer != "-"
    carry(device, outer, Seal(key, client=client), (peer, int(port)) if client else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
