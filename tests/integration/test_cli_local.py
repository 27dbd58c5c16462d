"""Commands that need no server: users, certificates, help, and the demo."""

import json
from pathlib import Path

from click.testing import CliRunner

from smbquic.cli.main import cli
from tests.integration.program import is_one_line, smbquic


class TestUsers:
    def test_a_user_comes_logs_on_and_goes(self, tmp_path: Path) -> None:
        users, secret = str(tmp_path / "users.txt"), tmp_path / "secret"
        secret.write_text("first\n")
        add = ("user", "add", "bob", "--users", users, "--password-file", str(secret))
        assert smbquic(*add).returncode == 0
        is_again = smbquic(*add)
        assert is_again.returncode == 2
        assert "user passwd" in is_again.stderr
        listed = smbquic("user", "list", "--users", users, "--json")
        assert json.loads(listed.stdout) == {"users": ["bob"]}
        before = Path(users).read_text()
        secret.write_text("second\n")
        changed = smbquic("user", "passwd", "bob", "--users", users, "--password-file", str(secret))
        assert changed.returncode == 0
        assert Path(users).read_text() != before
        assert "second" not in Path(users).read_text()
        assert smbquic("user", "remove", "bob", "--users", users).returncode == 0
        assert smbquic("user", "remove", "bob", "--users", users).returncode == 2

    def test_a_damaged_file_is_named(self, tmp_path: Path) -> None:
        users = tmp_path / "users.txt"
        users.write_text("alice:nonsense\n")
        users.chmod(0o600)
        is_one_line(smbquic("user", "list", "--users", str(users)), 2, "users.txt", "1")


class TestPki:
    def test_init_makes_a_pki_once(self, tmp_path: Path) -> None:
        target = tmp_path / "pki"
        result = smbquic("pki", "init", str(target), "--name", "fs.example", "--json")
        assert result.returncode == 0, result.stderr
        names = {Path(path).name for path in json.loads(result.stdout)["files"]}
        assert names == {path.name for path in target.iterdir()}
        assert {"ca.pem", "ca.key", "server.pem", "client.key", "crl.pem"} <= names
        again = smbquic("pki", "init", str(target))
        is_one_line(again, 1, "there is a PKI here already")

    def test_a_name_that_is_none(self, tmp_path: Path) -> None:
        result = smbquic("pki", "init", str(tmp_path / "pki"), "--name", "not a name")
        assert result.returncode == 2
        assert not (tmp_path / "pki").exists()


def test_demo() -> None:
    result = smbquic("demo", "--json", patience=300)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["equal"] is True
    steps = {(step["transport"], step["what"]): step for step in document["steps"]}
    assert len(steps) == 8
    for transport in ("quic", "tcp"):
        assert steps[transport, "put tree"]["files"] >= 1000
        assert steps[transport, "get tree"]["bytes"] >= 30_000_000
        assert steps[transport, "put large file"]["bytes"] == 64 << 20


def test_help_shows_an_example_for_every_command() -> None:
    def shown(*arguments: str) -> str:
        return CliRunner().invoke(cli, [*arguments, "--help"], prog_name="smbquic").output

    # The runner of click breaks lines elsewhere than a program without a terminal does.
    assert smbquic("--help").stdout.split() == shown().split()
    assert {"demo", "serve", "relay", "ls", "tree", "stat", "cat", "get", "put"} <= set(
        cli.commands
    )
    for command in cli.commands:
        if command in ("pki", "user"):
            continue
        assert "smbquic " + command in shown(command).partition("Options:")[0]
