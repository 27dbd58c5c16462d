"""A back end that notes what it is sent before a logon: `recording.py PORT`, of a server.

It passes each connection on to that server of this machine, unchanged, and reads the messages until
a logon has succeeded; its checks share no code with the gateway. It prints its own port first, and
at the end of its standard input what it has noted, as JSON.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

NEGOTIATE, SESSION_SETUP, LOGOFF, CANCEL, ECHO = 0, 1, 2, 12, 13
OF_A_LOGON = {NEGOTIATE, SESSION_SETUP, LOGOFF, CANCEL, ECHO}
LARGEST = 128 << 10
"""Bytes that a message before a logon may have."""
MOST_FAULTS = 20
PIECE = 1 << 20


@dataclass
class Record:
    """What came of all connections: their messages and bytes before a logon, and what is wrong."""

    connections: int = 0
    logged_on: int = 0
    commands: dict[str, int] = field(default_factory=dict)
    bytes_before: int = 0
    largest_before: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)


def commands_of(message: bytes) -> list[int]:
    """The commands of the requests in a message. [MS-SMB2] 2.2.1.2. Raises ValueError."""
    commands = []
    while True:
        size = int.from_bytes(message[4:6], "little")
        if len(message) < 64 or message[:4] != b"\xfeSMB" or size != 64:
            raise ValueError(f"no SMB 2 header: {message[:16].hex()}")
        if message[16] & 1:
            raise ValueError("a response in place of a request")
        commands.append(int.from_bytes(message[12:14], "little"))
        following = int.from_bytes(message[20:24], "little")
        if not following:
            return commands
        message = message[following:]


def is_negotiate(message: bytes) -> bool:
    """Whether a message is one well-formed NEGOTIATE. [MS-SMB2] 2.2.3"""
    body = message[64:]
    dialects = int.from_bytes(body[2:4], "little")
    return (
        commands_of(message) == [NEGOTIATE]
        and body[:2] == (36).to_bytes(2, "little")
        and 0 < dialects <= 64
        and len(body) >= 36 + 2 * dialects
    )


class Passing:
    """One connection, and that to the server."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.logged_on = False
        self.messages = 0

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.logged_on:
            prefix = await reader.readexactly(4)
            size = int.from_bytes(prefix, "big")
            if not self.logged_on and size > LARGEST:
                self.record.fault(f"a message of {size} bytes before a logon")
            message = await reader.readexactly(size)
            if not self.logged_on:
                self._note(message)
            writer.write(prefix + message)
        await _pass(reader, writer)

    def _note(self, message: bytes) -> None:
        record = self.record
        record.bytes_before += len(message)
        record.largest_before = max(record.largest_before, len(message))
        try:
            commands = commands_of(message)
            for command in map(str, commands):
                record.commands[command] = record.commands.get(command, 0) + 1
            if not self.messages and not is_negotiate(message):
                record.fault(f"it begins with {message[:100].hex()}")
            if not set(commands) <= OF_A_LOGON:
                record.fault(f"the commands {commands} before a logon")
        except (ValueError, IndexError) as error:
            record.fault(str(error))
        self.messages += 1

    async def responses(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.logged_on:
            prefix = await reader.readexactly(4)
            message = await reader.readexactly(int.from_bytes(prefix, "big"))
            command, status = message[12:14], message[8:12]
            if command == SESSION_SETUP.to_bytes(2, "little") and not any(status):
                self.logged_on = True
                self.record.logged_on += 1
            writer.write(prefix + message)
        await _pass(reader, writer)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()


async def serve(port: int) -> Record:
    """Pass connections on until the end of standard input."""
    record = Record()
    ended = asyncio.Event()
    serving: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        this = asyncio.current_task()
        assert this is not None
        serving.add(this)
        this.add_done_callback(serving.discard)
        record.connections += 1
        other, onward = await asyncio.open_connection("127.0.0.1", port, limit=PIECE)
        passing = Passing(record)
        tasks = [
            asyncio.create_task(passing.requests(reader, onward)),
            asyncio.create_task(passing.responses(other, writer)),
            asyncio.create_task(ended.wait()),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, onward):
            end.close()
            with contextlib.suppress(OSError):
                await end.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=PIECE, backlog=1024)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        ended.set()
        await asyncio.gather(*serving)
    return record


class RecordingBackend:
    """The process, which listens on `port`."""

    def __init__(self, server: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.recording", str(server)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def end(self) -> Record:
        """End it, and return what it has noted."""
        said, _ = self._process.communicate()
        return Record(**json.loads(said))

    def close(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        with self._process:
            pass  # which closes its pipes and waits for it


@contextlib.contextmanager
def recording(server: int) -> Iterator[RecordingBackend]:
    """Run it in front of a server's TCP port until the end of the block."""
    backend = RecordingBackend(server)
    try:
        yield backend
    finally:
        backend.close()


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(serve(int(sys.argv[1]))))), flush=True)
