"""What is released, built of a copy of the sources."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

EPOCH = "1790000000"
"""When the sources were changed last, for builds that can be repeated."""
_TOOLS = ("build", "check_wheel_contents", "cyclonedx_py", "pipx", "twine", "uv")
_NOT_COPIED = (".git", ".venv", ".*_cache", "__pycache__", "*.egg-info", "build", "dist", "corpus")


@pytest.fixture(scope="session")
def tools() -> None:
    """Skip without what checks and installs packages."""
    if any(find_spec(each) is None for each in _TOOLS):
        pytest.skip("needs the tools of the group package")


@pytest.fixture(scope="session")
def dist(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the sdist, and of the wheel that is built of it."""
    return build(tmp_path_factory.mktemp("first"), zone="UTC", mask=0o022)


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    [found] = dist.glob("*.whl")
    return found


def build(folder: Path, *, zone: str, mask: int) -> Path:
    """Build both in `folder`, of a copy of the sources, as somebody with other settings would."""
    copy = folder / "source"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist")]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": zone}
    done = subprocess.run(
        command, cwd=copy, env=environment, umask=mask, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"
