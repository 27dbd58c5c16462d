"""Messages that are changed on their way between a client and a server."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import smbquic
from smbquic.pki import PkiDirectory
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, MessageTransport

Tamper = Callable[[int, bytes], list[bytes]]
"""Gets the number of a message from the server, and it; gives what the client gets instead."""


class Middle:
    """Somebody between a client and a server, over either transport."""

    def __init__(self, url: str, pki: PkiDirectory) -> None:
        self._url = smbquic.SmbUrl.parse(url)
        self._pki = pki
        self._listener: Listener
        self.tamper: Tamper = lambda index, message: [message]

    async def listen(self) -> str:
        if self._url.transport == "tcp":
            self._listener = await tcp.listen("127.0.0.1", 0, self._serve)
        else:
            identity = quic.ServerTls(self._pki.server.certificate, self._pki.server.key)
            self._listener = await quic.listen("127.0.0.1", 0, self._serve, certificate=identity)
        port = self._listener.url.rpartition(":")[2]
        return str(self._url).replace(str(self._url.port), port)

    async def close(self) -> None:
        await self._listener.close()

    async def _serve(self, client: MessageTransport) -> None:
        if self._url.transport == "tcp":
            server = await tcp.connect("127.0.0.1", self._url.port)
        else:
            trust = quic.ClientTls(ca=self._pki.ca)
            server = await quic.connect("127.0.0.1", self._url.port, trust=trust)

        async def there() -> None:
            with suppress(smbquic.SmbError):
                while True:
                    await server.send(await client.receive())
            server.close()

        async def back() -> None:
            index = 0
            with suppress(smbquic.SmbError):
                while True:
                    message = await server.receive()
                    for changed in self.tamper(index, bytes(message)):
                        await client.send(changed)
                    index += 1
            client.close()

        await asyncio.gather(there(), back())
        await server.wait_closed()


def damaged(message: bytes, chance: random.Random) -> list[bytes]:
    """One of many ways to spoil a message."""
    other = chance.randbytes(8)
    at = chance.randrange(64)

    def replaced(start: int, data: bytes) -> bytes:
        return message[:start] + data + message[start + len(data) :]

    ways: list[Callable[[], list[bytes]]] = [
        lambda: [],
        lambda: [message, message],
        lambda: [message[: chance.randrange(len(message))]],
        lambda: [message + chance.randbytes(50)],
        lambda: [chance.randbytes(len(message))],
        lambda: [b""],
        lambda: [replaced(chance.randrange(len(message)), other[:1])],
        lambda: [replaced(at, other[:1])],
        lambda: [replaced(64 + at, other[:1])],
        lambda: [replaced(64 + at, other)],
        lambda: [replaced(8, other[:4])],  # Status
        lambda: [replaced(12, other[:2])],  # Command
        lambda: [replaced(14, bytes(2))],  # no credits
        lambda: [replaced(16, bytes(4))],  # a request
        lambda: [replaced(20, other[:4])],  # NextCommand
        lambda: [replaced(24, other)],  # MessageId
        lambda: [replaced(24, b"\xff" * 8)],  # unsolicited
        lambda: [replaced(40, other)],  # SessionId
        lambda: [replaced(48, bytes(16))],  # no signature
        lambda: [bytes(9 << 20)],
    ]
    return chance.choice(ways)()
