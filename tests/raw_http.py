"""A client of a small HTTP server that sends any bytes."""

import asyncio


class RawHttpClient:
    """One connection to a port of this machine, from 127.0.0.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connected(cls, port: int, host: str = "127.0.0.1") -> "RawHttpClient":
        return cls(*await asyncio.open_connection(host, port, local_addr=("127.0.0.1", 0)))

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def abort(self) -> None:
        self._writer.transport.abort()

    async def answer(self) -> bytes:
        """Return everything until the end of the connection; nothing where it was reset."""
        try:
            async with asyncio.timeout(60):
                return await self._reader.read()
        except ConnectionError:
            return b""
        finally:
            self.abort()


async def exchange(port: int, request: bytes) -> bytes:
    """Send a request; return all that comes before the end of the connection."""
    client = await RawHttpClient.connected(port)
    client.send(request)
    return await client.answer()
