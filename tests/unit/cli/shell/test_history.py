"""The lines that were typed, and the file that they are kept in."""

import stat
from pathlib import Path

import pytest

from smbquic.cli.shell.history import LONGEST_LINE, MOST_LINES, History, default_file


def test_lines_are_kept_for_the_next_shell(tmp_path: Path) -> None:
    file = tmp_path / "state" / "smbquic" / "shell_history"
    history = History(file)
    assert history.add("ls")
    assert not history.add("ls")
    assert not history.add("  ")
    assert not history.add(" get secret")
    assert not history.add("x" * (LONGEST_LINE + 1))
    assert history.add("cd é")
    assert list(History(file).lines) == ["ls", "cd é"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_file_is_bounded(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"line {n}\n" for n in range(2 * MOST_LINES + 1)))
    history = History(file)
    assert len(history.lines) == MOST_LINES
    assert file.read_text().splitlines() == list(history.lines)
    assert history.lines[-1] == f"line {2 * MOST_LINES}"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


def test_a_file_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.add("ls")
    assert list(history.lines) == ["ls"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b"a\xff\nb\n")
    assert list(History(file).lines) == ["a\ufffd", "b"]


def test_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_file() == tmp_path / "smbquic" / "shell_history"
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_file() == tmp_path / ".local" / "state" / "smbquic" / "shell_history"
