"""A worker as a process: one of several listeners on one port, which answers with hashes.

It answers each message with its own number and the SHA-256 of the message, and ends when its
standard input does.
"""

import asyncio
import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smbquic.options.quic import EngineName
from smbquic.transport import quic
from smbquic.transport.addresses import Address
from smbquic.transport.base import MessageTransport
from smbquic.transport.quic.steering import open_group


class Workers:
    """Worker processes on one port of the loopback interface, with shared keys."""

    def __init__(self, engine: EngineName, count: int, identity: quic.ServerTls) -> None:
        self._settings = {
            "engine": engine,
            "workers": count,
            "certificate": str(identity.certificate),
            "key": str(identity.key),
        }
        keys = quic.ListenerKeys()
        self._keys = {"address_validation": keys.address_validation, "tickets": keys.tickets}
        self._sockets = open_group(Address(socket.AF_INET, ("127.0.0.1", 0)), count)
        self.port: int = self._sockets[0].getsockname()[1]
        self.processes = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        descriptor = self._sockets[number].fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[descriptor],
        )
        keys = {name: key.hex() for name, key in self._keys.items()}
        settings = {**self._settings, "socket": descriptor, "worker": number, "keys": keys}
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        return process

    def replace(self, number: int) -> None:
        """Kill a worker and start it again, with the socket that it had."""
        self.processes[number].kill()
        self.processes[number].communicate()
        self.processes[number] = self._start(number)

    def close(self) -> None:
        """End all workers, which must not have failed."""
        for process in self.processes:
            process.communicate()
        for sock in self._sockets:
            sock.close()
        assert [process.returncode for process in self.processes] == [0] * len(self.processes)


def answer(worker: int, message: Sequence[int] | bytes) -> bytes:
    """Return what a worker answers to a message."""
    return bytes([worker]) + hashlib.sha256(bytes(message)).digest()


async def _serve(settings: dict[str, Any]) -> None:
    worker = settings["worker"]

    async def serve(transport: MessageTransport) -> None:
        while True:
            await transport.send(answer(worker, await transport.receive()))

    listener = await quic.listen_on(
        socket.socket(fileno=settings["socket"]),
        serve,
        certificate=quic.ServerTls(Path(settings["certificate"]), Path(settings["key"])),
        options=quic.QuicOptions(
            engine=settings["engine"],
            connection_ids=quic.ConnectionIdFormat(worker=worker, workers=settings["workers"]),
            keys=quic.ListenerKeys(
                **{name: bytes.fromhex(key) for name, key in settings["keys"].items()}
            ),
        ),
    )
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(0, ended.set)
    print("ready", flush=True)
    await ended.wait()
    loop.remove_reader(0)
    await listener.close()


if __name__ == "__main__":
    # Unbuffered, so that the end of the input is noticed.
    with open(0, "rb", buffering=0, closefd=False) as settings:
        asyncio.run(_serve(json.loads(settings.readline())))
