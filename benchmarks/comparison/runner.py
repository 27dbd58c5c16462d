"""Makes the visits of a run: a fresh link, the arm on it, its works, and what the link saw."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from benchmarks import machine
from benchmarks.arms import ALL as ARMS
from benchmarks.arms import Arm, Running
from benchmarks.comparison import doctor, plan
from benchmarks.comparison.clock import ClockError
from benchmarks.comparison.links import LinkChoice
from benchmarks.comparison.plan import Visit
from benchmarks.comparison.profiles import Leg, Profile
from benchmarks.comparison.results import FORMAT, Folder
from benchmarks.comparison.works import ALL as WORKS
from benchmarks.comparison.works import Work
from benchmarks.link import Link, LinkError, Loss, Statistics, remove_leftovers
from benchmarks.link.calibrate import calibrate
from benchmarks.other_programs import OtherPrograms
from benchmarks.programs import Perform, ProgramError
from benchmarks.workspace import Workspace, remove_leftover_files, temporary_workspace

SNMP = "/proc/self/net/snmp"
Progress = Callable[[int, int, Visit | None], None]
"""Called with how many visits are done, how many there are in all, and which one is next."""


def clean_up() -> list[str]:
    """Remove what killed runs left behind; says what it was."""
    return remove_leftovers() + remove_leftover_files()


def describe(profile: Profile, arms: Sequence[Arm], seed: int) -> dict[str, Any]:
    """A run's description, for its folder."""
    lacking = doctor.missing(list(arms))
    return {
        "format": FORMAT,
        "profile": profile.name,
        "about": profile.about,
        "seed": seed,
        "blocks": profile.blocks,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "links": [leg.link for leg in profile.legs],
        "legs": [asdict(leg) for leg in profile.legs],
        "arms": [arm.name for arm in arms if arm.name not in lacking],
        "missing": lacking,
        "machine": machine.describe(),
    }


def run(
    profile: Profile, arms: Sequence[Arm], folder: Folder, progress: Progress, seed: int | None
) -> dict[str, Any]:
    """Make all visits that the folder does not hold yet: the result.

    Raises `LinkError` where there can be no link, `DocumentError` for a folder of another run.
    """
    chosen = random.SystemRandom().getrandbits(31) if seed is None else seed
    description = folder.begin(describe(profile, arms, chosen))
    seed = description["seed"]
    legs = {leg.link: leg for leg in profile.legs}
    names = description["arms"]
    planned = plan.visits(
        {leg.link: [n for n in names if n in (leg.arms or names)] for leg in profile.legs},
        profile.blocks,
        seed,
    )
    # What is invalid is made again once the rest is through.
    while todo := plan.remaining(planned, folder.done()):
        done = len(folder.visits())
        total = done + len(todo)
        for link, group in groupby(todo, lambda visit: visit.link):
            with temporary_workspace(legs[link].sizes, seed) as workspace:
                for visit in group:
                    progress(done, total, visit)
                    folder.add(make(visit, legs[link], workspace, plan.seed_of(visit, seed)))
                    done += 1
    progress(len(planned), len(planned), None)
    calibrations = [measure(LinkChoice.parse(link), profile) for link in legs]
    return folder.finish(
        calibration=[found for found in calibrations if found],
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def measure(choice: LinkChoice, profile: Profile) -> dict[str, Any] | None:
    """A link set against measured; None for one without a rate.

    Where it has no loss, the emulator's is tried with 1 %.
    """
    if not choice.rate:
        return None
    found = calibrate(
        rate=str(choice.rate),
        delay=str(choice.round_trip / 2 / 10**9),
        loss=choice.loss if choice.loss.mean else Loss.random(0.01),
        seconds=profile.calibration_seconds,
    )
    return {"link": choice.name, **asdict(found), "wrong": found.wrong}


def make(visit: Visit, leg: Leg, workspace: Workspace, seed: int) -> dict[str, Any]:
    """One visit. What goes wrong with it is in its `problems`."""
    arm = ARMS[visit.arm]
    started, others = time.monotonic(), OtherPrograms()
    document: dict[str, Any] = {
        **asdict(visit),
        "seed": seed,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "works": {},
        "problems": [],
    }
    link = LinkChoice.parse(visit.link).make(seed)
    try:
        with link, arm.start(link, workspace) as running, running.client() as perform:
            again = SentAgain(link, running)
            for work in map(WORKS.__getitem__, leg.works):
                if work.suits(arm):
                    outcome = do(work, perform, running, workspace, link, seed, again)
                    document["works"][work.name] = outcome
            document["problems"] += link.statistics().problems
    except ProgramError as error:
        document["problems"].append(f"{arm.name}: {error}")
    document["link_statistics"] = asdict(link.statistics())
    document["seconds"] = time.monotonic() - started
    document["bystanders"] = others.share()
    return document


def do(
    work: Work,
    perform: Perform,
    running: Running,
    workspace: Workspace,
    link: Link,
    seed: int,
    again: "SentAgain",
) -> dict[str, Any]:
    """Do one work: its figures, and what was wrong."""
    before, cpu = link.statistics(), running.cpu_seconds()
    try:
        figures = work.run(perform, workspace, link, seed)
    except (ProgramError, ClockError, LinkError, BrokenPipeError) as error:
        return {"figures": {}, "problems": [f"{work.name}: {error}"]}
    used = {role: seconds - cpu[role] for role, seconds in running.cpu_seconds().items()}
    after = link.statistics()
    resent = again.since()
    resent["client"] += figures.pop("client_lost", 0)
    if "client_cpu" in figures:
        used["client"] = figures.pop("client_cpu")
    used["emulator"] = (after.cpu_ns - before.cpu_ns) / 1e9
    return {
        "problems": work.check(figures, workspace),
        "figures": {**figures, "cpu": used, "wire": wire(before, after), "sent_again": resent},
    }


class SentAgain:
    """Counters of retransmissions: segments of each kernel's TCP, packets of the server's QUIC."""

    def __init__(self, link: Link, running: Running) -> None:
        self._ends = {"client": link.client, "server": link.server}
        self._running = running
        self._before = self._count()

    def _count(self) -> dict[str, int]:
        found = {
            role: retransmitted(end.run(["cat", SNMP]).stdout) for role, end in self._ends.items()
        }
        found["server"] += self._running.lost_packets()
        return found

    def since(self) -> dict[str, int]:
        """Since it was made, or this was last asked for."""
        before, self._before = self._before, self._count()
        return {role: count - before[role] for role, count in self._before.items()}


def retransmitted(snmp: str) -> int:
    """TCP's retransmitted segments in the text of the kernel's counters."""
    names, numbers = (line.split() for line in snmp.splitlines() if line.startswith("Tcp:"))
    return int(numbers[names.index("RetransSegs")])


def wire(before: Statistics, after: Statistics) -> dict[str, dict[str, int]]:
    """Return the traffic in each direction meanwhile."""
    found = {}
    for way in ("up", "down"):
        passed = getattr(after, way).total - getattr(before, way).total
        found[way] = {
            "packets": passed.offered.packets,
            "bytes": passed.offered.bytes,
            "delivered_bytes": passed.delivered.bytes,
            "lost": passed.loss.packets,
            "queue_drops": passed.queue.packets,
        }
    return found
