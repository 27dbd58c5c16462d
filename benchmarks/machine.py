"""The machine that a run was made on, with all that may make a difference."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.programs import SEARCH_PATH

PACKAGES = ("aioquic", "cryptography", "pyspnego", "qh3", "smbprotocol", "smbquic", "uvloop")
PROGRAMS = {
    "iperf3": ("iperf3", "--version"),
    "smbd": ("smbd", "--version"),
    "wireguard-go": ("wireguard-go", "--version"),
    "openssl": ("openssl", "version"),
    "openvpn": ("openvpn", "--version"),
    "strongswan": ("/usr/lib/ipsec/charon", "--version"),
}
SYSCTLS = (
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_available_congestion_control",
    "net/ipv4/tcp_congestion_control",
)
COMMIT = ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def describe() -> dict[str, Any]:
    """Return everything, for JSON."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "programs": {name: _says(command) for name, command in PROGRAMS.items()},
        "sysctls": {name.replace("/", "."): _sysctl(name) for name in SYSCTLS},
        "commit": _says(("git", "-C", str(Path(__file__).parent), *COMMIT)),
    }


def _cpu() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _system() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.system()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _says(command: tuple[str, ...]) -> str | None:
    """The first line of what a program prints; None where there is no such program."""
    program = shutil.which(command[0], path=SEARCH_PATH)
    if program is None:
        return None
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True)
    return next(iter((done.stdout or done.stderr).splitlines()), None)


def _sysctl(name: str) -> str | None:
    with contextlib.suppress(OSError):
        return (Path("/proc/sys") / name).read_text().strip()
    return None
