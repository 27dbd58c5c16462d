"""Commands of this machine."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from smbquic.cli.shell.local_command import LocalCommandFailed, pager, piped_to, run_local


def test_a_command_runs_in_the_local_folder(tmp_path: Path) -> None:
    run_local("pwd > here; echo \"$(pwd)\" > 'two words'", tmp_path)
    assert (tmp_path / "here").read_text().strip() == str(tmp_path)
    assert (tmp_path / "two words").exists()


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -TERM $$", 143)])
def test_its_exit_code_is_a_failure(tmp_path: Path, command: str, code: int) -> None:
    with pytest.raises(LocalCommandFailed, match=f"exit code {code}"):
        run_local(command, tmp_path)


def test_without_a_command_it_is_the_users_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/false")
    with pytest.raises(LocalCommandFailed):
        run_local("", tmp_path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    with piped_to("cat > copy", tmp_path) as descriptor:
        os.write(descriptor, b"content")
    assert (tmp_path / "copy").read_bytes() == b"content"
    with pytest.raises(LocalCommandFailed), piped_to("cat; exit 1", tmp_path):
        pass


def test_a_failure_of_the_verb_is_what_counts(tmp_path: Path) -> None:
    with pytest.raises(KeyError), piped_to("cat >/dev/null; touch done; exit 1", tmp_path):
        raise KeyError
    assert (tmp_path / "done").exists()


def test_the_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "less -R")
    assert pager() == "less -R"
    monkeypatch.setenv("PAGER", " ")
    assert pager() == "more"


def test_ctrl_c_while_a_command_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)  # before there is a process to get it, too
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with pytest.raises(KeyboardInterrupt):
        run_local("exec sleep 1000", tmp_path)
    with pytest.raises(KeyboardInterrupt), piped_to("exec sleep 1000", tmp_path):
        pass
    assert [process.returncode for process in started] == [-signal.SIGTERM, -signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
