"""The unit for systemd, in the eyes of systemd."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.debian("systemd-analyze")
UNIT = Path(__file__).parents[2] / "packaging" / "smbquic.service"


@pytest.fixture
def analyze(tmp_path: Path) -> Callable[..., str]:
    """Runs systemd-analyze, as root or not, whether systemd runs here or not; what it printed.

    It insists on a folder for its sockets. Where there is no /run/systemd and none can be made,
    it has the manager of a user read the unit, which understands the same settings.
    """
    manager = [] if os.geteuid() == 0 or Path("/run/systemd").exists() else ["--user"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["systemd-analyze", *manager, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that exists."""
    path = tmp_path / UNIT.name
    path.write_text(re.sub(r"(?m)^(Exec\w+)=\S+", rf"\1={sys.executable}", UNIT.read_text()))
    return path


def test_it_is_understood(analyze: Callable[..., str], unit: Path) -> None:
    assert analyze("verify", "--man=no", str(unit)) == ""


def test_the_sockets_are_understood(
    analyze: Callable[..., str], unit: Path, tmp_path: Path
) -> None:
    path = tmp_path / "smbquic.socket"
    path.write_text(UNIT.with_suffix(".socket").read_text())
    assert analyze("verify", "--man=no", str(path), str(unit)) == ""


def test_it_is_tight(analyze: Callable[..., str], unit: Path) -> None:
    report = analyze("security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    assert "Overall exposure level" in report


def test_the_relay_of_a_user_is_understood(analyze: Callable[..., str], tmp_path: Path) -> None:
    relay = UNIT.with_name("smbquic-relay@.service")
    path = tmp_path / "smbquic-relay@fs.service"
    path.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", relay.read_text()))
    assert analyze("verify", "--man=no", str(path)) == ""
