"""The server of a soak: `smbquic serve` with everything on, in a process of its own."""

import asyncio
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.programs import STARTING, ProgramError
from benchmarks.soak import content
from benchmarks.soak.plan import (
    CLIENTS_FOLDER,
    KILLED_FOLDER,
    PAGES,
    PAGES_FOLDER,
    SHARE,
    SoakPlan,
)
from smbquic import UserStore
from smbquic.pki import init

USER, KILLED_USER = "alice", "bob"
"""The user of clients that are killed is another one, so that the server's records tell them."""
STOPPING = 45.0
"""Seconds that it may take to end: it drains for 30."""
_CUT_OFF = re.compile(r"\w+://(?P<address>\S+) was disconnected: it does not take its responses")
_AS_ROOT = "files are served as root"
"""What the server warns of if the soak is run by root."""
_CONFIGURATION = """\
listen = ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"]
users_file = "users.txt"
log_level = "info"
log_format = "json"

[shares.{share}]
path = "share"

[[certificate]]
file = "pki/server.pem"
key = "pki/server.key"

[limits]
durable_seconds = {durable_seconds}

[audit]
file = "audit.jsonl"

[web]
listen = "127.0.0.1:0"
"""


class Served:
    """A running server. `password` is that of both users.

    `cut_off` counts the killed clients that it has disconnected, as they took no responses.
    """

    def __init__(
        self,
        folder: Path,
        process: asyncio.subprocess.Process,
        ready: dict[str, Any],
        password: str,
    ) -> None:
        self.folder = folder
        self.process = process
        self.password = password
        self.web: str = ready["web"]
        self._listeners: list[str] = ready["listeners"]
        self._read = 0
        self.cut_off = 0

    @property
    def ca(self) -> Path:
        """The authority that its certificate comes from."""
        return self.folder / "pki" / "ca.pem"

    @property
    def share(self) -> Path:
        """The folder that is shared."""
        return self.folder / "share"

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def url(self, scheme: str, user: str = USER) -> str:
        """Return the URL of the share over a transport."""
        transport = "quic" if scheme == "smb+quic" else "tcp"
        [address] = (
            url.removeprefix(f"{transport}://")
            for url in self._listeners
            if url.startswith(f"{transport}://")
        )
        return f"{scheme}://{user}@{address}/{SHARE}"

    def problems(self) -> list[str]:
        """Return what the log has had of warnings and errors since the last call.

        What has to be is not among them: that a killed client is disconnected.
        """
        with (self.folder / "log.jsonl").open("rb") as file:
            file.seek(self._read)
            lines = file.read().splitlines(keepends=True)
        found = []
        for line in lines:
            if not line.endswith(b"\n"):
                break  # the rest of it comes later
            self._read += len(line)
            problem = _problem(line.decode(errors="replace"))
            cut_off = _CUT_OFF.match(problem)
            if cut_off and self._user_at(cut_off["address"]) == KILLED_USER:
                self.cut_off += 1
            elif problem:
                found.append(problem)
        return found

    def _user_at(self, address: str) -> str | None:
        """Return who has logged on last from an address, by the audit records."""
        lines = (self.folder / "audit.jsonl").read_text().splitlines()
        records = (json.loads(line) for line in reversed(lines) if address in line)
        logons = (one["user"] for one in records if one["event"] == "logon")
        return next(logons, None)


def _problem(line: str) -> str:
    """Return what a line of the log says, if that is more than what clients do."""
    try:
        record = json.loads(line)
    except ValueError:
        return line.strip()  # what the interpreter has printed
    if record.get("level") == "info" or _AS_ROOT in record.get("message", ""):
        return ""
    trace = record.get("traceback") or record.get("exception") or ""
    return " ".join(filter(None, [record.get("message", line), trace]))


@asynccontextmanager
async def serving(folder: Path, plan: SoakPlan) -> AsyncIterator[Served]:
    """Run a server whose files are all in a folder. Raises `ProgramError` if it does not start."""
    password = secrets.token_urlsafe(12)
    _prepare(folder, plan, password)
    with (folder / "log.jsonl").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "smbquic", "serve", "-c", "server.toml", "--json"),
            cwd=folder,
            # Its status socket is for this run alone.
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            # Ctrl-C in a terminal is for us.
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), STARTING)
            ready = json.loads(line)
        except (TimeoutError, ValueError) as error:
            said = (folder / "log.jsonl").read_text()
            raise ProgramError(f"smbquic serve does not start: {said}") from error
        yield Served(folder, process, ready, password)
    finally:
        await stop(process)


def _prepare(folder: Path, plan: SoakPlan, password: str) -> None:
    init(folder / "pki")
    users = UserStore()
    users.add(USER, password)
    users.add(KILLED_USER, password)
    users.save(folder / "users.txt")
    (folder / "server.toml").write_text(
        _CONFIGURATION.format(share=SHARE, durable_seconds=plan.durable_seconds)
    )
    (folder / "share" / CLIENTS_FOLDER).mkdir(parents=True)
    for name in (PAGES_FOLDER, KILLED_FOLDER):
        (folder / "share" / name).mkdir()
        for number in range(PAGES):
            (folder / "share" / name / f"page-{number}").write_bytes(content.page(0))


async def stop(process: asyncio.subprocess.Process) -> int:
    """End a process with SIGTERM, or with SIGKILL where that takes too long; its exit code."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(process.wait(), STOPPING)
        except TimeoutError:
            process.kill()
    return await process.wait()
