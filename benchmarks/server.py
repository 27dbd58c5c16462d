"""A server of our own in a process of its own, as the benchmarks and the tests of peers need it."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smbquic import UserStore
from smbquic.pki import PkiDirectory, init

USER = "alice"


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running `smbquic serve` with one share, ``data``, and one user."""

    process: "subprocess.Popen[str]"
    ports: dict[str, int]
    share: Path
    pki: PkiDirectory
    password: str

    def url(self, transport: str, path: str = "") -> str:
        """The URL of `path` in the share, over ``quic`` or ``tcp``."""
        scheme = {"quic": "smb+quic", "tcp": "smb"}[transport]
        return f"{scheme}://{USER}@localhost:{self.ports[transport]}/data/{path}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to log on."""
        return {**os.environ, "SMBQUIC_PASSWORD": self.password, "SMBQUIC_CA": str(self.pki.ca)}

    def peak_memory(self) -> int:
        """The most memory that the server has had resident so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return int(peak) * 1024

    def cpu_seconds(self) -> float:
        """Processor time that the server has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running_server(directory: Path, *options: str) -> Iterator[ServerProcess]:
    """Start it in `directory`, wait until it serves, end it afterwards."""
    share = directory / "share"
    share.mkdir()
    pki = init(directory / "pki")
    password = secrets.token_urlsafe(12)
    users = UserStore()
    users.add(USER, password)
    users.save(directory / "users.txt")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "smbquic", "serve", "--json"),
            *("--share", f"data={share}", "--users", str(directory / "users.txt")),
            *("--cert", str(pki.server.certificate), "--key", str(pki.server.key)),
            *("--listen", "quic://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"),
            *options,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline() or '{"listeners": []}')
        ports = {}
        for url in ready["listeners"]:
            transport, _, rest = url.partition("://")
            ports[transport] = int(rest.rpartition(":")[2])
        if not ports:
            raise RuntimeError(f"the server ended with exit code {process.wait()}")
        yield ServerProcess(process, ports, share, pki, password)
    finally:
        process.terminate()
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.communicate()
