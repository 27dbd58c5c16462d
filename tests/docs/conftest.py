"""Machines for the readers of the pages."""

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import SEARCH_PATH
from tests.docs.machine import Machine
from tests.docs.pages import ROOT

_NOT_CLONED = (".*", "__pycache__", "*.egg-info", "build", "dist", "tests", "benchmarks")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine on which smbquic is installed, for the how-tos."""
    scripts = sysconfig.get_path("scripts")
    with Machine(tmp_path / "machine", {"PATH": f"{scripts}:{SEARCH_PATH}"}) as machine:
        yield machine


@pytest.fixture
def fresh_machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine with Python and a clone of the project, `~/smbquic`, and nothing else of it.

    What pip would fetch from the package index it finds in the environment of the tests.
    """
    if find_spec("hatchling") is None or find_spec("ensurepip") is None:
        pytest.skip("needs hatchling and ensurepip (Debian: python3-venv), to install from a clone")
    programs = tmp_path / "bin"
    programs.mkdir()
    base = Path(getattr(sys, "_base_executable", sys.executable))
    for name in ("python", "python3"):
        (programs / name).symlink_to(base)
    environment = {
        "PATH": f"{programs}:{SEARCH_PATH}",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    machine = Machine(tmp_path / "machine", environment)
    clone = machine.home / "smbquic"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*_NOT_CLONED))
    with machine:
        yield machine
