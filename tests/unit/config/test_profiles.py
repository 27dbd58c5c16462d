"""Profiles: their names, what they say, and what is said about their mistakes."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import smbquic
from smbquic.config.profile import default_file
from smbquic.config.profiles import profile, profile_names
from smbquic.errors import ConfigError
from smbquic.options.client import RelayOptions, SessionOptions
from smbquic.protocol.settings import EncryptionPolicy

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, mode: int = 0o644) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text)
        file.chmod(mode)
        return file

    return written


FS = '[profiles.fs]\nurl = "smb+quic://fs.example/data/in"\n'


def test_all_that_a_profile_says(write: Write, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    file = write(
        FS
        + """
user = "alice"
domain = "CORP"
ca = "ca.pem"
encrypt = true
timeout = 3
password = "secret"
""",
        0o600,
    )
    found = profile("fs", file)
    assert str(found.url) == "smb+quic://CORP;alice@fs.example/data/in"
    assert found.options == {
        "ca": tmp_path / "ca.pem",
        "encryption": EncryptionPolicy.REQUIRED,
        "timeout": 3.0,
        "password": "secret",
    }
    assert SessionOptions(**found.options).timeout == 3
    assert found.values(RelayOptions) == {"ca": tmp_path / "ca.pem", "timeout": 3.0}
    assert found.lines["ca"] == 6


def test_an_authentication_file_names_the_user(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("username = alice\npassword = wonder\ndomain = CORP\n")
    secret.chmod(0o600)
    found = profile("fs", write(FS + 'authentication_file = "secret"'))
    assert (found.url.user, found.url.domain) == ("alice", "CORP")
    assert found.options == {"password": "wonder"}
    secret.write_text("wonder")
    assert profile("fs", write(FS + 'password_file = "secret"')).options == {"password": "wonder"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[profiles.fs]\nuser = "alice"', ":1: profiles.fs: url is missing"),
        ('[profiles.fs]\nurl = "fs.example"', ":2: profiles.fs.url: 'fs.example' is not an SMB"),
        ('[profiles.fs]\nurl = "smb://a:b@h"', ":2: profiles.fs.url: there is a password in the"),
        (FS + "timeot = 3", ":3: profiles.fs.timeot: there is no such key; did you mean timeout?"),
        (FS + "timeout = 0", ":3: profiles.fs.timeout: "),
        (FS + 'ca = "missing.pem"', ":3: profiles.fs.ca: there is no file "),
        (FS + 'ca = "~nobody-of-that-name/a"', ":3: profiles.fs.ca: there is no home folder for"),
        (FS + 'client_key = "config.toml"', ":1: profiles.fs: a client certificate and its key"),
        (FS + "guest = 1", ":3: profiles.fs.guest: "),
        (
            FS + 'password_file = "config.toml"\nkeyring = true',
            ":1: profiles.fs: the password has several sources",
        ),
        (
            FS + 'password = "a"\nkeyring = true',
            ":3: profiles.fs.password: there is another source of it",
        ),
        ('[profiles.fs]\nurl = "smb://bob@h"\nuser = "al"', ": several users are named: al, bob"),
        ("[profiles]\nfs = 3", ":2: profiles.fs: this is a table: write [profiles.NAME]"),
        ("profiles = 3", ":1: profiles: profiles are tables: write [profiles.NAME]"),
        ('[fs]\nurl = "smb://h"', ":1: fs: this file has profiles only: write [profiles.NAME]"),
        ("[profiles.fs", "this is not TOML"),
    ],
)
def test_mistakes(write: Write, text: str, words: str) -> None:
    file = write(text, 0o600)
    with pytest.raises(ConfigError) as caught:
        profile("fs", file)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("name", ["f", "a b", "ö1", "-fs"])
def test_names_that_no_command_could_use(write: Write, name: str) -> None:
    with pytest.raises(ConfigError, match="a name has two or more letters"):
        profile(name, write(f'[profiles."{name}"]\nurl = "smb://h"'))


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_password_that_others_can_read_is_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"others can read .* password; run: chmod 600"):
        profile("fs", write(FS + 'password = "secret"', 0o644))


def test_a_mistake_in_one_profile_does_not_matter_to_another(write: Write) -> None:
    file = write(FS + "[profiles.broken]\nurl = 3")
    assert profile("fs", file).name == "fs"
    assert profile_names(file) == ["fs", "broken"]


def test_a_profile_that_is_not_there(write: Write, tmp_path: Path) -> None:
    file = write(FS + '[profiles.nas]\nurl = "smb://h"')
    with pytest.raises(ConfigError) as caught:
        profile("sf", file)
    assert str(caught.value) == f"there is no profile sf in {file}; there are fs, nas"
    with pytest.raises(ConfigError, match="it has no profiles"):
        profile("fs", write(""))
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        profile("fs", tmp_path / "missing")


def test_the_users_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SMBQUIC_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "smbquic" / "config.toml"
    assert default_file() == file
    assert profile_names() == []
    with pytest.raises(ConfigError) as caught:
        smbquic.profile("fs")
    assert str(caught.value) == f"there is no profile fs, as there is no file {file}"
    file.parent.mkdir()
    file.write_text(FS)
    assert profile_names() == ["fs"]
    assert smbquic.profile("fs").url.host == "fs.example"
    monkeypatch.setenv("SMBQUIC_CONFIG", str(tmp_path / "other"))
    assert default_file() == tmp_path / "other"
