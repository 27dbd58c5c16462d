"""Programs and rights that this machine lacks, and the arms that need them."""

import os

from benchmarks.arms import ALL
from benchmarks.arms.base import Arm
from benchmarks.congestion import library
from benchmarks.link import Link, LinkError

COUNTING = 2
"""Cores below which the emulator and what it carries get into each other's way."""


def link_problem() -> str | None:
    """Why there can be no link on this machine, and so no run; None where there can."""
    try:
        library()
        with Link():
            return None
    except LinkError as error:
        return str(error)


def missing(arms: list[Arm]) -> dict[str, list[str]]:
    """Return what is lacking for each of these arms that cannot run."""
    return {arm.name: lacking for arm in arms if (lacking := arm.missing())}


def examine() -> tuple[list[str], bool]:
    """Lines for people, and whether every arm can run."""
    lines = []
    problem = link_problem()
    if problem:
        lines.append(f"NO   link: {problem}")
    else:
        lines.append("ok   link: network namespaces, TUN devices and the emulator")
    cores = len(os.sched_getaffinity(0))
    if cores < COUNTING:
        lines.append(f"NO   cores: {cores}; figures need {COUNTING} or more")
    else:
        lines.append(f"ok   cores: {cores}")
    lacking = missing(list(ALL.values()))
    for name, arm in ALL.items():
        if name in lacking:
            lines.append(f"NO   {name}: {'; '.join(lacking[name])}")
        else:
            lines.append(f"ok   {name}: {arm.title}")
    return lines, not (problem or lacking or cores < COUNTING)
