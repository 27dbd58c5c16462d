"""What all measurements share: places, files, certificates; and how to run the programs."""

import contextlib
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.throughput import serve, work
from benchmarks.throughput.place import Place
from benchmarks.usage import peak_memory, tree_cpu_seconds
from smbquic.pki import PkiDirectory

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30
USER = "alice"

Engine = Literal["aioquic", "qh3"]
Transport = Literal["quic", "tcp"]
Figures = dict[str, float]
"""What one measurement gave, by name: see `report.UNITS`."""


class WrongBytesError(Exception):
    """A file that arrived is not the one that was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """`source` is the file that is moved, and stands as ``big`` in `share` too."""

    ordinary: Place
    jumbo: Place
    inside_wireguard: Place | None
    directory: Path
    pki: PkiDirectory
    size: int
    digest: str
    seconds: int
    operations: int
    connections: int
    password: str = secrets.token_urlsafe(12)

    @property
    def share(self) -> Path:
        """The folder that every server shares as ``data``."""
        return self.directory / "share"

    @property
    def source(self) -> Path:
        """The file to put."""
        return self.share / "big"

    @property
    def back(self) -> Path:
        """The file that was got."""
        return self.directory / "back"

    def check(self, path: Path) -> None:
        """Raise `WrongBytesError` unless this is the file, and remove it."""
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == self.digest
        path.unlink()
        if not same:
            raise WrongBytesError(str(path))

    @contextlib.contextmanager
    def our_server(
        self,
        place: Place,
        *,
        engine: Engine = "qh3",
        datagram_size: int = 0,
        encrypt: bool = False,
    ) -> Iterator[tuple[int, dict[str, int]]]:
        """Our server: its process id and its ports."""
        options = serve.Options(
            host=place.server.address,
            share=str(self.share),
            user=USER,
            password=self.password,
            certificate=str(self.pki.server.certificate),
            key=str(self.pki.server.key),
            engine=engine,
            datagram_size=datagram_size,
            encrypt=encrypt,
        )
        command = program("throughput.serve", json.dumps(asdict(options)))
        with place.server.running(command) as (process, line):
            yield process.pid, json.loads(line)

    def our_client(self, place: Place, ports: dict[str, int], **options: Any) -> dict[str, Any]:
        """Run a piece of work of our client."""
        filled = work.Options(
            host=place.server.address,
            port=ports[options["transport"]],
            user=USER,
            password=self.password,
            ca=str(self.pki.ca),
            **options,
        )
        return place.client.run_json(program("throughput.work", json.dumps(asdict(filled))))


def program(name: str, *arguments: str) -> list[str]:
    """The command for one of our programs."""
    return [sys.executable, "-m", f"benchmarks.{name}", *arguments]


class Watch:
    """Follows a server and a VPN while a client works."""

    def __init__(self, place: Place, server: int) -> None:
        self._place = place
        self._server = server
        self._before = self._seconds()

    def _seconds(self) -> tuple[float, float]:
        return (
            tree_cpu_seconds(self._server) + self._place.server.helper_seconds(),
            self._place.client.helper_seconds(),
        )

    def figures(self, size: int, seconds: float, client_cpu_seconds: float) -> Figures:
        """The figures of a transfer of `size` bytes."""
        server, helper = (a - b for a, b in zip(self._seconds(), self._before, strict=True))
        share = GIBIBYTE / size
        return {
            "rate": size / seconds / 1e6,
            "client_cpu": (client_cpu_seconds + helper) * share,
            "server_cpu": server * share,
            "server_peak": peak_memory(self._server) / MEBIBYTE,
        }


def make_file(path: Path, size: int) -> str:
    """Fill a file with bytes that do not compress; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MEBIBYTE):
            block = os.urandom(min(MEBIBYTE, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
