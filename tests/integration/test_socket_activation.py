"""A server whose sockets systemd keeps: restarts under load, over QUIC and TCP, refuse nobody."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import smbquic
from smbquic.pki import PkiDirectory

RESTARTS = int(os.environ.get("SMBQUIC_TEST_RESTARTS", "2"))
PASSWORD = "correct horse"
# What systemd does between fork and exec: descriptors from 3 on, and its three variables.
LAUNCH = """
import fcntl, os, sys
split = sys.argv.index("--")
spare = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 64) for each in sys.argv[1:split]]
for place, descriptor in enumerate(spare, 3):
    os.dup2(descriptor, place)
    os.close(descriptor)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(spare))}
os.environ["LISTEN_FDNAMES"] = "first:second"
os.execv(sys.executable, [sys.executable, "-m", "smbquic", *sys.argv[split + 1 :]])
"""


@contextmanager
def sockets(*kinds: socket.SocketKind) -> Iterator[list[socket.socket]]:
    """Sockets as systemd opens them."""
    opened = [socket.socket(socket.AF_INET, kind) for kind in kinds]
    try:
        for each in opened:
            each.bind(("127.0.0.1", 0))
            if each.type == socket.SOCK_STREAM:
                each.listen(128)
        yield opened
    finally:
        for each in opened:
            each.close()


def launch(
    passed: Sequence[socket.socket], *arguments: str | Path, log: int = subprocess.PIPE
) -> "subprocess.Popen[str]":
    numbers = [each.fileno() for each in passed]
    words = [sys.executable, "-c", LAUNCH, *map(str, numbers), "--", *map(str, arguments)]
    return subprocess.Popen(
        words,
        pass_fds=numbers,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


def stop(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def config_file(pki: PkiDirectory, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    file = tmp_path / "smbquic.toml"
    file.write_text(
        f"""
[users]
alice = "{PASSWORD}"
[shares.data]
path = "data"
[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
"""
    )
    return file


class Load:
    """Clients that write a file, read it again and delete it, until they are told to stop."""

    def __init__(self) -> None:
        self.rounds = 0
        self.stopping = False
        self._waiting: list[tuple[int, asyncio.Event]] = []

    async def client(self, url: str, ca: Path | None, number: int) -> None:
        name, content = f"file-{number}", bytes(100_000) + bytes([number])
        async with smbquic.connect(url, password=PASSWORD, ca=ca) as share:
            while not self.stopping:
                await share.write_bytes(name, content)
                assert await share.read_bytes(name) == content
                self.rounds += 1
                for least, event in self._waiting:
                    if self.rounds >= least:
                        event.set()

    async def more(self, count: int) -> None:
        """Wait until so many further rounds are done."""
        event = asyncio.Event()
        self._waiting.append((self.rounds + count, event))
        await event.wait()


async def test_restarts_under_load(pki: PkiDirectory, config_file: Path) -> None:
    with sockets(socket.SOCK_DGRAM, socket.SOCK_STREAM) as passed:
        udp, tcp = (each.getsockname()[1] for each in passed)
        urls = [
            (f"smb+quic://alice@localhost:{udp}/data", pki.ca),
            (f"smb+quic://alice@localhost:{udp}/data", pki.ca),
            (f"smb://alice@127.0.0.1:{tcp}/data", None),
        ]
        load = Load()
        command = ("serve", "-c", config_file, "--json", "--drain-seconds", "1")
        process = launch(passed, *command, log=subprocess.DEVNULL)
        try:
            ready = await asyncio.to_thread(read_event, process)
            assert ready["listeners"] == [f"quic://127.0.0.1:{udp}", f"tcp://127.0.0.1:{tcp}"]
            async with asyncio.TaskGroup() as clients:
                for number, (url, ca) in enumerate(urls):
                    clients.create_task(load.client(url, ca, number))
                for _ in range(RESTARTS):
                    await load.more(9)
                    process.terminate()
                    assert await asyncio.to_thread(process.wait, 60) == 0
                    assert await asyncio.to_thread(is_open, udp)
                    process.communicate()
                    process = launch(passed, *command, log=subprocess.DEVNULL)
                await load.more(9)
                load.stopping = True
        finally:
            stop(process)
    assert load.rounds >= 9 * (RESTARTS + 1)


def read_event(process: "subprocess.Popen[str]") -> dict[str, object]:
    assert process.stdout is not None
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


def is_open(port: int) -> bool:
    """Whether a packet is not refused: a second one would report the ICMP message about it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        try:
            sock.send(b"?")
            sock.send(b"?")
        except ConnectionRefusedError:
            return False
    return True
