"""Arguments that `get`, `put` and `cp` refuse before they connect."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from smbquic.cli.main import cli

URL = "smb://alice@127.0.0.1:1/data"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", URL, URL], "is a URL or NAME:PATH, but this has to be a path on this machine"),
        (["put", URL, URL], "is a URL or NAME:PATH, but this has to be a path on this machine"),
        (["get", URL, "fs:a"], "fs:a is a URL or NAME:PATH, but this has to be a path on this"),
        (["put", "12:30.log", URL], "write ./12:30.log for a file of this name"),
        (["put", "folder", URL], "folder is a folder; use -r"),
        (["put", "-r", "folder", "file", URL], "copy it with a separate command"),
        (["get", f"{URL}/a", f"{URL}/b", "nowhere"], "not a folder, and several files"),
        (["get", f"{URL}/a", "nowhere/"], "there is no folder nowhere/"),
        (["get", f"{URL}/a", f"{URL}/b", "-"], "only a single file"),
        (["get", "-r", f"{URL}/a", "-"], "only a single file"),
        (["put", "--password-file", "-", "-", f"{URL}/a"], "cannot be both the password"),
        (["cp", f"{URL}/a", "smb://alice@127.0.0.1:1/other/b"], "must be on one share"),
    ],
)
def test_usage(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize("command", ["get", "put", "cp"])
def test_the_help_says_where_copies_go(command: str) -> None:
    text = " ".join(CliRunner().invoke(cli, [command, "--help"]).output.split())
    assert "exists already or not" in text
