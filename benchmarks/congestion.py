"""TCP's congestion control for a program, whatever the machine's default is."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.link import LinkUnavailable
from benchmarks.link.build import COMPILERS, cache_directory

SOURCE = Path(__file__).with_name("congestion.c")
FLAGS = ("-std=gnu11", "-O2", "-shared", "-fPIC")


def library() -> Path:
    """What is preloaded, compiled where it is first used. Raises `LinkUnavailable`."""
    text = SOURCE.read_bytes()
    key = hashlib.sha256("\0".join((*FLAGS, platform.machine(), "")).encode() + text).hexdigest()
    built = cache_directory() / f"congestion-{key[:16]}.so"
    if built.exists():
        return built
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise LinkUnavailable("there is no C compiler (Debian: apt install gcc libc6-dev)")
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
        result = Path(scratch) / "congestion.so"
        command = [compiler, *FLAGS, "-o", str(result), str(SOURCE), "-ldl"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise LinkUnavailable(f"{compiler} cannot compile {SOURCE}:\n{run.stderr.strip()}")
        result.rename(built)
    return built


def environment(congestion: str) -> dict[str, str]:
    """The environment of a program whose TCP is to have this congestion control."""
    return {
        **os.environ,
        "LD_PRELOAD": str(library()),
        "SMBQUIC_TCP_CONGESTION": congestion,
    }


def available() -> set[str]:
    """What this kernel has."""
    path = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
    return set(path.read_text().split())
