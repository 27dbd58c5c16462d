"""`smbquic serve FOLDER`: what it says is what a client types, word for word."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.link import Link
from smbquic.cli.failure import ExitCode

TIMEOUT = 60
SMBQUIC = [sys.executable, "-m", "smbquic"]


@dataclass
class FolderServer:
    """A server that serves, what it said, and where."""

    place: Path
    lines: list[str]

    def find(self, pattern: str) -> str:
        """Return the pattern's group in the only line that matches."""
        (found,) = (match[1] for line in self.lines if (match := re.search(pattern, line)))
        return found

    def line_for_clients(self) -> list[str]:
        """The command line for another machine, with the program of this checkout."""
        program, *arguments = shlex.split(self.find("^  (smbquic ls .*)"))
        assert program == "smbquic"
        return [*SMBQUIC, *arguments]

    def client_folder(self) -> Path:
        """Make the folder of another machine: it holds a copy of the CA's certificate only."""
        folder = self.place / "client"
        folder.mkdir()
        shutil.copy(self.find("CA whose certificate is (.*)"), folder)
        return folder


def environment(home: Path, **changes: str) -> dict[str, str]:
    """A fresh home."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SMBQUIC_")}
    checkout = str(Path(__file__).parents[2])
    return {**own, "XDG_DATA_HOME": str(home), "PYTHONPATH": checkout, **changes}


@contextlib.contextmanager
def serving(
    place: Path, *arguments: str, popen: Callable[..., "subprocess.Popen[str]"] = subprocess.Popen
) -> Iterator[FolderServer]:
    """`smbquic serve`, in a folder that is called `papers`."""
    papers = place / "papers"
    papers.mkdir()
    (papers / "report.txt").write_text("42")
    with (place / "stderr").open("w") as stderr:
        process = popen(
            [*SMBQUIC, "serve", *arguments],
            cwd=papers,
            env=environment(place / "home"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if "certutil" in line:
                    break
            else:
                pytest.fail((place / "stderr").read_text())
            yield FolderServer(place, lines)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
            process.wait()


def run_line(
    server: FolderServer,
    popen: Callable[..., "subprocess.Popen[str]"] = subprocess.Popen,
    **changes: str,
) -> tuple[int, str, str]:
    """Run the line for clients; return its exit code, output and errors."""
    process = popen(
        server.line_for_clients(),
        cwd=server.client_folder(),
        env=environment(server.place / "elsewhere", **changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    output, errors = process.communicate(timeout=TIMEOUT)
    return process.returncode, output, errors


def test_one_word_shares_a_folder_and_says_how_to_get_at_it(tmp_path: Path) -> None:
    with serving(tmp_path, ".") as server:
        user = server.find("log on as (.*) with the password")
        password = server.find("with the password ([a-z2-9-]{19})$")
        assert server.find("^  smb.quic://([a-z]+)@.*/papers$") == user
        assert run_line(server, SMBQUIC_PASSWORD=password) == (0, "report.txt\n", "")
    # Once, and nowhere but there.
    assert sum(password in line for line in server.lines) == 1
    assert password not in (tmp_path / "stderr").read_text()


def test_guests_need_no_password(tmp_path: Path) -> None:
    with serving(tmp_path, ".", "--guest", "--listen", "quic://127.0.0.1:0") as server:
        assert not any("with the password" in line for line in server.lines)
        assert run_line(server) == (0, "report.txt\n", "")


def test_the_line_works_from_another_machine(network_namespaces: None, tmp_path: Path) -> None:
    with Link() as link:
        url = f"quic://{link.server.address}:8443"
        with serving(tmp_path, ".", "--listen", url, popen=link.server.popen) as server:
            assert server.find("^  smb.quic://user@(.*)/papers$") == f"{link.server.address}:8443"
            password = server.find("with the password (.*)")
            assert run_line(server, popen=link.client.popen, SMBQUIC_PASSWORD=password) == (
                0,
                "report.txt\n",
                "",
            )


@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_the_port_is_tried_before_a_password_is_asked_for(tmp_path: Path, transport: str) -> None:
    kind = socket.SOCK_DGRAM if transport == "quic" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if transport == "tcp":
            taken.listen()
        url = f"{transport}://127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [*SMBQUIC, "serve", "--share", f"data={tmp_path}", "--user", "alice", "--listen", url],
            env=environment(tmp_path / "home"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == ExitCode.TRANSPORT
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"smbquic: cannot listen on {url}: another program has the port")


def test_who_reads_that_it_serves_may_end_it_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*SMBQUIC, "serve", str(tmp_path), "--guest", "--listen", "quic://127.0.0.1:0"],
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("serving on quic://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert "interrupted" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cert", "bad.pem", "--key", "bad.pem"], "bad.pem: there is no certificate in it"),
        (["--audit", "none/audit"], "none/audit: cannot be written to"),
        (["--user", "a:b:c", "--user", "a/b"], "'a/b' cannot be a user's name"),
    ],
)
def test_nothing_that_is_wrong_is_found_after_the_password(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "bad.pem").write_text("bad")
    done = subprocess.run(
        [*SMBQUIC, "serve", ".", "--user", "alice", "--listen", "quic://127.0.0.1:0", *arguments],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode in (ExitCode.USAGE, ExitCode.TRANSPORT)
    assert words in done.stderr
    assert "password for alice" not in done.stderr
