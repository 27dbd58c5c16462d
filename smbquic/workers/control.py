"""The control connection between the main process and a worker: lines of JSON, both ways."""

import asyncio
import json
import socket
from typing import Any

QUEUE_LIMIT = 1 << 20
"""Bytes that wait to be sent to a main process that is busy; beyond it, records are lost."""
LINE_LIMIT = 64 << 20
"""Bytes of a line from the main process: the settings of a worker have all certificates."""


class ControlChannel:
    """One end of a control connection. `lost` counts what `offer` has not sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.lost = 0

    @classmethod
    async def open(cls, sock: socket.socket, limit: int) -> "ControlChannel":
        """Return the channel over one of a pair of sockets, which it closes later.

        `limit` is the most bytes of a line from the other end.
        """
        sock.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=sock, limit=limit))

    def send(self, what: str, value: Any = None) -> None:
        """Send one line, if the other end is still there."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps([what, value]).encode() + b"\n")

    def offer(self, what: str, value: Any) -> None:
        """Send one line, unless much waits to be sent."""
        if self._writer.transport.get_write_buffer_size() > QUEUE_LIMIT:
            self.lost += 1
        else:
            self.send(what, value)

    async def receive(self) -> tuple[str, Any] | None:
        """Wait for one line; return None once the other end has closed or is gone."""
        try:
            what, value = json.loads(await self._reader.readline())
        except (OSError, ValueError, TypeError):
            return None
        return str(what), value

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()
