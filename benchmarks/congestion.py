"""TCP's congestion control for a program, whatever the machine's default is."""

import os
from pathlib import Path

from benchmarks.link.build import compiled

SOURCE = Path(__file__).with_name("congestion.c")
FLAGS = ("-std=gnu11", "-O2", "-shared", "-fPIC")


def library() -> Path:
    """Return the library to preload. Raises `LinkUnavailable`."""
    return compiled(SOURCE, FLAGS, libraries=["-ldl"])


def environment(congestion: str | None) -> dict[str, str]:
    """Return the environment of a program whose TCP has this congestion control.

    None leaves it to the machine.
    """
    if congestion is None:
        return dict(os.environ)
    return {
        **os.environ,
        "LD_PRELOAD": str(library()),
        "SMBQUIC_TCP_CONGESTION": congestion,
    }


def available() -> set[str]:
    """Return the congestion controls that this kernel has."""
    path = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
    return set(path.read_text().split())
