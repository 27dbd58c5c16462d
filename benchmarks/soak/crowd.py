"""The processes of clients: those that stay, those that are killed, and smbclient."""

import asyncio
import json
import os
import random
import shutil
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import cast

from benchmarks.programs import STOPPING, missing_programs
from benchmarks.soak.content import Source
from benchmarks.soak.plan import CLIENTS_FOLDER, SHARE, ClientOptions, Engine, SoakPlan, Transport
from benchmarks.soak.report import DifferenceError, Report
from benchmarks.soak.served import KILLED_USER, USER, Served

SMBCLIENT = "smbclient"
SMBCLIENT_SECONDS = 60.0
LEAVING = 60.0
"""Seconds that clients may take to log off."""
KEPT_FOLDERS = 12
"""Killed clients whose files stay: the server may have them open for a while."""
LINE = 1 << 22
"""Bytes of a report at most."""
SESSIONS_OF_KILLED = 3
_STDERR = 2000


class ProcessError(Exception):
    """A process of clients has ended, and was not asked to."""


class Crowd:
    """All clients. `reports` are by transport, and hold what was done since they were taken."""

    def __init__(self, plan: SoakPlan, served: Served) -> None:
        self._plan = plan
        self._served = served
        self._folder = served.folder / "clients"
        self._random = random.Random(f"{plan.seed}/crowd")
        self._processes: list[asyncio.subprocess.Process] = []
        """Those that are asked to end: the others are killed."""
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._reports: dict[str, Report] = {}
        self.killed: Counter[str] = Counter()
        """How many processes were killed, by transport."""

    def take_reports(self) -> dict[str, Report]:
        """Return what has been done since the last call, by transport."""
        reports, self._reports = self._reports, {}
        return reports

    def start(self) -> None:
        """Start all."""
        self._folder.mkdir()
        for transport in self._plan.transports:
            self._tasks.append(asyncio.create_task(self._steady(transport)))
        if self._plan.killed:
            self._tasks.append(asyncio.create_task(self._kill_in_turn()))
        if self._plan.smbclient and not missing_programs({"smbclient": "smbclient"}):
            self._tasks.append(asyncio.create_task(self._smbclient()))

    async def stop(self) -> None:
        """Have all clients log off, and wait until they have; what is left then is killed."""
        self._stopping.set()
        for process in self._processes:
            _ask_to_end(process)
        _, pending = await asyncio.wait(self._tasks, timeout=LEAVING) if self._tasks else ((), ())
        for process in self._processes:
            if process.returncode is None:
                self._failed("stop", "all", ProcessError(f"does not end within {LEAVING:g} s"))
                process.kill()
        if pending:
            await asyncio.wait(pending, timeout=STOPPING)
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                self._failed("stop", "all", outcome)

    def _report(self, transport: str) -> Report:
        return self._reports.setdefault(transport, Report())

    def _failed(self, action: str, transport: str, error: Exception) -> None:
        self._report(transport).failed(action, error)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the soak goes on."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    # --- our own clients ----------------------------------------------------------------------

    async def _steady(self, transport: Transport) -> None:
        """Keep a process of clients going; one that ends is a failure, and started again."""
        number = 0
        while not self._stopping.is_set():
            number += 1
            options = self._options(f"{transport}-{number}", transport, self._plan.sessions)
            code, said = await self._run(options, transport, None)
            if not self._stopping.is_set() or code:
                self._failed("process", transport, ProcessError(f"exit code {code}: {said}"))
                await self._pause(1.0)

    async def _kill_in_turn(self) -> None:
        """Start clients and kill them in the middle of their work, over each transport in turn."""
        number = 0
        folders: list[list[Path]] = []
        while not self._stopping.is_set():
            transport = self._plan.killed[number % len(self._plan.killed)]
            number += 1
            name = f"killed-{number}"
            options = self._options(name, transport, SESSIONS_OF_KILLED, holds=True)
            life = self._plan.kill_interval * self._random.uniform(0.5, 1.5)
            code, said = await self._run(options, transport, life)
            if code not in (0, -9):
                self._failed("process", transport, ProcessError(f"exit code {code}: {said}"))
                await self._pause(1.0)
            left = self._served.share / CLIENTS_FOLDER
            folders.append(await asyncio.to_thread(lambda: [*left.glob(f"{name}-*")]))  # noqa: B023
            for folder in folders.pop(0) if len(folders) > KEPT_FOLDERS else ():
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _options(
        self, name: str, transport: Transport, sessions: int, *, holds: bool = False
    ) -> ClientOptions:
        scheme, _, engine = transport.partition("-")
        return ClientOptions(
            name=name,
            url=self._served.url(
                "smb" if scheme == "tcp" else "smb+quic", KILLED_USER if holds else USER
            ),
            engine=cast(Engine, engine or "auto"),
            ca=str(self._served.ca),
            password=self._served.password,
            sessions=sessions,
            rate=self._plan.rate_of_process,
            interval=self._plan.interval,
            seed=f"{self._plan.seed}/{name}",
            holds=holds,
        )

    async def _run(
        self, options: ClientOptions, transport: str, life: float | None
    ) -> tuple[int, str]:
        """Run a process, and kill it after `life` seconds; its exit code, and what it has said."""
        errors = self._folder / f"{options.name}.txt"
        with errors.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.soak.client", options.to_json()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                limit=LINE,
                start_new_session=True,
            )
        if life is None:
            self._processes.append(process)
            if self._stopping.is_set():
                _ask_to_end(process)  # it was not there yet when all the others were asked
        reading = asyncio.create_task(self._read(process, transport))
        try:
            if life is not None:
                # The last one is killed at the end of the load: it leaves everything behind, too.
                await self._pause(life)
                if process.returncode is None:
                    process.kill()
                    self.killed[transport] += 1
            await reading
            code = await process.wait()
        finally:
            reading.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            if life is None:
                self._processes.remove(process)
        said = errors.read_text(errors="replace").strip()[-_STDERR:]
        errors.unlink()
        return code, said

    async def _read(self, process: asyncio.subprocess.Process, transport: str) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if not line.endswith(b"\n"):
                return  # it was killed in the middle of it
            self._report(transport).update(Report.of(json.loads(line)))

    # --- smbclient ----------------------------------------------------------------------------

    async def _smbclient(self) -> None:
        """Have Debian's smbclient put a file, get it and delete it, again and again."""
        source = Source(f"{self._plan.seed}/smbclient")
        number = 0
        while not self._stopping.is_set():
            number += 1
            try:
                await self._smbclient_once(f"smbclient-{number}", source.content(1 << 20))
            except (DifferenceError, ProcessError, OSError, TimeoutError) as error:
                self._failed("run", SMBCLIENT, error)
            await self._pause(self._plan.smbclient_interval)

    async def _smbclient_once(self, name: str, data: bytes) -> None:
        put, got = self._folder / f"{name}.put", self._folder / f"{name}.got"
        put.write_bytes(data)
        host, _, port = self._served.url("smb").partition("@")[2].partition("/")[0].partition(":")
        commands = f"put {put} {name}; ls; get {name} {got}; del {name}"
        loop = asyncio.get_running_loop()
        begun = loop.time()
        process = await asyncio.create_subprocess_exec(
            *(SMBCLIENT, f"//{host}/{SHARE}", "-s", os.devnull, "-p", port, "-m", "SMB3"),
            *("-U", USER, "-c", commands),
            env={**os.environ, "PASSWD": self._served.password},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(SMBCLIENT_SECONDS):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ProcessError(f"smbclient: exit code {process.returncode}: {output.decode()}")
        self._report(SMBCLIENT).took("run", loop.time() - begun)
        if got.read_bytes() != data:
            raise DifferenceError("smbclient has got another file than it has put")
        put.unlink()
        got.unlink()


def _ask_to_end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
