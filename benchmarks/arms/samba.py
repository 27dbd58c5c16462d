"""Samba's smbclient and smbd, which share no line with us."""

import os
import pwd
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from benchmarks import congestion
from benchmarks.arms.base import Arm, Figures, Running
from benchmarks.ends.options import SHARE
from benchmarks.headers import Headers
from benchmarks.link import Link
from benchmarks.ports import TCP_PORT
from benchmarks.programs import SEARCH_PATH, ProgramError, terminate
from benchmarks.workspace import Workspace

_CONFIGURATION = """
[global]
  smb ports = {port}
  server multi channel support = no
  server signing = mandatory
  lock directory = {state}
  state directory = {state}
  cache directory = {state}
  pid directory = {state}
  private dir = {state}
  ncalrpc dir = {state}
  passdb backend = tdbsam:{state}/passdb.tdb
  log file = {state}/log
  log level = 0
  disable spoolss = yes
  load printers = no
[{name}]
  path = {share}
  read only = no
  smb encrypt = required
"""
_RATE = re.compile(r"\(([\d.]+) (?:KiloBytes/sec|kb/s|kB/s)\)")


class SambaTcp(Arm):
    """The outside check: Samba at both ends, encrypted as the reference is."""

    name, title = "samba-tcp", "Samba's smbclient and smbd over TCP, encrypted"
    headers, encrypted = Headers.tcp(), True
    programs: ClassVar[dict[str, str]] = {
        "smbd": "samba",
        "smbpasswd": "samba",
        "smbclient": "smbclient",
    }
    works: ClassVar[tuple[str, ...]] = ("bulk-read", "bulk-write")

    def missing(self) -> list[str]:
        return super().missing() + ([] if os.geteuid() == 0 else ["smbd serves only as root"])

    @contextmanager
    def start(self, link: Link, workspace: Workspace) -> Iterator[Running]:
        user = pwd.getpwuid(os.geteuid()).pw_name
        environment = {**congestion.environment("cubic"), "PATH": SEARCH_PATH}
        configuration = _configure(workspace, user, environment)
        server = link.server.popen(
            ["smbd", "-s", str(configuration), "-F", "--no-process-group", "--debug-stdout"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        try:
            link.server.wait_for_port(("tcp", TCP_PORT), process=server)
            yield Running(_client(link, workspace, configuration, user), {"server": [server]})
        finally:
            terminate(server)


def _configure(workspace: Workspace, user: str, environment: dict[str, str]) -> Path:
    """smbd's files, made at the first use."""
    state = workspace.folder / "samba"
    configuration = state / "smb.conf"
    if not configuration.exists():
        state.mkdir()
        configuration.write_text(
            _CONFIGURATION.format(port=TCP_PORT, share=workspace.share, state=state, name=SHARE)
        )
        subprocess.run(
            ["smbpasswd", "-c", str(configuration), "-a", "-s", user],
            input=f"{workspace.password}\n{workspace.password}\n",
            text=True,
            check=True,
            capture_output=True,
            env=environment,
        )
    return configuration


def _client(
    link: Link, workspace: Workspace, configuration: Path, user: str
) -> Callable[[dict[str, Any], Callable[[str], None]], Figures]:
    """Does a work with smbclient, which itself says how fast it was."""

    def perform(request: dict[str, Any], on_event: Callable[[str], None]) -> Figures:
        landed = workspace.scratch / "got"
        if request["work"] == "bulk-read":
            size = (workspace.share / request["path"]).stat().st_size
            command = f"get {request['path']} {landed}"
        else:
            size = Path(request["source"]).stat().st_size
            command = f"put {request['source']} {request['path']}"
        process = link.client.popen(
            [
                *("smbclient", f"//{link.server.address}/{SHARE}", "-s", str(configuration)),
                *("-U", user, "--client-protection=encrypt", "-c", command),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**congestion.environment("cubic"), "PASSWD": workspace.password},
            start_new_session=True,
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        rate = _RATE.search(output)
        if process.returncode or rate is None or not float(rate[1]):
            raise ProgramError(f"smbclient: {output.strip()}")
        figures: Figures = {
            "bytes": size,
            "seconds": size / (float(rate[1]) * 1024),
            "client_cpu": usage.ru_utime + usage.ru_stime,
        }
        if request["work"] == "bulk-read":
            figures["landed"] = [str(landed)]
        return figures

    return perform
