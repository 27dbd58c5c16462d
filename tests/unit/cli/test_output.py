"""Standard output that cannot be written to, and what the library logs, in whole programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smbquic.auth.users import UserStore
from smbquic.cli.failure import ExitCode
from smbquic.cli.output import counted, emit, printable

FULL = Path("/dev/full")
COMMANDS = {
    "help": ["--help"],
    "words": ["user", "list", "--users", "users.txt"],
    "json": ["user", "list", "--users", "users.txt", "--json"],
}


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A users file in the folder in which the program runs."""
    monkeypatch.chdir(tmp_path)
    store = UserStore()
    store.add("alice", "secret")
    store.save(tmp_path / "users.txt")
    return tmp_path / "users.txt"


def smbquic(*arguments: str, shell: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the program, with redirections of a shell if there are any."""
    program = [sys.executable, "-m", "smbquic", *arguments]
    if shell:
        program = ["/bin/sh", "-c", f'"$@" {shell}', "sh", *program]
    return subprocess.run(program, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full on this system")
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_full_disk_is_one_line(users: Path, command: list[str]) -> None:
    result = smbquic(*command, shell=">/dev/full")
    assert result.returncode == ExitCode.PARTLY
    assert result.stderr.splitlines() == [
        "smbquic: standard output: No space left on device;"
        " free some space and run the command again"
    ]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_has_had_enough_is_not_spoken_of(users: Path, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-m", "smbquic", *command]
    with os.fdopen(writing, "wb") as pipe:
        result = subprocess.run(program, stdout=pipe, stderr=subprocess.PIPE, timeout=60)
    assert (result.returncode, result.stderr) == (ExitCode.PARTLY, b"")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_output_is_one_line(users: Path, command: list[str]) -> None:
    result = smbquic(*command, shell=">&-")
    assert result.returncode == ExitCode.PARTLY
    assert result.stderr.splitlines() == ["smbquic: standard output: Bad file descriptor"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_what_cannot_be_said_does_not_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, redirection: str, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    for arguments, code in (
        (["pki", "inspect", os.devnull], ExitCode.TRANSPORT),
        (["bogus"], ExitCode.USAGE),
    ):
        assert smbquic(*arguments, shell=redirection).returncode == code


class TestLogs:
    def test_a_warning_of_the_library_is_a_plain_line(self, users: Path) -> None:
        users.chmod(0o644)
        result = smbquic(*COMMANDS["words"])
        (line,) = result.stderr.splitlines()
        assert line.startswith("smbquic: users.txt can be read by others")
        assert line.endswith("chmod 600 users.txt")
        assert result.stdout == "alice\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ["-v", *COMMANDS["words"]],
            [*COMMANDS["words"], "-v"],
            ["user", "-v", "list", "--users", "users.txt"],
        ],
    )
    def test_with_v_it_has_time_and_module(self, users: Path, arguments: list[str]) -> None:
        users.chmod(0o644)
        (line,) = smbquic(*arguments).stderr.splitlines()
        assert "WARNING smbquic.auth.users: users.txt can be read by others" in line


def test_names_are_shown_as_on_the_disk_and_steer_no_terminal() -> None:
    assert printable("a\uf022b \x1b[1m \uf0e9 ä") == r"a:b \x1b[1m \xe9 ä"


def test_things_are_counted() -> None:
    assert [counted(count, "file") for count in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_bytes_that_are_no_text_are_escaped_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"name": "ä\udce9"})
    emit({"name": "ä"})
    assert capsys.readouterr().out == '{"name": "ä\\udce9"}\n{"name": "ä"}\n'
