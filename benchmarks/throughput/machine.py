"""What the figures were taken on."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.throughput.place import ROOT

PACKAGES = ("aioquic", "qh3", "cryptography", "uvloop", "pyspnego", "smbprotocol")
PROGRAMS = (("smbd", "--version"), ("wireguard-go", "--version"))
SYSTEM = (
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
)


def describe() -> dict[str, Any]:
    """The machine, its kernel, and the versions of everything that matters."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mebibytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "programs": {name: _first_line(name, option) for name, option in PROGRAMS},
        "sysctls": {name.replace("/", "."): _setting(name) for name in SYSTEM},
        "commit": _first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return "none"
    return (done.stdout.splitlines() or [""])[0].strip()


def _setting(name: str) -> str:
    path = Path("/proc/sys") / name
    return " ".join(path.read_text().split()) if path.exists() else "none"
