"""Tries a mutant: the tests run on a copy of the project that has the change."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath

PROJECT = Path(__file__).parents[2]
ROOMS = (
    "wire",
    "crypto",
    "auth",
    "protocol",
    "storage",
    "transport",
    "pki",
    "server",
    "client",
    "overload",
)

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
_CLIENTS = "tests/integration/test_client_*.py"
BEYOND = {
    "wire": ("tests/protocol", "tests/unit/server", "tests/unit/client"),
    "crypto": ("tests/protocol", "tests/attacks", "tests/unit/server"),
    "auth": ("tests/attacks", "tests/protocol", "tests/integration/test_lockout.py", _CLIENTS),
    "protocol": (
        "tests/protocol",
        "tests/attacks",
        "tests/unit/server",
        "tests/unit/client",
        _CLIENTS,
    ),
    "storage": ("tests/unit/server", "tests/attacks", "tests/integration/test_model.py"),
    "transport": (
        "tests/integration/test_transport_[fhmrt]*.py",
        "tests/integration/test_transport_limits.py",
        "tests/integration/test_transport_network.py",
        "tests/integration/test_robustness_*.py",
        "tests/integration/test_status.py",
    ),
    "pki": (
        "tests/integration/test_acme.py",
        "tests/unit/cli",
        "tests/integration/test_certificates.py",
        "tests/integration/test_trust_*.py",
    ),
    "server": (
        "tests/attacks",
        "tests/integration/test_server_*.py",
        "tests/integration/test_robustness_*.py",
        "tests/integration/test_durable.py",
        "tests/integration/test_leases.py",
        "tests/integration/test_model.py",
        "tests/integration/test_slow_clients.py",
        "tests/integration/test_status.py",
        _CLIENTS,
    ),
    "overload": (
        "tests/unit/server",
        "tests/attacks",
        "tests/integration/test_slow_clients.py",
        "tests/integration/test_transport_limits.py",
        "tests/integration/test_drain.py",
    ),
    "client": (
        _CLIENTS,
        "tests/integration/test_probe.py",
        "tests/integration/test_robustness_*.py",
        "tests/integration/test_cli.py",
        "tests/interop/test_fsspec.py",
    ),
}
"""By room, the tests beyond its own that may notice a change."""
_ELSEWHERE: dict[str, str] = tomllib.loads((PROJECT / "tests/unit/mirrors.toml").read_text())[
    "elsewhere"
]
LIMIT_FACTOR = 10
SHORTEST_LIMIT = 120.0
"""Tests count as hanging after so many times what they take without a mutant, and so many seconds
at least: other programs may slow them down."""
_NOTHING_TO_RUN = 5


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change; `before` and `after` are the lines that differ."""

    room: str
    module: str
    line: int
    operator: str
    occurrence: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Result:
    """The fate of a mutant; `tests` are those that killed it."""

    outcome: str
    tests: str
    seconds: float


class TimeLimits:
    """The seconds after which tests count as hanging; `fixed` is for all of them."""

    def __init__(self, fixed: float | None = None) -> None:
        self._fixed = fixed
        self._measured: dict[tuple[str, ...], float] = {}

    def limit_of(self, tests: tuple[str, ...], measure: Callable[[], float]) -> float:
        """Return the limit for tests; `measure` runs them once without a mutant, and times them."""
        if self._fixed is not None:
            return self._fixed
        if tests not in self._measured:
            self._measured[tests] = measure()
        return max(LIMIT_FACTOR * self._measured[tests], SHORTEST_LIMIT)


class WorkingTree:
    """A copy of the project, in which one mutant lives at a time."""

    def __init__(self, folder: Path, limits: TimeLimits) -> None:
        self._limits = limits
        self._folder = folder / "project"
        self._temporary = folder / "temporary"
        self._output = folder / "output"
        self._failing: set[str] = set()
        shutil.copytree(PROJECT, self._folder, symlinks=True, ignore=_LEFT_OUT)

    def try_out(self, mutant: Mutant, changed: str) -> Result:
        """Run the tests with the mutated text `changed`, the nearest first, until some fail."""
        started = time.monotonic()
        path = self._folder / mutant.module
        original = path.read_text()
        remaining = stages(mutant.module)
        while remaining:
            limit = self._limits.limit_of(remaining[0], partial(self._seconds, remaining[0]))
            deselected = map("--deselect={}".format, self._failing)
            path.write_text(changed)
            try:
                code = self._run(remaining[0], "-x", *deselected, limit=limit)
            finally:
                path.write_text(original)
            if code is None:
                return Result("timed out", " ".join(remaining[0]), time.monotonic() - started)
            if code in (0, _NOTHING_TO_RUN):
                del remaining[0]
                continue
            said = self._output.read_text(errors="replace")
            failing = re.findall(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", said, re.MULTILINE)
            if self._pass_without_it(failing, remaining[0]):
                return Result("killed", " ".join(failing), time.monotonic() - started)
        return Result("survived", "", time.monotonic() - started)

    def _pass_without_it(self, failing: list[str], tests: tuple[str, ...]) -> bool:
        """Whether it was the mutant that tests failed with; if not, they are left out from now on.

        Without `failing` nothing could be run with the mutant.
        """
        if not failing:
            if self._run(tests, "--collect-only") != 0:
                raise RuntimeError(f"{' '.join(tests)} cannot be run:\n{self._output.read_text()}")
            return True
        if self._run(tuple(failing)) == 0:
            return True
        print(f"left out, as they fail without any mutant: {' '.join(failing)}", flush=True)
        self._failing.update(failing)
        return False

    def _seconds(self, tests: tuple[str, ...]) -> float:
        """How long tests take without a mutant."""
        started = time.monotonic()
        self._run(tests)
        return time.monotonic() - started

    def _run(self, tests: tuple[str, ...], *options: str, limit: float | None = None) -> int | None:
        """The exit status of tests; None if they were ended because they took too long."""
        files = [file for each in tests for file in self._matching(each)]
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        shutil.rmtree(self._temporary, ignore_errors=True)
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                [*pytest, f"--basetemp={self._temporary}", *options, *files],
                cwd=self._folder,
                # What the tests start has to be the mutant, too.
                env={
                    **os.environ,
                    "PYTHONPATH": str(self._folder),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "HYPOTHESIS_STORAGE_DIRECTORY": str(self._temporary / "hypothesis"),
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Whatever the tests have started and left goes with them.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _matching(self, tests: str) -> list[str]:
        """The files that a pattern stands for; one test stands for itself."""
        if "::" in tests:
            return [tests]
        return [str(each.relative_to(self._folder)) for each in sorted(self._folder.glob(tests))]


def stages(module: str) -> list[tuple[str, ...]]:
    """The tests that may notice a change of a module, the nearest first."""
    room = module.split("/")[1]
    nearest = tuple(_unit_tests(module)) or (f"tests/unit/{room}",)
    return [nearest, (f"tests/unit/{room}",), BEYOND[room]]


def shares(count: int, sizes: dict[str, int]) -> dict[str, int]:
    """Divide a number in proportion to sizes; what is left over goes to the largest remainders."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    found = {name: int(part) for name, part in exact.items()}
    by_remainder = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in by_remainder[: count - sum(found.values())]:
        found[name] += 1
    return found


def _unit_tests(module: str) -> list[str]:
    """The files of tests that carry the module's name, and that of which `mirrors.toml` says so.

    Where there are none, those of its room that import the module.
    """
    path = PurePath(module)
    room = PROJECT / "tests" / "unit" / path.parts[1]
    package = PROJECT.joinpath(*path.parts[:2])
    found = [
        each
        for each in (*room.rglob(f"test_{path.stem}.py"), *room.rglob(f"test_{path.stem}_*.py"))
        # `test_create_replay.py` is about the module `create_replay`, and not about `create`.
        if each.stem == f"test_{path.stem}" or not [*package.rglob(f"{each.stem[5:]}.py")]
    ]
    if module in _ELSEWHERE:
        found.append(PROJECT / "tests" / _ELSEWHERE[module])
    if not found:
        parent = re.escape(".".join(path.parent.parts))
        imported = re.compile(rf"{parent}(\.| import .*\b){path.stem}\b")
        found = [each for each in room.rglob("test_*.py") if imported.search(each.read_text())]
    return sorted({str(each.relative_to(PROJECT)) for each in found})
