"""Transfers that are interrupted at points by chance, and what it takes to finish them.

    python -m tests.integration.interrupting --points 30 --mebibytes 200

Each time `smbquic get` or `put` runs with ``--resume``, over TCP or QUIC, through a relay that
counts bytes. At a point by chance the client or the server is killed, the network is silent, or the
client gets another address. A client that was killed is started again, once; a server too, a second
later. The file has to be whole then, and what was carried twice has to be less than a window.
Prints one line for each, and ends with 1 if something was wrong.
"""

import argparse
import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from smbquic.client.resume import MARGIN
from smbquic.pki import PkiDirectory, init
from tests.integration.program import PASSWORD, environment, serve_arguments

KINDS = ("client", "server", "silence", "address")
TRANSPORTS = ("tcp", "quic")
PATIENCE = 180.0
"""Seconds that a transfer may take, interruption included."""
OVERHEAD = 1.05
"""Bytes carried for each byte of a file: headers, and packets that were lost on the way."""
ALLOWED_TWICE = 2 * MARGIN
"""Bytes that may be carried twice: the window that is not trusted, and what was under way."""


@dataclass
class ByteRelay:
    """Carries bytes between a client and a server, counts them, and can stop doing so."""

    port: int
    carried: int = 0
    speaks: asyncio.Event = field(default_factory=asyncio.Event)
    listening: int = 0
    limit: int = 1 << 62
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    move: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.speaks.set()

    def passes(self, size: int) -> bool:
        """Count bytes, and return whether they are carried on."""
        if not self.speaks.is_set():
            return False
        self.carried += size
        if self.carried >= self.limit:
            self.reached.set()
        return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)


@asynccontextmanager
async def udp_relay(port: int) -> AsyncIterator[ByteRelay]:
    """Between clients and a server's UDP port; `move` gives the client another address."""
    loop, relay = asyncio.get_running_loop(), ByteRelay(port)
    outside: dict[tuple[str, int], asyncio.DatagramTransport] = {}

    async def connect(client: tuple[str, int]) -> None:
        def down(data: bytes, _: tuple[str, int]) -> None:
            if relay.passes(len(data)):
                inside.sendto(data, client)

        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(down), remote_addr=("127.0.0.1", port)
        )
        outside[client] = transport

    def up(data: bytes, client: tuple[str, int]) -> None:
        if client not in outside:
            # What comes until it is connected is lost, as on any network.
            connecting.add(asyncio.ensure_future(connect(client)))
        elif relay.passes(len(data)):
            outside[client].sendto(data)

    async def move() -> None:
        for client, transport in list(outside.items()):
            await connect(client)
            transport.close()

    connecting: set[asyncio.Future[None]] = set()
    inside, _ = await loop.create_datagram_endpoint(
        lambda: _Datagrams(up), local_addr=("127.0.0.1", 0)
    )
    relay.listening, relay.move = inside.get_extra_info("sockname")[1], move
    try:
        yield relay
    finally:
        await asyncio.gather(*connecting)
        for transport in (inside, *outside.values()):
            transport.close()


@asynccontextmanager
async def tcp_relay(port: int) -> AsyncIterator[ByteRelay]:
    """Between clients and a server's TCP port; `move` ends the connections."""
    relay = ByteRelay(port)
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 18):
            await relay.speaks.wait()  # nothing is lost in silence: TCP would send it again
            relay.passes(len(data))
            writer.write(data)
            await writer.drain()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        writers.add(back)
        pumps = [
            asyncio.ensure_future(pump(reader, back)),
            asyncio.ensure_future(pump(there, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for each in (writer, back):
            each.close()

    async def move() -> None:
        for writer in writers:
            # One whose connection is lost cannot be aborted any more.
            if not writer.is_closing():
                writer.transport.abort()
        writers.clear()

    listener = await asyncio.start_server(carry, "127.0.0.1", 0)
    relay.listening, relay.move = listener.sockets[0].getsockname()[1], move
    try:
        yield relay
    finally:
        listener.close()
        await move()


@dataclass
class KilledServer:
    """`smbquic serve` on fixed ports, which can be killed and started again."""

    folder: Path
    pki: PkiDirectory
    ports: dict[str, int] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    arguments: tuple[str, ...] = ()

    async def start(self) -> None:
        """Start it, and wait until it serves."""
        if not self.arguments:
            certificate, key = self.pki.server.certificate, self.pki.server.key
            self.arguments = serve_arguments(self.folder, certificate, key)
        listen = [
            part
            for kind in TRANSPORTS
            for part in ("--listen", f"{kind}://127.0.0.1:{self.ports.get(kind, 0)}")
        ]
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smbquic", *self.arguments, *listen, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        for kind in TRANSPORTS:
            self.ports[kind] = int(line.partition(f'"{kind}://127.0.0.1:')[2].partition('"')[0])

    async def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        await self.process.communicate()


@dataclass(frozen=True)
class Plan:
    """One interruption: its kind, the transfer, and the part of the file after which it comes."""

    kind: str
    transport: str
    verb: str
    point: float


@dataclass
class InterruptionResult:
    """The outcome of one interruption."""

    plan: Plan
    seconds: float
    twice: int
    wrong: str = ""

    def __str__(self) -> str:
        plan = self.plan
        return (
            f"{plan.verb} over {plan.transport:<4} {plan.kind:<7} at {plan.point:4.0%}:"
            f" {self.seconds:5.1f} s, {max(self.twice, 0) / 2**20:5.1f} MiB carried twice"
            f" {self.wrong or 'ok'}"
        )


async def interrupt(
    server: KilledServer, plan: Plan, source: Path, size: int, silence: float
) -> InterruptionResult:
    """One transfer of `source`, interrupted once at this part of its bytes."""
    share, got = server.folder / "share", server.folder / "got"
    place = (got if plan.verb == "get" else share) / "x"
    relay_to = tcp_relay if plan.transport == "tcp" else udp_relay
    started = time.monotonic()
    async with relay_to(server.ports[plan.transport]) as relay:
        relay.limit = int(size * plan.point)
        scheme = "smb" if plan.transport == "tcp" else "smb+quic"
        url = f"{scheme}://alice@localhost:{relay.listening}/data/"
        names = [url + source.name, str(place)] if plan.verb == "get" else [str(source), url + "x"]

        async def client() -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "smbquic", plan.verb, "--resume", *names),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(SMBQUIC_CA=str(server.pki.ca), SMBQUIC_PASSWORD=PASSWORD),
            )

        process = await client()
        try:
            async with asyncio.timeout(PATIENCE):
                ended = asyncio.create_task(process.wait())
                reached = asyncio.create_task(relay.reached.wait())
                await asyncio.wait([ended, reached], return_when=asyncio.FIRST_COMPLETED)
                reached.cancel()
                if plan.kind == "client":
                    process.send_signal(signal.SIGKILL)
                    await process.communicate()
                    process = await client()
                elif plan.kind == "server":
                    await server.kill()
                    await asyncio.sleep(1)
                    await server.start()
                elif plan.kind == "silence":
                    relay.speaks.clear()
                    await asyncio.sleep(silence)
                    relay.speaks.set()
                else:
                    assert relay.move is not None
                    await relay.move()
                _, said = await process.communicate()
                wrong = "" if process.returncode == 0 else said.decode().strip()
        except TimeoutError:
            process.kill()
            await process.communicate()
            wrong = f"not done after {PATIENCE:.0f} s"
        twice = relay.carried - int(size * OVERHEAD)
    if not wrong:
        wrong = _check(place, source, twice)
    place.unlink(missing_ok=True)
    seconds = time.monotonic() - started
    return InterruptionResult(plan, seconds, twice, wrong)


def _check(place: Path, source: Path, twice: int) -> str:
    """Return what is wrong with the file, and with what it took; nothing where all is well."""
    if twice > ALLOWED_TWICE:
        return f"more than {ALLOWED_TWICE >> 20} MiB carried twice"
    with place.open("rb") as one, source.open("rb") as other:
        digests = {hashlib.file_digest(each, "sha256").digest() for each in (one, other)}
    if len(digests) != 1:
        return "the file is not the same"
    left = [each.name for each in place.parent.iterdir() if each not in (place, source)]
    return f"left behind: {', '.join(left)}" if left else ""


async def interrupt_many(
    folder: Path, pki: PkiDirectory, points: int, size: int, *, seed: int, silence: float
) -> list[InterruptionResult]:
    """Interrupt transfers of a file of `size` bytes; every kind, transport and verb in turn."""
    chance = random.Random(seed)
    server = KilledServer(folder, pki)
    await server.start()
    results = []
    (folder / "got").mkdir()
    try:
        source = folder / "share" / "source"
        data = chance.randbytes(1 << 20)
        with source.open("wb") as file:
            for number in range(size >> 20):
                file.write(number.to_bytes(8, "big") + data[8:])
        for number in range(points):
            kind = KINDS[number % len(KINDS)]
            transport = TRANSPORTS[number // len(KINDS) % len(TRANSPORTS)]
            verb = ("get", "put")[number // (len(KINDS) * len(TRANSPORTS)) % 2]
            plan = Plan(kind, transport, verb, chance.uniform(0.05, 0.95))
            results.append(await interrupt(server, plan, source, size, silence))
            print(results[-1], flush=True)
    finally:
        await server.kill()
    return results


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.interrupting")
    parser.add_argument("--points", type=int, default=30, help="how many interruptions")
    parser.add_argument("--mebibytes", type=int, default=200, help="size of the file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--silence", type=float, default=20.0, help="seconds without a network")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        pki = init(folder / "pki")
        results = asyncio.run(
            interrupt_many(
                folder,
                pki,
                arguments.points,
                arguments.mebibytes << 20,
                seed=arguments.seed,
                silence=arguments.silence,
            )
        )
    wrong = sum(bool(result.wrong) for result in results)
    print(f"{len(results)} interruptions, {wrong} wrong; {os.cpu_count()} processors")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
