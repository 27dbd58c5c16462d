"""`smbquic demo`: server and client on one machine copy real files and compare every hash."""

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from smbquic.api.client import connect
from smbquic.auth.users import UserStore
from smbquic.cli.command import command, json_option
from smbquic.cli.failure import ExitCode
from smbquic.cli.loop import run
from smbquic.cli.output import emit
from smbquic.cli.progress import progress_bar
from smbquic.client.share import Share
from smbquic.errors import ConnectError
from smbquic.lazy_dataclass import dataclass
from smbquic.pki.directory import PkiDirectory, init

USER = "demo"
MIN_FILES = 1_000
MIN_BYTES = 30_000_000
LARGE_FILE = 64 << 20
_START_SECONDS = 20.0


class _DemoFailed(click.ClickException):
    exit_code = ExitCode.PARTLY


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One copy in one direction. `equal` says whether every file arrived with the same hash."""

    transport: str
    what: str
    files: int
    bytes: int
    seconds: float
    handshake_ms: float
    equal: bool

    @property
    def megabytes_per_second(self) -> float:
        """The rate in 10^6 bytes per second."""
        return self.bytes / self.seconds / 1e6


def _library_files() -> Iterator[Path]:
    """Yield the files of Python's library and of the packages beside it: every machine has them."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        root = Path(sysconfig.get_path(name))
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(set(folders) - {"__pycache__", "site-packages", "dist-packages"})
            yield from (Path(folder) / file for file in sorted(files))


def collect_tree(target: Path) -> tuple[int, int]:
    """Copy enough of Python's library to `target`; return the numbers of files and bytes."""
    files = count = 0
    seen: set[Path] = set()
    for source in _library_files():
        if files >= MIN_FILES and count >= MIN_BYTES:
            break
        if source in seen or source.is_symlink() or not source.is_file():
            continue
        seen.add(source)
        place = target / source.relative_to(source.anchor)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        files += 1
        count += source.stat().st_size
    return files, count


def hashes(root: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `root` by its relative name; `root` may be a file."""
    paths = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    found = {}
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        found[str(path.relative_to(root))] = digest
    return found


@contextlib.asynccontextmanager
async def _server(folder: Path, pki: PkiDirectory, users: Path) -> AsyncIterator[dict[str, str]]:
    """Run `smbquic serve` in another process; yield the URL of its share for each transport."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "smbquic", "serve", "--json"),
        *("--share", f"demo={folder}", "--users", str(users)),
        *("--cert", str(pki.server.certificate), "--key", str(pki.server.key)),
        *("--listen", "quic://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        if not line:
            raise ConnectError("the server did not start; its error message is above")
        urls = {}
        for listener in json.loads(line)["listeners"]:
            transport, _, address = listener.partition("://")
            port = address.rpartition(":")[2]
            scheme = "smb+quic" if transport == "quic" else "smb"
            urls[transport] = f"{scheme}://{USER}@localhost:{port}/demo"
        yield urls
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class _Demo:
    """One demonstration: the same files are copied over each transport, and the results kept."""

    def __init__(self, work: Path, served: Path, *, quiet: bool) -> None:
        self.work = work
        self.served = served
        self.quiet = quiet
        self.steps: list[DemoStep] = []
        self.tree = work / "tree"
        self.large = work / "large.bin"

    def prepare(self) -> None:
        """Collect the tree and make the large file."""
        collect_tree(self.tree)
        self.large.write_bytes(os.urandom(LARGE_FILE))

    async def copy(self, transport: str, share: Share) -> None:
        """Copy the tree and the large file to the share and back."""
        for name, source in (("tree", self.tree), ("large file", self.large)):
            expected = await asyncio.to_thread(hashes, source)
            size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
            size = size or source.stat().st_size
            remote = f"{transport}-{source.name}"
            back = self.work / f"back-{remote}"
            for way, written in (("put", self.served / remote), ("get", back)):
                started = time.monotonic()
                await self._transfer(way, share, source, remote, back, f"{transport} {way} {name}")
                seconds = time.monotonic() - started
                arrived = await asyncio.to_thread(hashes, written)
                self.steps.append(
                    DemoStep(
                        transport=transport,
                        what=f"{way} {name}",
                        files=len(expected),
                        bytes=size,
                        seconds=seconds,
                        handshake_ms=share.peer.handshake_seconds * 1000,
                        equal=arrived == expected,
                    )
                )

    async def _transfer(
        self, way: str, share: Share, source: Path, remote: str, back: Path, title: str
    ) -> None:
        with progress_bar(title, show=not self.quiet) as bar:
            if source == self.large:
                if way == "put":
                    await share.put(source, remote, progress=bar.file)
                else:
                    await share.get(remote, back, progress=bar.file)
                return
            if way == "put":
                result = await share.put_tree(source, remote, progress=bar.tree)
            else:
                result = await share.get_tree(remote, back, progress=bar.tree)
        if result.failures:
            path, error = result.failures[0]
            raise _DemoFailed(f"{way}: {len(result.failures)} files failed, first {path}: {error}")


def _show(steps: list[DemoStep]) -> None:
    # Imported here, so that `--help` and the reference do without.
    from rich.console import Console
    from rich.table import Table

    table = Table(title="the same files over both transports, every hash compared")
    for column in ("transport", "copy", "files", "MB", "seconds", "MB/s", "hashes"):
        words = column in ("transport", "copy", "hashes")
        table.add_column(column, justify="left" if words else "right", no_wrap=True)
    for step in steps:
        table.add_row(
            step.transport,
            step.what,
            f"{step.files:,}",
            f"{step.bytes / 1e6:.1f}",
            f"{step.seconds:.2f}",
            f"{step.megabytes_per_second:.1f}",
            "equal" if step.equal else "DIFFERENT",
        )
    Console(highlight=False).print(table)
    took = {step.transport: step.handshake_ms for step in steps}
    click.echo(
        "connecting took "
        + " and ".join(f"{each:.1f} ms over {name.upper()}" for name, each in took.items())
    )


_NEXT = """\
To share a folder with another machine:

    smbquic serve FOLDER

It prints what to copy to that machine, and what to type there. Permanently,
with your own users, and on port 443, which needs the right to listen there:

    smbquic serve --share data=/srv/data --user alice --name fs.example

and on a client, with a copy of the ca.pem that it names:

    smbquic   smbquic ls --ca ca.pem smb+quic://alice@fs.example/data
    Windows   certutil -addstore Root ca.pem
              net use X: \\\\fs.example\\data /user:alice /transport:quic
    Samba     smbclient //fs.example/data -U alice \\
              --option='client smb transports=quic' \\
              --option="tls cafile=$PWD/ca.pem"              (4.23 or newer)
"""


@command("demo")
@json_option
def demo(*, as_json: bool) -> None:
    """Try it out: a PKI, a server and a client on this machine.

    It copies a tree of real files and one large file to the server and back, over QUIC and over
    TCP, and compares every hash. It needs no rights, no arguments and less than a minute.

    \b
    smbquic demo
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="smbquic-demo-") as name:
        steps = run(_run(Path(name), quiet=as_json))
    equal = all(step.equal for step in steps)
    if as_json:
        emit(_document(steps, time.monotonic() - started, equal=equal))
    else:
        _show(steps)
        click.echo(f"done in {time.monotonic() - started:.1f} s\n")
        click.echo(_NEXT, nl=False)
    if not equal:
        raise _DemoFailed("some files arrived with another hash")


def _document(steps: list[DemoStep], seconds: float, *, equal: bool) -> dict[str, Any]:
    rows = [
        {**asdict(step), "megabytes_per_second": round(step.megabytes_per_second, 1)}
        for step in steps
    ]
    return {"steps": rows, "seconds": round(seconds, 2), "equal": equal}


async def _run(directory: Path, *, quiet: bool) -> list[DemoStep]:
    served = directory / "share"
    served.mkdir()
    pki = init(directory / "pki")
    password = secrets.token_urlsafe(16)
    users = UserStore()
    users.add(USER, password)
    users.save(directory / "users.txt")
    work = _Demo(directory, served, quiet=quiet)
    async with _server(served, pki, directory / "users.txt") as urls:
        work.prepare()
        for transport in ("quic", "tcp"):
            async with connect(urls[transport], password=password, ca=pki.ca) as share:
                await work.copy(transport, share)
    return work.steps
