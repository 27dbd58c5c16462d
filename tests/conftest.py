"""Fixtures that every room's tests may use, and what happens where a program is missing."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.link import Link, LinkUnavailable
from smbquic.pki import FaultyPki, PkiDirectory, init, write_faults

# How long an example takes says nothing about the code on a machine that does other things too.
# In CI, where a failure has to tell of the change at hand, the examples are the same each time.
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

TESTS = Path(__file__).parent
# Debian keeps smbd where only root's PATH looks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (`-n`, `--dist loadgroup`), what uses the machine stays together.

    Tests that start servers or make links would disturb each other; those of units cannot.
    """
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in ("integration", "interop"):
            # Who makes a link removes what killed runs have left, and that is a test's business.
            if isinstance(item, pytest.Function) and "network_namespaces" in item.fixturenames:
                folder = "integration"
            item.add_marker(pytest.mark.xdist_group(folder))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are not installed; in CI, where they must be, fail it."""
    wanted = [name for mark in item.iter_markers("debian") for name in mark.args]
    missing = sorted({name for name in wanted if shutil.which(name, path=SEARCH_PATH) is None})
    if missing:
        packages = "smbclient, samba, samba-testsuite, rclone, gcc, iperf3, iputils-ping, chromium"
        reason = f"not installed: {', '.join(missing)} (Debian: {packages})"
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
