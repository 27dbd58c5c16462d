"""A pytest plugin: a test fails that leaves something behind.

This is about descriptors, child processes, threads, asyncio tasks, and files in the checkout. When
a test and its fixtures have ended, there may be nothing that was not there before, except for what
a fixture of a module or of the session has made, as long as that fixture lives. A leak of such a
fixture is an error of the last test that used it. What ends by itself within `GRACE` is no leak.
"""

import asyncio
import gc
import os
import stat
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
import uvloop

GRACE = 2.0
"""Seconds that something may take to go away by itself: a thread that was asked to end, a task that
was cancelled."""
GENERATED = frozenset(
    {
        *(".git", ".venv", "__pycache__", ".hypothesis"),
        *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache"),
    }
)
"""Folders in a checkout that belong to tools."""
COVERAGE = ".coverage"
"""How the names of coverage's files begin; processes of tests write theirs when they end."""

_FDS = next(path for path in map(Path, ("/proc/self/fd", "/dev/fd")) if path.exists())


@dataclass(frozen=True)
class Descriptor:
    """An open file of this process. Its number alone may stand for another one by now.

    All descriptors of one socket are the same: the native library makes another one of a socket
    that a fixture has opened, when it begins to read it.
    """

    number: int = field(compare=False)
    device: int
    inode: int
    distinct: int
    """The number again, except for a socket."""

    def __str__(self) -> str:
        try:
            target = (_FDS / str(self.number)).readlink()
        except OSError:
            return f"descriptor {self.number}"
        return f"descriptor {self.number}: {target}"


@dataclass(frozen=True)
class ChildProcess:
    """A process that this one has started and not waited for."""

    pid: int

    def __str__(self) -> str:
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            command = ""
        return f"child process {self.pid}: {command or 'has ended, and nobody has waited for it'}"


@dataclass(frozen=True)
class Thread:
    """A running thread."""

    number: int | None
    name: str

    def __str__(self) -> str:
        return f"thread {self.name}"


@dataclass(frozen=True)
class File:
    """A file or folder in the checkout."""

    path: Path

    def __str__(self) -> str:
        return f"file {self.path}"


Resource = Descriptor | ChildProcess | Thread | File


def descriptors() -> Iterator[Descriptor]:
    """Return what this process has open."""
    for name in os.listdir(_FDS):  # noqa: PTH208  (after every test)
        # The one that the listing itself needed is closed again.
        with suppress(OSError):
            status = os.fstat(int(name))
            distinct = -1 if stat.S_ISSOCK(status.st_mode) else int(name)
            yield Descriptor(int(name), status.st_dev, status.st_ino, distinct)


def children() -> Iterator[ChildProcess]:
    """Return the child processes, those that have ended and nobody has waited for included.

    Only Linux says which they are.
    """
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return
    own = str(os.getpid()).encode()
    for entry in Path("/proc").glob("[1-9]*"):
        with suppress(OSError):
            # The name of the program, in parentheses, may hold anything.
            _, parent, *_ = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            if parent == own:
                yield ChildProcess(int(entry.name))


def threads() -> Iterator[Thread]:
    """Return the running threads."""
    return (Thread(each.ident, each.name) for each in threading.enumerate())


class Checkout:
    """The files that have come into a folder. Only folders that have changed since are read again.

    Folders are strings here, which matters after every test.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._times: dict[str, int] = {}
        self._entries: dict[str, set[str]] = {}
        self._look(self._root)
        self._first = frozenset().union(*self._entries.values())
        self._entries.clear()

    def new(self) -> Iterator[File]:
        """Return what was not there at first, except for what tools generate."""
        for folder, known in list(self._times.items()):
            try:
                changed = os.stat(folder).st_mtime_ns != known  # noqa: PTH116
            except FileNotFoundError:
                del self._times[folder]
                self._entries.pop(folder, None)
                continue
            if changed:
                self._look(folder)
        for entries in self._entries.values():
            for path in entries - self._first:
                yield File(Path(path).relative_to(self._root))

    def _look(self, folder: str) -> None:
        self._entries[folder] = set()
        with suppress(FileNotFoundError):
            self._times[folder] = Path(folder).stat().st_mtime_ns
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name in GENERATED or entry.name.startswith(COVERAGE):
                        continue
                    self._entries[folder].add(entry.path)
                    if entry.is_dir(follow_symlinks=False) and entry.path not in self._times:
                        self._look(entry.path)


class Leaks:
    """Compares what there is before and after each test."""

    def __init__(self, root: Path) -> None:
        self._checkout = Checkout(root)
        self._owned: dict[pytest.FixtureDef, set[Resource]] = {}
        self._tasks: list[str] = []
        self._known: set[Resource] = self._all()
        """The resources that exist, without those of fixtures."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef
    ) -> Generator[None, object, object]:
        """Note what a fixture that outlives the test has made."""
        if fixturedef.scope == "function":
            return (yield)
        before = self._all()
        try:
            return (yield)
        finally:
            self._owned.setdefault(fixturedef, set()).update(self._all() - before)

    @pytest.hookimpl
    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef) -> None:
        """Expect that a fixture's resources are gone when it ends."""
        self._owned.pop(fixturedef, None)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Fail a test that has left something."""
        try:
            yield
        finally:
            present = self._settled()
            leaked = [*self._tasks, *sorted(map(str, self._new(present)))]
            self._tasks.clear()
            # Nothing is reported twice.
            self._known = present.difference(*self._owned.values())
        if leaked:
            pytest.fail("\n".join(["the test leaks:", *leaked]), pytrace=False)

    def ended(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note which tasks have not ended when their loop does."""
        tasks = asyncio.all_tasks(loop)
        if tasks:
            _, pending = loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE))
            self._tasks.extend(sorted(f"task {task.get_coro()!r}" for task in pending))

    def _settled(self) -> set[Resource]:
        """Return all resources, once the new ones of no fixture have had time to go away."""
        present = self._all()
        if self._new(present):
            gc.collect()
            # One process serves all that multiprocessing starts; another one is started on demand.
            if resource_tracker._resource_tracker._pid is not None:  # type: ignore[attr-defined]
                resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
            until = time.monotonic() + GRACE
            while self._new(present := self._all()) and time.monotonic() < until:
                time.sleep(0.01)
        return present

    def _new(self, present: set[Resource]) -> set[Resource]:
        """Return the resources of no fixture that were not there before the test."""
        return present - self._known.union(*self._owned.values())

    def _all(self) -> set[Resource]:
        return {*descriptors(), *children(), *threads(), *self._checkout.new()}


@contextmanager
def _watched(leaks: Leaks) -> Iterator[None]:
    """Every event loop is looked at before it closes, those of `asyncio.run` too."""
    original = asyncio.Runner.close

    def close(runner: asyncio.Runner) -> None:
        # There is none any more where it was closed before.
        with suppress(RuntimeError):
            leaks.ended(runner.get_loop())
        original(runner)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Runner, "close", close)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Watch while tests run, but not where other processes run them."""
    if session.config.getoption("numprocesses", None):
        return (yield)
    # The first loop of libuv's makes a pipe that all others share, for signals.
    uvloop.new_event_loop().close()
    leaks = Leaks(session.config.rootpath)
    session.config.pluginmanager.register(leaks)
    with _watched(leaks):
        try:
            return (yield)
        finally:
            session.config.pluginmanager.unregister(leaks)
