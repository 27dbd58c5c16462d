"""The programs that a measurement runs: where they are found, and how they are ended."""

import os
import subprocess
from typing import Any

SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
"""Debian has smbd and the VPNs where only root's PATH looks."""
STOPPING = 10.0
"""Seconds that a program may take to end after SIGTERM."""


class ProgramError(Exception):
    """A program did not start, or did not do what it was asked for."""


def terminate(process: "subprocess.Popen[Any]") -> None:
    """End a process with SIGTERM, and with SIGKILL where that takes too long."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
