"""In CI, what is skipped without a known reason fails the run."""

from pathlib import Path

import pytest

SKIPPED = """
import pytest

@pytest.mark.skip(reason="no such thing here: at all")
def test_a(): pass

def test_b():
    pytest.skip("too tired")

@pytest.mark.xfail(reason="known")
def test_c():
    raise ValueError

def test_d(): pass
"""
KNOWN = "user | test_it.py::test_a | no such thing here: *\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "RunWith":
    return RunWith(pytester, monkeypatch)


class RunWith:
    """Runs pytest where so much is allowed to be skipped."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.monkeypatch = monkeypatch
        pytester.makepyfile(test_it=SKIPPED)
        pytester.makeini("[pytest]\n")
        pytester.syspathinsert(Path(__file__).parents[2])

    def __call__(self, allowed: str, ci: str, *options: str) -> pytest.RunResult:
        (self.pytester.path / "allowed.txt").write_text(allowed)
        self.pytester.makeconftest(
            "import os\nfrom pathlib import Path\nimport tests.skips\n"
            "tests.skips.ALLOWED = Path('allowed.txt')\n"
            "os.geteuid = lambda: 1000\n"
        )
        self.monkeypatch.setenv("CI", ci)
        return self.pytester.runpytest_subprocess(
            *("-p", "tests.skips", "-p", "no:cacheprovider", *options)
        )


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_reason_that_is_not_known(run: RunWith, processes: str) -> None:
    done = run(f"# A remark.\n\n{KNOWN}", "true", "-n", processes)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*skipped: 2*", "*1 no such thing here: at all", "*1 too tired"])
    done.stdout.fnmatch_lines(["not allowed by allowed.txt: test_it.py::test_b: too tired"])
    done.stdout.no_fnmatch_line("not allowed*::test_a*")


def test_all_are_known(run: RunWith) -> None:
    assert run(KNOWN + "user | *::test_b | too tired", "true").ret == 0


def test_it_is_known_of_root_only(run: RunWith) -> None:
    allowed = KNOWN + "root | *::test_b | too tired"
    assert run(allowed, "true").ret == pytest.ExitCode.TESTS_FAILED


def test_at_home_anything_may_be_skipped(run: RunWith) -> None:
    done = run("", "")
    assert done.ret == 0
    done.stdout.no_fnmatch_line("not allowed*")


def test_others_can_run_what_was_skipped(run: RunWith, pytester: pytest.Pytester) -> None:
    run("", "", "--skipped", "skipped.txt")
    found = (pytester.path / "skipped.txt").read_text()
    assert found == "test_it.py::test_a\ntest_it.py::test_b\n"
    run("", "", "@skipped.txt").assert_outcomes(skipped=2)
