"""Asks a server for its QUIC versions, with a version that does not exist. [RFC9000] 6"""

import asyncio
import os
import struct
from typing import Any

from smbquic.transport.addresses import Address

KNOWN = {1: "1", 0x6B3343CF: "2"}
"""The versions that this client supports. [RFC9000] 15, [RFC9369] 3.1"""
_NO_VERSION = 0x1A2A3A4A
"""Reserved to make servers send a Version Negotiation packet. [RFC9000] 15"""
_DATAGRAM = 1200
"""A server ignores the first datagram of a client if it is smaller. [RFC9000] 14.1"""
_UDP_TRIES = 3


class _VersionQuery(asyncio.DatagramProtocol):
    """Waits for a Version Negotiation packet. [RFC9000] 17.2.1"""

    def __init__(self) -> None:
        self.answer: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        versions = parse(data)
        if versions is not None and not self.answer.done():
            self.answer.set_result(versions)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def query(address: Address, wait: float) -> list[int] | None:
    """Return the versions that a server supports, None if there is no answer in `wait` seconds.

    Raises `OSError`, such as `ConnectionRefusedError` where nobody has the port.
    """
    transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
        _VersionQuery, remote_addr=address.endpoint, family=address.family
    )
    ids = b"\x08" + os.urandom(8) + b"\x08" + os.urandom(8)
    datagram = (b"\xc0" + struct.pack(">I", _NO_VERSION) + ids).ljust(_DATAGRAM, b"\0")
    try:
        for _ in range(_UDP_TRIES):
            transport.sendto(datagram)
            done, _ = await asyncio.wait([question.answer], timeout=wait / _UDP_TRIES)
            if done:
                return question.answer.result()
        return None
    finally:
        question.answer.cancel()
        transport.close()


def parse(data: bytes) -> list[int] | None:
    """Return the versions in a Version Negotiation packet, None for any other datagram."""
    if len(data) < 7 or not data[0] & 0x80 or data[1:5] != bytes(4):
        return None
    # Behind the version stand both connection IDs, each with its length in front.
    at = 6 + data[5]
    at += 1 + data[at] if at < len(data) else 1
    rest = data[at:]
    if not rest or len(rest) % 4:
        return None
    return [version for (version,) in struct.iter_unpack(">I", rest)]
