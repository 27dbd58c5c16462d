"""Which options, which user and which password a command uses for a URL."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from smbquic.cli.client import URL, Client, client_command, is_url, profile_of
from smbquic.cli.command import command
from smbquic.client.url import SmbUrl
from smbquic.errors import ConfigError
from smbquic.options.client import PasswordOptions

FILE = """
[profiles.fs]
url = "smb+quic://fs.example/data/in"
user = "alice"
timeout = 3
congestion = "bbr"
password = "of the profile"

[profiles.nas]
url = "smb://nas.example/data"
guest = true
"""

Run = Callable[..., Result]


@command("look")
@click.argument("urls", type=URL, nargs=-1)
@client_command
def look(client: Client, urls: tuple[SmbUrl, ...]) -> None:
    for url in urls:
        options = client.options(url)
        click.echo(f"{url} {options.timeout:g} {options.congestion} {client.password(url)!r}")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(FILE)
    file.chmod(0o600)
    return file


@pytest.fixture
def run(config: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("SMBQUIC_PASSWORD", raising=False)

    def ran(*arguments: str, **environment: str) -> Result:
        variables = {"SMBQUIC_CONFIG": str(config), **environment}
        return CliRunner().invoke(look, arguments, env=variables)

    return ran


def secret(path: Path, content: str) -> str:
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def test_the_command_line_comes_before_the_profile(run: Run) -> None:
    fs = "smb+quic://alice@fs.example/data/in/a"
    assert run("fs:a").stdout == f"{fs} 3 bbr 'of the profile'\n"
    assert run("fs:a", "--timeout", "4").stdout == f"{fs} 4 bbr 'of the profile'\n"
    assert run("fs:a", SMBQUIC_PASSWORD="set").stdout == f"{fs} 3 bbr 'set'\n"


def test_each_url_has_the_options_of_its_profile(run: Run) -> None:
    result = run("fs:", "nas:", "smb://bob:word@h/s")
    assert result.stdout.splitlines() == [
        "smb+quic://alice@fs.example/data/in 3 bbr 'of the profile'",
        "smb://nas.example/data 10 cubic ''",
        "smb://bob@h/s 10 cubic 'word'",
    ]


def test_two_profiles_of_one_server_have_their_own_passwords(run: Run, config: Path) -> None:
    other = FILE.replace("[profiles.fs]", "[profiles.fs2]").replace("of the profile", "another")
    config.write_text(FILE + other.partition("[profiles.nas]")[0])
    passwords = [line.rpartition(" '")[2] for line in run("fs:", "fs2:").stdout.splitlines()]
    assert passwords == ["of the profile'", "another'"]


def test_another_file(run: Run, tmp_path: Path, config: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[profiles.fs]\nurl = "smb://h"\nguest = true')
    assert run("fs:", "--config", str(other)).stdout == "smb://h 10 cubic ''\n"
    assert run("--config", str(config), "nas:", SMBQUIC_CONFIG="/no").exit_code == 0


def test_an_unknown_profile_is_an_error_that_names_the_others(run: Run, config: Path) -> None:
    result = run("web:a")
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception) == f"there is no profile web in {config}; there are fs, nas"


@pytest.mark.parametrize("url", ["c:a", "fs", "./fs:a", "/fs:a"])
def test_what_is_neither_a_url_nor_a_profile(run: Run, url: str) -> None:
    result = run(url)
    assert result.exit_code == 2
    assert "is not an SMB address" in result.stderr


def test_a_path_that_leads_out_of_the_share(run: Run) -> None:
    assert "leads out of the share" in run("fs:../../a").stderr


def test_the_sources_of_a_password(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = secret(tmp_path / "password", "of the file\n")
    monkeypatch.setattr("smbquic.cli.client.keyring_password", lambda url: f"kept for {url.user}")
    for given, found in (
        (("--password-file", file), "of the file"),
        (("--keyring",), "kept for alice"),
    ):
        assert repr(found) in run("fs:", *given, SMBQUIC_PASSWORD="set").stdout
    assert "choose one of" in run("fs:", "--keyring", "--password-file", file).stderr


def test_a_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\nmore\n"))
    client = Client({}, PasswordOptions(password_file=Path("-")))
    assert client.reads_standard_input
    url = SmbUrl.parse("smb://alice@h/s")
    assert [client.password(url), client.password(url)] == ["typed", "typed"]
    assert not Client({}).reads_standard_input


def test_an_authentication_file(run: Run, tmp_path: Path) -> None:
    file = secret(tmp_path / "auth", "username = bob\npassword = wonder\ndomain = CORP\n")
    assert run("-A", file, "fs:").stdout.startswith("smb+quic://CORP;bob@fs.example/data/in 3 bbr")
    assert run("-A", file, "smb://h/s").stdout == "smb://CORP;bob@h/s 10 cubic 'wonder'\n"
    assert run("-A", file, "smb://X;bob@h/s").stdout == "smb://CORP;bob@h/s 10 cubic 'wonder'\n"
    assert (
        "names another user than --authentication-file, bob" in run("-A", file, "smb://c@h").stderr
    )
    file = secret(tmp_path / "auth", "username = bob\n")
    assert "'set'" in run("-A", file, "smb://h/s", SMBQUIC_PASSWORD="set").stdout
    assert "no password for bob" in run("-A", file, "smb://h/s").stderr
    # The profile has the password of alice.
    assert "no password for bob" in run("-A", file, "fs:").stderr


def test_without_a_user(run: Run) -> None:
    assert "names no user; write USER@" in run("smb://h/s").stderr


def test_guests_and_encryption_exclude_each_other(run: Run) -> None:
    assert "a guest has no key" in run("nas:", "--encrypt").stderr


def test_wrong_combinations_are_usage_errors(run: Run) -> None:
    result = run("fs:", "--client-cert", "a.pem")
    assert result.exit_code == 2
    assert "come together" in result.stderr


def test_no_verification_is_warned_about_once(run: Run) -> None:
    result = run("fs:", "fs:a", "--insecure")
    assert result.stderr.count("--insecure: the server's certificate is not verified") == 1


def test_what_is_a_url() -> None:
    assert [is_url(text) for text in ("smb://h", "fs:a", "c:a", "./fs:a", "a")] == [
        *(True, True),
        *(False, False, False),
    ]


def test_a_url_keeps_its_profile(run: Run, config: Path) -> None:
    with click.Context(look) as context:
        context.meta["smbquic.cli.client.config"] = config
        url = URL.convert("fs:a", None, None)
    assert url is URL.convert(url, None, None)
    for each in (url, url.joined("b"), url.need_share()):
        used = profile_of(each)
        assert used is not None
        assert used.name == "fs"
    assert profile_of(SmbUrl.parse("smb://h")) is None
