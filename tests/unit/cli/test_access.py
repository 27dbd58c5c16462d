"""`smbquic access check`, in process."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbquic.cli.main import cli, main
from smbquic.pki import Fault, FaultyPki, PkiDirectory
from smbquic.pki.container import read_certificates
from smbquic.pki.explain import fingerprint


@pytest.fixture
def config_file(pki: PkiDirectory, tmp_path: Path) -> Path:
    own = fingerprint(read_certificates(pki.client.certificate)[0])
    path = tmp_path / "smbquic.toml"
    path.write_text(
        f"""
[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
names = ["fs.example"]
client_ca = "{pki.ca}"
allow = ["sha256:{own}"]
logons = ["sha256:{own} -> alice, bob"]

[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
names = ["localhost"]
client_ca = "{pki.ca}"
allow = ["issuer:*"]
deny = ["sha256:{own}"]

[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
names = ["127.0.0.1"]
"""
    )
    return path


def check(code: int, *arguments: object) -> str:
    result = CliRunner().invoke(cli, ["access", "check", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_decisions(pki: PkiDirectory, bad_pki: FaultyPki, config_file: Path) -> None:
    mine = (pki.client.certificate, "-c", config_file)
    assert "granted: the rule 'allow sha256:" in check(0, *mine, "--name", "fs.example")
    assert "denied: the rule 'deny sha256:" in check(4, *mine, "--name", "localhost")
    assert "not asked for" in check(0, *mine, "--name", "127.0.0.1")
    assert "no certificate for the name 'x.example'" in check(4, *mine, "--name", "x.example")
    assert "ask for no name" in check(4, *mine)
    document = json.loads(check(4, *mine, "--name", "localhost", "--json"))
    assert document["rule"].startswith("deny sha256:")
    assert document["granted"] is False
    assert document["certificate"] in document["rule"]
    expired = bad_pki.client(Fault.EXPIRED).certificate
    document = json.loads(check(4, expired, "-c", config_file, "--name", "fs.example", "--json"))
    assert document["invalid"] == "expired"


def test_users(pki: PkiDirectory, config_file: Path) -> None:
    mine = (pki.client.certificate, "-c", config_file, "--name", "fs.example")
    assert check(0, *mine).splitlines()[1] == "may log on as: alice, bob"
    granted = check(0, *mine, "--user", "Bob")
    assert "granted: the rule 'sha256:" in granted
    assert "may log on" not in granted
    assert "may log on as alice, bob, but not as carol" in check(4, *mine, "--user", "carol")
    document = json.loads(check(4, *mine, "--user", "carol", "--json"))
    assert (document["granted"], document["users"]) == (False, ["alice", "bob"])
    assert document["rule"].endswith("-> alice, bob")
    anybody = (pki.client.certificate, "-c", config_file, "--name", "127.0.0.1", "--user", "carol")
    assert json.loads(check(0, *anybody, "--json"))["users"] is None


def test_a_bad_file_is_a_usage_error(
    pki: PkiDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("lisen = 1")
    code = main(["access", "check", str(pki.client.certificate), "-c", str(path)])
    assert code == 2
    assert f"{path}:1: lisen: there is no such key; did you mean listen?" in capsys.readouterr().err
