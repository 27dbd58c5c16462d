"""Passwords from files and from the keyring."""

import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from smbquic.client.url import SmbUrl
from smbquic.config.credentials import (
    Login,
    keyring_name,
    keyring_password,
    read_authentication_file,
    read_password,
)
from smbquic.errors import ConfigError


def secret(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("content", "password"),
    [("pässword\n", "pässword"), ("a b \nmore", "a b "), ("windows\r\n", "windows"), ("", "")],
)
def test_a_password_is_the_first_line(tmp_path: Path, content: str, password: str) -> None:
    assert read_password(secret(tmp_path / "password", content)) == password


@pytest.mark.parametrize(
    ("content", "login"),
    [
        (
            "username = alice\npassword = wonder land \ndomain = CORP\n",
            ("alice", "CORP", "wonder land "),
        ),
        ("Username=alice\n# a remark\n; another\n\nPASSWORD=a=b#c\n", ("alice", "", "a=b#c")),
        ("password =\nrealm = CORP.EXAMPLE\n", ("", "", "")),
        ("username = alice", ("alice", "", None)),
    ],
)
def test_an_authentication_file(
    tmp_path: Path, content: str, login: tuple[str, str, str | None]
) -> None:
    assert read_authentication_file(secret(tmp_path / "auth", content)) == Login(*login)


@pytest.mark.parametrize("line", ["passwrod = x", "alice", "= x"])
def test_a_line_that_is_none_of_it_is_named_without_its_content(tmp_path: Path, line: str) -> None:
    file = secret(tmp_path / "auth", f"username = alice\n{line}")
    with pytest.raises(ConfigError, match="no line of an authentication file") as caught:
        read_authentication_file(file)
    assert str(caught.value).startswith(f"{file}:2: ")
    assert line not in str(caught.value)


@pytest.mark.parametrize("read", [read_password, read_authentication_file])
def test_files_that_cannot_be_used(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(ConfigError, match="missing: cannot be read: No such file"):
        read(tmp_path / "missing")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read(secret(tmp_path / "bytes", b"\xff"))
    if sys.platform != "win32":
        with pytest.raises(ConfigError, match=r"others can read .* chmod 600"):
            read(secret(tmp_path / "open", "word", 0o644))


class MemoryKeyring(KeyringBackend):
    """A keyring with one password, which can be locked."""

    priority = 1
    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("no prompt here")
        return "wonder" if (service, username) == ("smbquic", "alice@fs.example") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    before, found = keyring.get_keyring(), MemoryKeyring()  # type: ignore[no-untyped-call]
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(before)


def test_a_password_in_the_keyring(memory: MemoryKeyring) -> None:
    assert keyring_password(SmbUrl.parse("smb://alice@fs.example/data")) == "wonder"
    with pytest.raises(ConfigError, match=r"keyring set smbquic 'bob@fs\.example'"):
        keyring_password(SmbUrl.parse("smb://bob@fs.example/data"))
    memory.locked = True
    with pytest.raises(ConfigError, match="no prompt here"):
        keyring_password(SmbUrl.parse("smb://alice@fs.example/data"))


def test_a_domain_is_part_of_the_name() -> None:
    assert keyring_name(SmbUrl.parse("smb://CORP;alice@fs.example")) == "CORP;alice@fs.example"


def test_the_library_for_keyrings_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pip install 'smbquic\[keyring\]'"):
        keyring_password(SmbUrl.parse("smb://alice@fs.example/data"))
