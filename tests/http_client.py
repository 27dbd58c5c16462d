"""A client of HTTP/1.1, for the web listener."""

import asyncio
from contextlib import suppress


class Client:
    """One connection; `headers` are those of the last response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str) -> "Client":
        if url.startswith("unix:"):
            return cls(*await asyncio.open_unix_connection(url.removeprefix("unix:")))
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def get(self, path: str, *lines: str, host: str = "127.0.0.1") -> tuple[int, str]:
        """Return the status and the body of a response."""
        request = "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *lines, "", ""])
        self.writer.write(request.encode())
        return await self.response()

    async def response(self) -> tuple[int, str]:
        status, self.headers = await self.head()
        return status, (await self.reader.readexactly(int(self.headers["content-length"]))).decode()

    async def head(self) -> tuple[int, dict[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(first.split()[1]), headers

    async def close(self) -> None:
        self.writer.close()
        # A server resets a connection that it aborts before it has read all that was sent.
        with suppress(ConnectionError):
            await self.writer.wait_closed()
