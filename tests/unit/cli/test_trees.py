"""Command lines that `copy`, `sync` and `check` refuse before they connect."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from smbquic.cli.main import cli

URL = "smb://alice@127.0.0.1:1/data"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sync", "--size-only", "--checksum", ".", URL], "exclude each other"),
        (["sync", "--bwlimit", "fast", ".", URL], "'fast' has the wrong type"),
        (["sync", "--modify-window", "soon", ".", URL], "'soon' has the wrong type"),
        (["sync", "--transfers", "0", ".", URL], "0 is not in the range"),
        (["sync", ".", "smb://alice@127.0.0.1"], "names no share"),
        (["sync", "--backup-dir", "old", ".", URL], "has to be a URL on the share"),
        (["sync", "--backup-dir", f"{URL}2/x", ".", URL], "must be on one share"),
        (["sync", "--backup-dir", URL, URL, "."], "has to be a folder on this machine"),
        (["copy", "--max-delete", "1", ".", URL], "No such option"),
        (["check", "--dry-run", ".", URL], "No such option"),
        (["copy", ".", "elsewhere"], "has to be on a share"),
        (["check", "--include", "[", ".", "elsewhere"], "'[' is not a pattern"),
    ],
)
def test_usage(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"SMBQUIC_PASSWORD": "x"}).invoke(cli, arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


@pytest.mark.parametrize("command", ["copy", "sync", "check"])
def test_the_help_has_an_example(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert f"smbquic {command}" in result.output
    assert "Filters:" in result.output
