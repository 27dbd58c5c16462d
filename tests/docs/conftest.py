"""Machines for the readers of the pages."""

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import SEARCH_PATH
from tests.docs.machine import ReaderMachine, RootsMachine
from tests.docs.pages import ROOT

_NOT_CLONED = (".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "benchmarks")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[ReaderMachine]:
    """A machine on which smbquic is installed, for the how-tos."""
    scripts = sysconfig.get_path("scripts")
    with ReaderMachine(tmp_path / "machine", {"PATH": f"{scripts}:{SEARCH_PATH}"}) as machine:
        yield machine


@pytest.fixture
def fresh_machine(tmp_path: Path) -> Iterator[ReaderMachine]:
    """A machine with Python and a clone of the project, `~/smbquic`, and nothing else of it."""
    # Not by a link to it: an interpreter that was moved finds its library beside itself only.
    programs = Path(getattr(sys, "_base_executable", sys.executable)).parent
    packages = sysconfig.get_path("purelib")
    machine = ReaderMachine(tmp_path / "machine", _installable(str(programs), packages))
    _clone(machine.home / "smbquic")
    with machine:
        yield machine


@pytest.fixture
def roots_machine(tmp_path: Path) -> Iterator[RootsMachine]:
    """The same for root, where other users too can run Python."""
    environment = _installable("/opt/python/bin", "/opt/packages")
    # For a Python whose own library is in a folder that only root may enter.
    environment["LD_LIBRARY_PATH"] = "/opt/python/lib"
    machine = RootsMachine(tmp_path / "machine", environment)
    _clone(machine.home / "smbquic")
    with machine:
        machine.terminal("setup").run(
            f"""
            mkdir /opt/python /opt/packages
            mount --bind {sys.base_prefix} /opt/python
            mount --bind {sysconfig.get_path("purelib")} /opt/packages
            """
        )
        yield machine


def _installable(programs: str, packages: str) -> dict[str, str]:
    """The environment in which pip finds what it would fetch from the package index in `packages`.

    Those are the packages that the tests are run with.
    """
    if find_spec("hatchling") is None or find_spec("ensurepip") is None:
        pytest.skip("needs hatchling and ensurepip (Debian: python3-venv), to install from a clone")
    return {
        "PATH": f"{programs}:{SEARCH_PATH}",
        "PYTHONPATH": packages,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def _clone(target: Path) -> None:
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*_NOT_CLONED))
