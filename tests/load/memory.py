"""How much memory a server has while crowds of clients come and go, and after they have left.

    python -m tests.load.memory --clients 300 --rounds 10 --engine qh3 aioquic

In each round all clients log on over QUIC, write a file each and read it back, `--active` of them
at the same time, and leave. Ends with 1 where the server had more than the limit that it names. As
root, `--cgroup MEBIBYTES` has the kernel kill a server that takes more (cgroups, version 1).
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import smbquic
from smbquic.options.limits import DEFAULT_LIMITS
from smbquic.overload.memory import memory_limit
from smbquic.pki import init
from tests.engines import INSTALLED
from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess, running_server

LIMIT = memory_limit(DEFAULT_LIMITS, quic=1, tcp=1, shares=1, opens=0)
"""The most memory that a server needs by its own account, on QUIC and on TCP."""
LOGONS = 4
"""Clients that connect at once; the handshakes of more would wait for each other."""
LEAVING = 10.0
"""Seconds in which a server that nobody uses gives back what the round has left behind."""
CGROUPS = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many clients there are, how many are `active` at a time, and with how many bytes."""

    clients: int = 300
    active: int = 64
    size: int = 4 << 20


def peaks(server: ServerProcess, crowd: Crowd, count: int) -> Iterator[int]:
    """Send a crowd to the server, time and again; what it had resident at most, in bytes."""
    for _ in range(count):
        server.forget_peak_memory()
        asyncio.run(_visit(server, crowd))
        yield server.peak_memory()


async def _visit(server: ServerProcess, crowd: Crowd) -> None:
    logons, ready = asyncio.Semaphore(LOGONS), asyncio.Barrier(crowd.clients)
    active = asyncio.Semaphore(crowd.active)
    url = f"smb+quic://{USER}@localhost:{server.ports['quic']}/{SHARE}"
    data = bytes(range(256)) * (crowd.size // 256)

    async def one(number: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with logons:
                share = await stack.enter_async_context(
                    smbquic.connect(url, password=PASSWORD, ca=server.pki.ca, timeout=120.0)
                )
                # An open file keeps the connection up while the others have their turn.
                file = await stack.enter_async_context(share.open(f"client{number}", "w+b"))
            await ready.wait()
            async with active:
                await file.write_at(0, data)
                if await file.read_at(0, crowd.size) != data:
                    raise AssertionError(f"client {number} read what it has not written")
            await ready.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(crowd.clients):
            group.create_task(one(number))


@contextlib.contextmanager
def confined(pid: int, limit: int) -> Iterator[None]:
    """Let the kernel kill a process that has more than `limit` bytes; takes root and cgroups."""
    group = CGROUPS / f"smbquic-{pid}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        (CGROUPS / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def measure(engine: str, crowd: Crowd, count: int, cgroup: int) -> bool:
    """Print the rounds of one engine; whether the server stayed below its limit."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(
            running_server(folder, init(folder / "pki"), "--engine", engine)
        )
        if cgroup:
            stack.enter_context(confined(server.pid, cgroup << 20))
        print(f"{engine}: {server.memory() >> 20} MiB before, limit {LIMIT >> 20} MiB", flush=True)
        kept = True
        for number, most in enumerate(peaks(server, crowd, count), 1):
            time.sleep(LEAVING)
            kept = kept and most <= LIMIT
            after = server.memory()
            print(f"{engine}: round {number}: {most >> 20} MiB at most, {after >> 20} MiB after")
            sys.stdout.flush()
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.memory", description=__doc__)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--active", type=int, default=64, help="that transfer at the same time")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--mebibytes", type=int, default=4, help="of each client's file")
    parser.add_argument("--engine", nargs="+", default=INSTALLED)
    parser.add_argument("--cgroup", type=int, default=0, help="MiB, beyond which the kernel kills")
    given = parser.parse_args(arguments)
    crowd = Crowd(given.clients, given.active, given.mebibytes << 20)
    kept = [measure(engine, crowd, given.rounds, given.cgroup) for engine in given.engine]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
