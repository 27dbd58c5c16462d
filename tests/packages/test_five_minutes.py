"""docs/tutorial/five-minutes.md: from the wheel to a share for two, on two machines."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SEARCH_PATH
from tests.docs.pages import ROOT
from tests.docs.reading import READY, Reader
from tests.packages.two_machines import ServerMachine


@pytest.fixture
def index(wheel: Path, tmp_path: Path) -> Path:
    """Return a folder with all that pip would fetch, for machines without a network."""
    folder = tmp_path / "index"
    constraints = ROOT / ".ci" / "constraints.txt"
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), "-c"]
    done = subprocess.run(
        [*command, str(constraints), str(wheel), "pip"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def machine(index: Path, wheel: Path, tmp_path: Path) -> Iterator[ServerMachine]:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pipx").symlink_to(Path(sysconfig.get_path("scripts")) / "pipx")
    python = Path(getattr(sys, "_base_executable", sys.executable)).parent
    environment = {
        "PATH": f"{programs}:{python}:{SEARCH_PATH}",
        # That of Debian has no other.
        "PIPX_DEFAULT_BACKEND": "pip",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    machine = ServerMachine(tmp_path / "machine", environment)
    for each in (machine, machine.other):
        shutil.copy(wheel, each.home)
    with machine:
        yield machine


def test_five_minutes(machine: ServerMachine) -> None:
    here, there, relay = (
        machine.terminal("here"),
        machine.other.terminal("there"),
        machine.other.terminal("relay"),
    )
    with Reader(machine, "docs/tutorial/five-minutes.md") as reader:
        assert reader.run("pipx install", here, there).count("version") == 2
        relay.run("export PATH=$HOME/.local/bin:$PATH")
        reader.run("smbquic user add", here)
        shown = reader.start("mkdir", here, ready=READY)
        reader.compare("serving on", shown)
        shutil.copy(machine.home / ".local/share/smbquic/pki/ca.pem", machine.other.home)

        reader.compare("Lunch", reader.run("cd", there))
        assert (machine.home / "team" / "lunch.txt").read_text() == "Lunch is at noon.\n"
        assert "share" in reader.run("smbquic probe", there)
        reader.run("python3 -m venv", there)
        reader.write("import getpass", there, file="team.py")
        reader.compare("['lunch.txt'", reader.run("~/program", there))

        reader.start("smbquic relay", relay, ready="4450")
        listing = reader.run_with("smbclient", "smbclient", there)
        assert listing is None or "menu.txt" in listing

        reader.leave_out("mkdir -p ~/mnt", why="takes a Mac")
        reader.leave_out("sudo", why="takes root; test_run_as serves so")
        reader.leave_out("certutil", why="takes Windows")
        reader.leave_out("net use", why="takes Windows")
        relay.interrupt()
        here.interrupt()
        reader.run("pipx uninstall", here, there)
    for home in (machine.home, machine.other.home):
        assert not (home / ".local" / "bin" / "smbquic").exists()
        assert not (home / "ca.pem").exists()
