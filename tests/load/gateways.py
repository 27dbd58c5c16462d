"""Many clients through some gateways to some servers, one of which is killed.

    python -m tests.load.gateways --clients 2000 --gateways 2 --backends 3 --behind serve

All clients log on and stay. Then one server is killed: its clients, and no others, lose their
connections; new clients are served by the other servers, and clients that read meanwhile go on.
Prints the memory of a gateway for each connection, and ends with 1 where a new client was not
served within a second, or anything else is not as it should be.
"""

import argparse
import asyncio
import contextlib
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import smbquic
from smbquic.cli.loop import allow_many_files
from smbquic.errors import ConnectionClosed, SmbError
from smbquic.overload.open_file_budget import sockets_limit
from smbquic.pki import PkiDirectory, init
from tests.interop.processes import (
    PASSWORD,
    SHARE,
    USER,
    ServerProcess,
    Smbd,
    running_gateway,
    running_server,
    running_smbd,
)

LOGONS = 4
"""Clients of one process that connect at once."""
TIMEOUT = 120.0
SLOWEST = 1.0
"""Seconds until a new client has logged on and read a file, after a server was killed."""
NAME = "which"
"""The file of each server that says which one it is."""
_LIMITS = "[limits]\nconnections_of_address = 100000\nconnections_of_user = 100000\n"


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """How many clients connect, through how many gateways, to how many servers of which kind."""

    clients: int
    gateways: int = 2
    backends: int = 3
    behind: str = "serve"
    processes: int = 2
    newcomers: int = 10
    """Of each process, to each gateway, after a server was killed."""


@dataclass(slots=True)
class GatewayResult:
    """What came of it; `clients_of` are counted by server."""

    clients_of: Counter[int] = field(default_factory=Counter)
    newcomers_of: Counter[int] = field(default_factory=Counter)
    ended: int = 0
    untouched: int = 0
    newcomers: list[float] = field(default_factory=list)
    """Seconds that each new client took."""
    pauses: list[float] = field(default_factory=list)
    """The longest time between two reads, of each client that read all the time."""
    seconds: float = 0.0
    """Until all clients had logged on."""
    memory: list[tuple[int, int]] = field(default_factory=list)
    """Bytes resident of each gateway, before and with its clients."""
    killed: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "GatewayResult") -> None:
        """Take in what another process has seen."""
        self.clients_of += other.clients_of
        self.newcomers_of += other.newcomers_of
        self.ended += other.ended
        self.untouched += other.untouched
        self.newcomers += other.newcomers
        self.pauses += other.pauses
        self.faults += other.faults


class GatewayClients:
    """The clients of one process, which are connected to the gateways in turn."""

    def __init__(self, ports: Sequence[int], user: str, ca: Path) -> None:
        self.result = GatewayResult()
        self._ports, self._user, self._ca = ports, user, ca
        self._shares: list[tuple[smbquic.Share, int]] = []
        self._stack = contextlib.AsyncExitStack()

    def _connect(self, number: int) -> contextlib.AbstractAsyncContextManager[smbquic.Share]:
        url = f"smb+quic://{self._user}@localhost:{self._ports[number % len(self._ports)]}/{SHARE}"
        return smbquic.connect(
            url, password=PASSWORD, ca=self._ca, timeout=TIMEOUT, reconnect_timeout=0
        )

    async def connect(self, numbers: Sequence[int]) -> GatewayResult:
        """Connect clients with these numbers."""
        logons = asyncio.Semaphore(LOGONS)

        async def one(number: int) -> None:
            async with logons:
                share = await self._stack.enter_async_context(self._connect(number))
                which = int(await share.read_bytes(NAME))
            self._shares.append((share, which))
            self.result.clients_of[which] += 1

        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(one(number))
        return self.result

    async def after(self, killed: int, newcomers: int) -> GatewayResult:
        """Say what is left after that server was killed, and let new clients come."""
        result = self.result = GatewayResult()
        reading = [
            asyncio.create_task(self._read_on(share))
            for share, which in self._shares[: 8 * len(self._ports)]
            if which != killed
        ]
        await asyncio.sleep(0)
        for number in range(newcomers * len(self._ports)):
            await self._come(number)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for share, which in self._shares:
            await self._look(share, which, killed)
        return result

    async def _come(self, number: int) -> None:
        began = time.monotonic()
        try:
            async with self._connect(number) as share:
                self.result.newcomers_of[int(await share.read_bytes(NAME))] += 1
                self.result.newcomers.append(time.monotonic() - began)
        except SmbError as error:
            self.result.faults.append(f"a new client: {error}")

    async def _read_on(self, share: smbquic.Share) -> None:
        longest, before = 0.0, time.monotonic()
        try:
            while True:
                await share.read_bytes(NAME)
                now = time.monotonic()
                longest, before = max(longest, now - before), now
        except SmbError as error:
            self.result.faults.append(f"a client that read: {error}")
        finally:
            self.result.pauses.append(longest)

    async def _look(self, share: smbquic.Share, which: int, killed: int) -> None:
        try:
            found = int(await share.read_bytes(NAME))
        except ConnectionClosed:
            self.result.ended += 1
            if which != killed:
                self.result.faults.append(f"a client of server {which} has lost its connection")
            return
        if which == killed or found != which:
            self.result.faults.append(f"a client of server {which} is on server {found}")
        self.result.untouched += 1

    async def leave(self) -> GatewayResult:
        """Disconnect all of them."""
        with contextlib.suppress(SmbError):
            await self._stack.aclose()
        return GatewayResult()


def _work(pipe: Connection, ports: Sequence[int], user: str, ca: Path) -> None:
    """Do what comes through a pipe, a method of `GatewayClients` with arguments; send results."""
    allow_many_files()

    async def live() -> None:
        clients = GatewayClients(ports, user, ca)
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as waiting:
            while (work := await loop.run_in_executor(waiting, pipe.recv)) is not None:
                method, arguments = work
                pipe.send(await getattr(clients, method)(*arguments))

    asyncio.run(live())


class ClientProcesses:
    """The processes of the clients."""

    def __init__(self, plan: GatewayPlan, ports: Sequence[int], user: str, ca: Path) -> None:
        context = get_context("spawn")
        self._ends = []
        self._processes = []
        for _ in range(plan.processes):
            end, other = context.Pipe()
            process = context.Process(target=_work, args=(other, ports, user, ca), daemon=True)
            process.start()
            other.close()
            self._ends.append(end)
            self._processes.append(process)

    def do(self, method: str, arguments: Callable[[int], tuple[Any, ...]]) -> GatewayResult:
        """Have all of them do something, with arguments that depend on their number."""
        for number, end in enumerate(self._ends):
            end.send((method, arguments(number)))
        found = GatewayResult()
        for end in self._ends:
            found.add(end.recv())
        return found

    def close(self) -> None:
        """End them."""
        for end, process in zip(self._ends, self._processes, strict=True):
            with contextlib.suppress(OSError):
                end.send(None)
            process.join(TIMEOUT)
            process.kill()
            process.join()
            end.close()


@contextlib.contextmanager
def running_backend(
    kind: str, folder: Path, pki: PkiDirectory, limits: Path
) -> Iterator[tuple[ServerProcess | Smbd, int]]:
    """Run a server for gateways, ours or smbd: the process, and its TCP port."""
    folder.mkdir()
    if kind == "smbd":
        with running_smbd(folder) as smbd:
            yield smbd, smbd.port
        return
    options = ("--no-extended-protection", "-c", str(limits))
    with running_server(folder, pki, *options) as server:
        yield server, server.ports["tcp"]


def run(plan: GatewayPlan) -> GatewayResult:
    """Do it, and stop everything."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pki, limits = init(folder / "pki"), folder / "limits.toml"
        limits.write_text(_LIMITS)
        backends = []
        for number in range(plan.backends):
            place = folder / f"backend{number}"
            backends.append(stack.enter_context(running_backend(plan.behind, place, pki, limits)))
            (backends[-1][0].share / NAME).write_text(str(number))
        gateways = []
        for number in range(plan.gateways):
            place = folder / f"gateway{number}"
            place.mkdir()
            ports = [port for _, port in backends]
            gateways.append(
                stack.enter_context(running_gateway(place, pki, place, ports, "-c", str(limits)))
            )
        first, _ = backends[0]
        user = first.user if isinstance(first, Smbd) else USER
        crowd = ClientProcesses(plan, [each.ports["quic"] for each in gateways], user, pki.ca)
        stack.callback(crowd.close)
        return _killed(plan, backends, gateways, crowd)


def _killed(
    plan: GatewayPlan,
    backends: list[tuple[Any, int]],
    gateways: list[ServerProcess],
    crowd: ClientProcesses,
) -> GatewayResult:
    before = [each.memory() for each in gateways]
    began = time.monotonic()
    result = crowd.do("connect", lambda n: (range(n, plan.clients, plan.processes),))
    result.seconds = time.monotonic() - began
    result.memory = [(b, each.memory()) for b, each in zip(before, gateways, strict=True)]
    result.killed = max(result.clients_of)
    backends[result.killed][0].kill()
    result.add(crowd.do("after", lambda _: (result.killed, plan.newcomers)))
    crowd.do("leave", lambda _: ())
    for number, each in enumerate(gateways):
        log = each.log.read_text()
        result.faults += [f"gateway {number}: see its log"] * ("Traceback" in log)
    if result.ended != result.clients_of[result.killed]:
        result.faults.append(f"{result.ended} clients have lost their connections")
    if result.newcomers_of[result.killed]:
        result.faults.append("a new client is on the server that was killed")
    return result


def lines(plan: GatewayPlan, result: GatewayResult) -> Iterator[str]:
    """Yield the lines of the report."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield (
        f"{plan.clients} clients through {plan.gateways} gateways to {plan.backends} servers"
        f" ({plan.behind}), all logged on in {result.seconds:.1f} s; load {os.getloadavg()[0]:.1f}"
    )
    yield (
        f"descriptors: {soft} of at most {hard} for a process, with which a gateway takes"
        f" {sockets_limit()} clients"
    )
    for number, (before, after) in enumerate(result.memory):
        clients = len(range(number, plan.clients, plan.gateways))
        each = (after - before) / max(clients, 1) / 1024
        yield (
            f"gateway {number}: {before >> 20} MiB before, {after >> 20} MiB with {clients}"
            f" clients, {each:.0f} KiB for each"
        )
    yield f"clients of servers: {dict(sorted(result.clients_of.items()))}"
    yield (
        f"server {result.killed} killed: {result.ended} clients have lost their connections,"
        f" {result.untouched} have not"
    )
    pause = max(result.pauses, default=0.0) * 1000
    yield f"{len(result.pauses)} of them read all the time, and waited {pause:.0f} ms at most"
    newcomers = sorted(result.newcomers)
    if newcomers:
        middle = newcomers[len(newcomers) // 2] * 1000
        yield (
            f"{len(newcomers)} new clients, on servers {dict(sorted(result.newcomers_of.items()))}:"
            f" served after {middle:.0f} ms in the middle, {newcomers[-1] * 1000:.0f} ms at most"
        )
    yield f"faults: {len(result.faults)}"
    yield from result.faults[:20]


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.gateways",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--gateways", type=int, default=2)
    parser.add_argument("--backends", type=int, default=3)
    parser.add_argument("--behind", choices=["serve", "smbd"], default="serve", help="smbd as root")
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    parser.add_argument("--newcomers", type=int, default=10)
    given = parser.parse_args()
    plan = GatewayPlan(**vars(given))
    allow_many_files()
    most = plan.gateways * sockets_limit()
    if plan.clients > most:
        parser.error(f"{plan.gateways} gateways take {most} clients: raise ulimit -n")
    result = run(plan)
    if max(result.newcomers, default=0.0) > SLOWEST:
        result.faults.append(f"a new client was not served within {SLOWEST:g} s")
    print("\n".join(lines(plan, result)))
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
