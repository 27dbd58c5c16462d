"""Samba's own server, client and torture suite, as an outside reference."""

import contextlib
import getpass
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.programs import ProgramError
from benchmarks.throughput.place import PATIENCE, End

PORT = 4450
USER = getpass.getuser()
_RATE = re.compile(r"\(([\d.]+) (?:KiloBytes|kb)/(?:sec|s)\) \(average")
_OPERATIONS = re.compile(r"(\w+)\[num/s=(\d+)")
_SETTINGS = """
[global]
  workgroup = BENCH
  netbios name = BENCH
  smb ports = {port}
  bind interfaces only = {bind}
  interfaces = {address}
  lock directory = {state}
  state directory = {state}
  cache directory = {state}
  pid directory = {state}
  private dir = {state}
  ncalrpc dir = {state}/ncalrpc
  log file = {state}/log
  passdb backend = tdbsam:{state}/passdb.tdb
  map to guest = never
  disable spoolss = yes
  load printers = no
  # As we do: attributes and streams are kept, and nothing waits for the disk.
  vfs objects = streams_xattr
  store dos attributes = yes
  map archive = no
  map hidden = no
  map system = no
  kernel oplocks = no
  kernel share modes = no
  posix locking = no
[data]
  path = {share}
  read only = no
"""


def missing() -> list[str]:
    """The programs that are needed and not there."""
    programs = ("smbd", "smbclient", "smbpasswd", "smbtorture")
    return [name for name in programs if shutil.which(name) is None]


@contextlib.contextmanager
def running(end: End, share: Path, state: Path, password: str) -> Iterator[int]:
    """smbd on `end`, for the user that we are; gives its process id."""
    state.mkdir(exist_ok=True)
    configuration = state / "smb.conf"
    # In a namespace nobody else can reach it, and smbd does not see WireGuard's address as one.
    bind = "no" if end.namespace else "yes"
    configuration.write_text(
        _SETTINGS.format(bind=bind, port=PORT, address=end.address, state=state, share=share)
    )
    subprocess.run(
        ["smbpasswd", "-c", configuration, "-a", "-s", USER],
        input=f"{password}\n{password}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    # A shell in front, so that there is a first line to wait for.
    script = 'echo starting; exec smbd -s "$0" --foreground --no-process-group'
    with end.running(["sh", "-c", script, str(configuration)]) as (process, _):
        _wait(end, state, password)
        yield process.pid


def _wait(end: End, state: Path, password: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            smbclient(end, end.address, PORT, password, "ls")
        except ProgramError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def smbclient(end: End, address: str, port: int, password: str, commands: str) -> tuple[str, float]:
    """Run commands of smbclient, signed: its output and processor seconds."""
    return end.run(
        [
            *("smbclient", f"//{address}/data", "-p", str(port), "-m", "SMB3"),
            *("-U", f"{USER}%{password}", "--client-protection=sign"),
            *("-c", commands),
        ]
    )


def rate_of(output: str) -> float:
    """The bytes per second that smbclient says it got, or put; its kilobytes are 1024 bytes."""
    [rate] = _RATE.findall(output)
    return float(rate) * 1024


def torture(
    end: End, address: str, port: int, user: str, password: str, test: str, seconds: int
) -> dict[str, float]:
    """Operations per second in one of smbtorture's benchmarks, by their names."""
    output, _ = end.run(
        [
            *("smbtorture", f"//{address}/data", "-p", str(port), f"-U{user}%{password}", test),
            f"--option=torture:timelimit={seconds}",
            *("--option=torture:qdepth=1", "--option=torture:nprocs=1"),
        ]
    )
    return rates_of(output)


def rates_of(output: str) -> dict[str, float]:
    """The mean of what smbtorture says each second."""
    rates: dict[str, list[int]] = {}
    for name, rate in _OPERATIONS.findall(output):
        rates.setdefault(name, []).append(int(rate))
    if not rates:
        raise ProgramError(f"smbtorture measured nothing:\n{output}")
    return {name: sum(each) / len(each) for name, each in rates.items()}
