"""Where the output of a verb goes: standard output, or a command of this machine."""

import sys

from smbquic.cli.content import write_output
from smbquic.client.streams import write_all
from smbquic.wire.cursor import Buffer

BLOCK = 1 << 16
"""Bytes of lines that are written at once."""


class ReaderGone(Exception):  # noqa: N818  (an end, not an error)
    """Raised when the command that reads the output has ended: nobody needs the rest."""


class Output:
    """Standard output. Waiting for it does not hold up the event loop."""

    def __init__(self) -> None:
        self._lines = bytearray()

    async def line(self, text: str) -> None:
        """Write a line of text, which has only printable characters."""
        self._lines += f"{text}\n".encode(sys.stdout.encoding, "backslashreplace")
        if len(self._lines) >= BLOCK:
            await self.flush()

    async def write(self, data: Buffer) -> None:
        """Write some of the content of a file, as it is."""
        await self.flush()
        await self._send(data)

    async def flush(self) -> None:
        """Write the lines that are kept."""
        if self._lines:
            lines, self._lines = self._lines, bytearray()
            await self._send(lines)

    async def _send(self, data: Buffer) -> None:
        await write_output(data)


class PipeOutput(Output):
    """A pipe to a command of this machine."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    async def _send(self, data: Buffer) -> None:
        try:
            await write_all(self._descriptor, data)
        except BrokenPipeError:
            raise ReaderGone from None
