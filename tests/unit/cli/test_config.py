"""`smbquic config show`: the profiles, and where each value is from."""

import json
from pathlib import Path

import pytest

from smbquic.cli.main import main
from smbquic.pki import PkiDirectory

FILE = """
[profiles.fs]
url = "smb+quic://alice@fs.example/data"
timeout = 3
encrypt = true
password = "hidden"

[profiles.broken]
url = "fs.example"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SMBQUIC_PASSWORD", "SMBQUIC_CA", "SMBQUIC_CRL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "config.toml"
    file.write_text(FILE)
    file.chmod(0o600)
    monkeypatch.setenv("SMBQUIC_CONFIG", str(file))
    return file


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["config", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_the_profiles(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, fs, broken = shown(capsys).splitlines()
    assert first == f"{config}:"
    assert fs == "  fs:  smb+quic://alice@fs.example/data"
    assert broken.startswith(f"  broken:  ({config}:9: profiles.broken.url: 'fs.example' is not an")
    document = json.loads(shown(capsys, "--json"))
    assert document["file"] == str(config)
    assert document["profiles"]["fs"] == "smb+quic://alice@fs.example/data"


def test_without_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SMBQUIC_CONFIG", raising=False)
    assert shown(capsys) == f"there are no profiles in {tmp_path}/smbquic/config.toml\n"


def test_where_each_value_is_from(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMBQUIC_CA", "/ca.pem")
    lines = shown(capsys, "fs:in", "--engine", "qh3").splitlines()
    assert lines[0] == "smb+quic://alice@fs.example/data/in"
    for line in (
        '  engine = "qh3"  (command line)',
        "  ca = /ca.pem  (environment SMBQUIC_CA)",
        f"  timeout = 3.0  (profile fs, {config}:4)",
        f"  encrypt = true  (profile fs, {config}:5)",
        '  congestion = "cubic"  (default)',
        "  keyring = false  (default)",
        f"  password = (not shown)  (profile fs, {config}:6)",
    ):
        assert line in lines
    assert "hidden" not in "".join(lines)


def test_where_the_password_is_from(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "password = none  (asked for" in shown(capsys, "smb://bob@h/s")
    monkeypatch.setenv("SMBQUIC_PASSWORD", "hidden")
    text = shown(capsys, "fs:", "--json")
    found = {each["name"]: each for each in json.loads(text)["options"]}
    assert found["password"]["source"] == "environment SMBQUIC_PASSWORD"
    assert found["timeout"] == {
        "name": "timeout",
        "text": "3.0",
        "source": f"profile fs, {config}:4",
    }
    assert "hidden" not in text


SERVER = """
guest = true

[limits]
threads = 2

[audit]
file = "-"

[shares.data]
path = "."
read_only = true

[[certificate]]
file = "server.pem"
key = "server.key"
"""


@pytest.fixture
def server(tmp_path: Path, pki: PkiDirectory) -> Path:
    for name in ("server.pem", "server.key"):
        (tmp_path / name).write_bytes((pki.path / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    file = tmp_path / "smbquic.toml"
    file.write_text(SERVER)
    return file


def test_passwords_in_the_file_of_a_server_are_not_shown(
    server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write_text('[users]\nalice = "hidden"\n[limits]\nopens = 5\n')
    assert main(["config", "check", str(server)]) == 0
    captured = capsys.readouterr()
    assert "  alice = (not shown)  (line 2)" in captured.out
    assert "  opens = 5  (line 4)" in captured.out
    assert "hidden" not in captured.out + captured.err


def test_the_file_of_a_server(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(server)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(server)
    for line in (
        "  guest = true  (line 2)",
        '  engine = "auto"  (default)',
        "[limits]",
        "  threads = 2  (line 5)",
        "[audit]",
        "  file = -  (line 8)",
        "[shares.data]",
        "  read_only = true  (line 12)",
        "[certificate 1]",
        f"  key = {server.parent}/server.key  (line 16)",
    ):
        assert line in lines
    assert main(["config", "check", "--json", str(server)]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert {"name": "threads", "text": "2", "source": "line 5"} in options["limits"]


def test_a_certificate_from_an_acme_server(
    server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write_text('acme = { names = ["fs.example"], state = "state" }')
    assert main(["config", "check", str(server)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in (
        "[acme]",
        '  names = ["fs.example"]  (line 1)',
        '  challenge = "http-01"  (default)',
        "[certificate 1]",
        "  default = true  (default)",
    ):
        assert line in lines


def test_a_mistake_in_the_file_of_a_server(
    server: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.write_text("gest = true")
    assert main(["config", "check", str(server)]) == 2
    assert ":1: gest: there is no such key; did you mean guest?" in capsys.readouterr().err
