"""Fixtures that every room's tests may use, and what happens where a program is missing."""

import os
import shutil
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from benchmarks.link import Link, LinkUnavailable
from smbquic.pki import FaultyPki, PkiDirectory, init, write_faults

# How long an example takes says nothing about the code on a machine that does other things too.
# In CI, where a failure has to be due to the change at hand, the examples are always the same.
settings.register_profile(
    "smbquic",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("smbquic")

# A program's own folder is the first place where it looks for modules; beside pytest, impacket has
# a program smbclient.py, which hides smbprotocol's package of that name.
sys.path[:] = [place for place in sys.path if place != sysconfig.get_path("scripts")]

pytest_plugins = [
    "pytester",
    "tests.engines",
    "tests.leaks",
    "tests.skips",
    "tests.with_workers",
]

TESTS = Path(__file__).parent
# Debian keeps smbd where only root's PATH looks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """With several processes (`-n`), each takes a file's tests, in the order of the files.

    Whoever makes a link removes what killed runs have left, and that is a test's business: so all
    files that make links count as one.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "links" if makes_links(file) else file


@cache
def makes_links(file: str) -> bool:
    """Whether a file of tests names the fixture without which there are no links."""
    return "network_namespaces" in (TESTS.parent / file).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Called by pytest-xdist."""
    # Those with the most tests are not those that take longest.
    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Called by pytest-xdist for `-n auto`. Tests wait most of the time: two for each core."""
    return min(2 * (os.cpu_count() or 1), 16)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are not installed; in CI, where they must be, fail it."""
    wanted = [name for mark in item.iter_markers("debian") for name in mark.args]
    missing = sorted({name for name in wanted if shutil.which(name, path=SEARCH_PATH) is None})
    if missing:
        reason = f"not installed: {', '.join(missing)} (CONTRIBUTING.md names Debian's packages)"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def network_namespaces() -> None:
    """Skip a test where no link can be made between namespaces; in CI as root, fail it."""
    try:
        with Link():
            pass
    except LinkUnavailable as error:
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiDirectory:
    """A fresh PKI: the server's certificate is for localhost, its addresses and fs.example."""
    return init(tmp_path_factory.mktemp("pki") / "good", names=["fs.example"])


@pytest.fixture(scope="session")
def bad_pki(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> FaultyPki:
    """One certificate of each fault for each end, issued by the CA of `pki`."""
    return write_faults(tmp_path_factory.mktemp("pki-faults"), pki)
