"""Completion of the names on a share: soon, without questions, and nothing else."""

import socket
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from smbquic import sync
from smbquic.cli import remote_names as module
from smbquic.cli.client import SHARE_URL
from smbquic.cli.listing import ls
from smbquic.cli.main import cli


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server, and a profile for it. However long it takes here."""
    monkeypatch.setattr(module, "_TIMEOUT", 60)
    monkeypatch.delenv("SMBQUIC_PASSWORD", raising=False)
    share = tmp_path / "share"
    (share / "in" / "reports").mkdir(parents=True)
    for name in ("report one.pdf", "reply:1", "other", "rep\x1b[31m"):
        (share / "in" / name).touch()
    with sync.serve({"data": share}, {"alice": "secret"}, ["tcp://127.0.0.1:0"]) as serving:
        file = tmp_path / "config.toml"
        file.write_text(f"""
[profiles.fs]
url = "smb://alice@{serving.listeners[0].removeprefix("tcp://")}/data"
password = "secret"

[profiles.asks]
url = "smb://alice@{serving.listeners[0].removeprefix("tcp://")}/data"

[profiles.keyring]
url = "smb://alice@{serving.listeners[0].removeprefix("tcp://")}/data"
keyring = true

[profiles.server]
url = "smb://alice@{serving.listeners[0].removeprefix("tcp://")}"
password = "secret"
""")
        file.chmod(0o600)
        monkeypatch.setenv("SMBQUIC_CONFIG", str(file))
        yield file


def completed(text: str, *arguments: str) -> dict[str, str]:
    parent = click.Context(cli, info_name="smbquic")
    context = ls.make_context("ls", list(arguments), parent, resilient_parsing=True)
    [url] = [each for each in ls.params if each.type is SHARE_URL]
    return {item.value: item.type for item in SHARE_URL.shell_complete(context, url, text)}


def test_files_and_folders(config: Path) -> None:
    assert completed("fs:") == {"fs:in/": "nospace"}
    assert completed("fs:in/rep") == {
        "fs:in/reply:1": "plain",
        "fs:in/report one.pdf": "plain",
        "fs:in/reports/": "nospace",
    }
    assert completed("fs:/in/o") == {"fs:/in/other": "plain"}
    assert completed("server:data/") == {"server:data/in/": "nospace"}


def test_what_the_command_line_says(config: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    assert completed("asks:", "--password-file", str(secret)) == {"asks:in/": "nospace"}


@pytest.mark.parametrize("text", ["asks:", "keyring:", "web:", "fs:no/", "fs:../", "server:"])
def test_nothing_is_asked_and_nothing_printed(
    config: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert completed(text) == {}
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("given", [("--keyring",), ("--password-file", "-")])
def test_sources_that_may_ask_are_left_out(config: Path, given: tuple[str, ...]) -> None:
    assert completed("asks:", *given) == {}
    assert completed("asks:", *given, "--timeout", "x") == {}


def test_a_server_that_is_slow_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.01)
    file = tmp_path / "config.toml"
    monkeypatch.setenv("SMBQUIC_CONFIG", str(file))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        file.write_text(f'[profiles.fs]\nurl = "smb://a@127.0.0.1:{port}/data"\npassword = "x"')
        file.chmod(0o600)
        assert completed("fs:") == {}
