"""A command that goes on in the background: each test runs one as a program."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from smbquic.cli import background

background._LOG_SOCKET = background.Path({log!r})
with background.Background.started() as process:
    print("connecting", flush=True)
    {work}
    process.ready()
    print("not seen", flush=True)
    with open({done!r}, "w") as file:
        print(os.getsid(0) == os.getpid(), os.getcwd(), file=file)
    os._exit(9)
"""


def run(work: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(work=work, done=str(folder / "done"), log=str(folder / "log"))
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )


def test_it_returns_when_the_other_process_is_ready(tmp_path: Path) -> None:
    # `communicate` returns when the pipes are closed, which the process in the background does.
    done = run("pass", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "connecting\n", "")
    pipe = tmp_path / "done"
    while not pipe.exists() or not pipe.read_text():
        pass
    assert pipe.read_text() == "True /\n"


@pytest.mark.parametrize(
    ("work", "code"), [("sys.exit(4)", 4), ("os.kill(os.getpid(), 15)", 128 + 15)]
)
def test_it_ends_as_the_other_process_does(work: str, code: int, tmp_path: Path) -> None:
    done = run(work, tmp_path)
    assert (done.returncode, done.stdout) == (code, "connecting\n")
    assert not (tmp_path / "done").exists()
