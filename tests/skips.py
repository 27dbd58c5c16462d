"""A pytest plugin: in CI, a test that is skipped without a known reason fails the run.

The reasons are in `skips.txt`. With `--skipped FILE` the ids of the skipped tests are written to a
file, which pytest takes as `@FILE`: so root runs what an ordinary user could not.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

import pytest

ALLOWED = Path(__file__).with_name("skips.txt")


@dataclass(frozen=True)
class Allowed:
    """Tests that may be skipped: by whom (`user` or `root`), which, and for what reason.

    The last two are patterns as in file names.
    """

    who: str
    tests: str
    reason: str

    @classmethod
    def read(cls, file: Path) -> list[Self]:
        """Return what a file allows, which has one line for each."""
        lines = (line.strip() for line in file.read_text().splitlines())
        return [
            cls(*(part.strip() for part in line.split("|", 2)))
            for line in lines
            if line and not line.startswith("#")
        ]

    def covers(self, who: str, test: str, reason: str) -> bool:
        """Whether it allows this one."""
        return (
            who == self.who and fnmatchcase(test, self.tests) and fnmatchcase(reason, self.reason)
        )


class Skips:
    """The tests that were skipped so far."""

    def __init__(self, allowed: Iterable[Allowed], who: str) -> None:
        self._allowed = list(allowed)
        self._who = who
        self.reasons: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a test that was skipped."""
        # One that fails as it is expected to has been run.
        if report.skipped and not hasattr(report, "wasxfail"):
            self._skipped(report)

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of a module that was skipped."""
        if report.skipped:
            self._skipped(report)

    def _skipped(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        assert isinstance(report.longrepr, tuple)
        self.reasons[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")

    def unknown(self) -> dict[str, str]:
        """Return the tests that nothing allows to be skipped, with their reasons."""
        return {
            test: reason
            for test, reason in self.reasons.items()
            if not any(each.covers(self._who, test, reason) for each in self._allowed)
        }

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run, and write down what was skipped."""
        if file := session.config.getoption("skipped"):
            Path(file).write_text("".join(f"{test}\n" for test in self.reasons))
        if os.environ.get("CI") and self.unknown() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show how many were skipped for which reason, in CI."""
        if not os.environ.get("CI") or not self.reasons:
            return
        terminalreporter.section(f"skipped: {len(self.reasons)}")
        for reason, count in Counter(self.reasons.values()).most_common():
            terminalreporter.line(f"{count:4} {reason}")
        for test, reason in self.unknown().items():
            terminalreporter.line(f"not allowed by {ALLOWED.name}: {test}: {reason}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    parser.addoption("--skipped", metavar="FILE", help="write the ids of skipped tests to this")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest. Those who run tests for another process leave it to that one."""
    if not hasattr(config, "workerinput"):
        who = "user" if os.geteuid() else "root"
        config.pluginmanager.register(Skips(Allowed.read(ALLOWED), who))
