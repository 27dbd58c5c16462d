"""A command that goes on in the background: each test runs one as a program."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, os, sys
from smbquic.cli import background, logs

background._LOG_SOCKET = background.Path({log!r})
with background.Background.started() as process:
    print("connecting", flush=True)
    {work}
    process.ready()
    print("not seen", flush=True)
    {then}
    with open({done!r}, "w") as file:
        print(os.getsid(0) == os.getpid(), os.getcwd(), file=file)
    os._exit(9)
"""


def run(work: str, folder: Path, then: str = "pass") -> "subprocess.CompletedProcess[str]":
    done, log = str(folder / "done"), str(folder / "log")
    program = PROGRAM.format(work=work, then=then, done=done, log=log)
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


def test_its_log_goes_to_the_systems_escaped_and_bounded(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        log.settimeout(60)
        many = "[logging.warning('lost: %s', 'a\\nb') for _ in range(61)]; logging.warning('end')"
        done = run("logs.configure(0)", tmp_path, then=many)
        assert (done.returncode, done.stderr) == (0, "")
        lines = [log.recv(1024).decode().partition("]: ")[2].rstrip("\0") for _ in range(61)]
    assert lines == [r"lost: a\x0ab"] * 60 + ["end"]
