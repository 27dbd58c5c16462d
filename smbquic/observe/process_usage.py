"""Memory and processor time of a process; None where the system has no `/proc`."""

import os
from pathlib import Path


def resident(process: int | str = "self") -> int | None:
    """Return the resident memory of a process in bytes."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(process: int | str = "self") -> float | None:
    """Return the processor time that a process has had."""
    try:
        # The name of the program, in parentheses, may have spaces.
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
    except (OSError, IndexError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")
