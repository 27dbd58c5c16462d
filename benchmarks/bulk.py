"""Bulk transfer: one large file up and down over QUIC and TCP, its hash, speed and memory.

    python -m benchmarks.bulk [--mebibytes 1024] [--rounds 1] [--json FILE]

Client and server are processes of their own, on loopback. The rate counts the whole command:
starting Python, logging on, the flush at the end. Peak memory is the resident set's high-water
mark of each process: the client's for each transfer, the server's over its life so far.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.server import ServerProcess, running_server

MEBIBYTE = 1 << 20
MEMORY_LIMIT = 150 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file, one way."""

    transport: str
    direction: str
    seconds: float
    megabytes_per_second: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    client_peak_mebibytes: float
    server_peak_mebibytes: float
    hash_equal: bool


def make_file(path: Path, mebibytes: int) -> str:
    """Fill a file with bytes that do not compress; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mebibytes):
            block = os.urandom(MEBIBYTE)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def hash_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_client(server: ServerProcess, *arguments: str) -> tuple[float, float, float]:
    """Run our command line: seconds, processor seconds, and peak memory in MiB."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments],
        env=server.environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"smbquic {' '.join(arguments)}: exit code {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(server: ServerProcess, transport: str, source: Path, digest: str) -> list[Transfer]:
    """The file up, and down again."""
    size = source.stat().st_size
    back = source.with_name("back")
    results = []
    for direction, arguments, landed in (
        ("put", (str(source), server.url(transport, "big")), server.share / "big"),
        ("get", (server.url(transport, "big"), str(back)), back),
    ):
        cpu = server.cpu_seconds()
        seconds, client_cpu, client_peak = run_client(server, direction, *arguments)
        results.append(
            Transfer(
                transport=transport,
                direction=direction,
                seconds=seconds,
                megabytes_per_second=size / seconds / 1e6,
                client_cpu_seconds=client_cpu,
                server_cpu_seconds=server.cpu_seconds() - cpu,
                client_peak_mebibytes=client_peak,
                server_peak_mebibytes=server.peak_memory() / MEBIBYTE,
                hash_equal=hash_of(landed) == digest,
            )
        )
    (server.share / "big").unlink()
    back.unlink()
    return results


def main() -> int:
    """Exit code 0 if every hash is equal and memory stayed below the limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    transfers: list[Transfer] = []
    print(
        "transport  way   seconds    MB/s  client CPU s  server CPU s  client MiB  server MiB  hash"
    )
    with tempfile.TemporaryDirectory(prefix="smbquic-bulk-") as directory:
        source = Path(directory) / "big"
        digest = make_file(source, options.mebibytes)
        for number in range(options.rounds):
            # A server of its own for each transport, so that each has its own high-water mark.
            for transport in ("quic", "tcp"):
                place = Path(directory) / f"{transport}{number}"
                place.mkdir()
                with running_server(place) as server:
                    for transfer in measure(server, transport, source, digest):
                        transfers.append(transfer)
                        print(
                            f"{transfer.transport:9}  {transfer.direction:3}"
                            f"  {transfer.seconds:8.2f}  {transfer.megabytes_per_second:6.1f}"
                            f"  {transfer.client_cpu_seconds:12.2f}"
                            f"  {transfer.server_cpu_seconds:12.2f}"
                            f"  {transfer.client_peak_mebibytes:10.1f}"
                            f"  {transfer.server_peak_mebibytes:10.1f}"
                            f"  {'equal' if transfer.hash_equal else 'DIFFERENT'}",
                            flush=True,
                        )
    if options.json:
        document = {
            "mebibytes": options.mebibytes,
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "transfers": [asdict(transfer) for transfer in transfers],
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    limit = MEMORY_LIMIT / MEBIBYTE
    peaks = [max(t.client_peak_mebibytes, t.server_peak_mebibytes) for t in transfers]
    print(f"peak memory of any process: {max(peaks):.1f} MiB (limit {limit:.0f})")
    return 0 if all(t.hash_equal for t in transfers) and max(peaks) < limit else 1


if __name__ == "__main__":
    sys.exit(main())
