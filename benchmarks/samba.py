"""Samba's own server, client and load generator, which share no line with ours."""

import contextlib
import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from benchmarks import congestion
from benchmarks.ends.options import SHARE
from benchmarks.link import Host
from benchmarks.programs import SEARCH_PATH, Finished, ProgramError, run, terminate
from benchmarks.workspace import Workspace

Protection = Literal["sign", "encrypt"]
SETTINGS = """
[global]
  workgroup = BENCH
  netbios name = BENCH
  smb ports = {port}
  bind interfaces only = {bind}
  interfaces = {address}
  server multi channel support = no
  server signing = mandatory
  lock directory = {state}
  state directory = {state}
  cache directory = {state}
  pid directory = {state}
  private dir = {state}
  ncalrpc dir = {state}/ncalrpc
  passdb backend = tdbsam:{state}/passdb.tdb
  log file = {state}/log
  log level = 0
  map to guest = never
  disable spoolss = yes
  load printers = no
  # As we do: attributes and streams are kept, and nothing waits for the disk.
  vfs objects = streams_xattr
  store dos attributes = yes
  map archive = no
  map hidden = no
  map system = no
  # The files are in memory, where a thread for each READ and WRITE only costs time.
  aio read size = 0
  aio write size = 0
  kernel oplocks = no
  kernel share modes = no
  posix locking = no
[{name}]
  path = {share}
  read only = no
  smb encrypt = {encrypt}
"""
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "9437184", "MALLOC_TRIM_THRESHOLD_": "16777216"}
"""Variables with which glibc keeps the memory of a large message; our server does so by itself."""
_RATE = re.compile(r"\(([\d.]+) (?:KiloBytes|kb|kB)/(?:sec|s)\) \(average")
_OPERATIONS = re.compile(r"(\w+)\[num/s=(\d+)")


def missing() -> list[str]:
    """Return why smbd cannot be run here, as sentences."""
    return [] if os.geteuid() == 0 else ["smbd serves only as root"]


def user() -> str:
    """Return whom smbd serves: the user that it runs as."""
    return pwd.getpwuid(os.geteuid()).pw_name


@contextlib.contextmanager
def smbd(
    host: Host, workspace: Workspace, port: int, protection: Protection, tcp: str | None = None
) -> "Iterator[subprocess.Popen[Any]]":
    """Run smbd on `host` with the workspace's share, once it listens.

    `tcp` is its congestion control; None: the machine's.
    """
    environment = {**congestion.environment(tcp), **KEPT_MEMORY, "PATH": SEARCH_PATH}
    configuration = _configure(host, workspace, port, protection)
    server = host.popen(
        ["smbd", "-s", str(configuration), "-F", "--no-process-group", "--debug-stdout"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        # smbd, when it ends, ends its whole process group, which must not be ours.
        start_new_session=True,
    )
    try:
        host.wait_for_port(("tcp", port), process=server)
        yield server
    finally:
        terminate(server)


def _configure(host: Host, workspace: Workspace, port: int, protection: Protection) -> Path:
    """Write smbd's files; its user is made at the first use."""
    configuration = _configuration(workspace)
    state = configuration.parent
    configured = configuration.exists()
    state.mkdir(exist_ok=True)
    # In a namespace nobody else can reach it, and smbd does not see WireGuard's address as one.
    bind = "yes" if host.address.startswith("127.") else "no"
    configuration.write_text(
        SETTINGS.format(
            port=port,
            bind=bind,
            address=host.address,
            state=state,
            name=SHARE,
            share=workspace.share,
            encrypt="required" if protection == "encrypt" else "default",
        )
    )
    if not configured:
        subprocess.run(
            ["smbpasswd", "-c", str(configuration), "-a", "-s", user()],
            input=f"{workspace.password}\n{workspace.password}\n",
            text=True,
            check=True,
            capture_output=True,
            env={**congestion.environment(None), "PATH": SEARCH_PATH},
        )
    return configuration


def _configuration(workspace: Workspace) -> Path:
    return workspace.folder / "samba" / "smb.conf"


def smbclient(
    host: Host,
    server: tuple[str, int],
    workspace: Workspace,
    commands: str,
    protection: Protection,
    tcp: str | None = None,
) -> Finished:
    """Run commands of smbclient against smbd. Raises `ProgramError`."""
    address, port = server
    return run(
        host,
        [
            *("smbclient", f"//{address}/{SHARE}", "-s", str(_configuration(workspace))),
            *("-p", str(port), "-m", "SMB3", "-U", user(), f"--client-protection={protection}"),
            *("-c", commands),
        ],
        env={**congestion.environment(tcp), "PASSWD": workspace.password},
    )


def rate_of(output: str) -> float:
    """Return the bytes per second that smbclient says it got, or put. Raises `ProgramError`.

    Its kilobytes are 1024 bytes.
    """
    found = _RATE.search(output)
    if found is None or not float(found[1]):
        raise ProgramError(f"smbclient: {output.strip()}")
    return float(found[1]) * 1024


def smbtorture(
    host: Host, server: tuple[str, int], name: str, password: str, test: str, seconds: int
) -> dict[str, float]:
    """Return operations per second in one of smbtorture's benchmarks, as the user `name`."""
    address, port = server
    done = run(
        host,
        [
            *("smbtorture", f"//{address}/{SHARE}", "-p", str(port), f"-U{name}%{password}", test),
            f"--option=torture:timelimit={seconds}",
            *("--option=torture:qdepth=1", "--option=torture:nprocs=1"),
        ],
    )
    return rates_of(done.output)


def rates_of(output: str) -> dict[str, float]:
    """Return the mean of what smbtorture prints each second. Raises `ProgramError`."""
    rates: dict[str, list[int]] = {}
    for name, rate in _OPERATIONS.findall(output):
        rates.setdefault(name, []).append(int(rate))
    if not rates:
        raise ProgramError(f"smbtorture measured nothing:\n{output}")
    return {name: sum(each) / len(each) for name, each in rates.items()}
