"""How profiles are written in commands, and what is below their URLs."""

import sys
from pathlib import Path

import pytest

from smbquic.client.url import SmbUrl
from smbquic.config.profile import ClientProfile, default_file, split_name
from smbquic.errors import PathError, UrlError


def of(url: str, **given: object) -> ClientProfile:
    return ClientProfile("fs", Path("config.toml"), SmbUrl.parse(url), given, {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fs:report.pdf", ("fs", "report.pdf")),
        ("fs:", ("fs", "")),
        ("fs:/a:b", ("fs", "/a:b")),
        ("my-nas.2_x:a/b", ("my-nas.2_x", "a/b")),
        ("smb://fs.example/data", None),
        ("smb+quic://fs.example/data", None),
        ("c:report.pdf", None),
        (r"C:\report.pdf", None),
        ("./fs:report.pdf", None),
        ("folder/fs:x", None),
        ("/fs:x", None),
        ("-fs:x", None),
        (".fs:x", None),
        ("ÿÿ:x", None),
        ("a b:x", None),
        ("fs", None),
        (":x", None),
        ("", None),
    ],
)
def test_what_is_a_profile_and_what_a_path_or_a_url(
    text: str, found: tuple[str, str] | None
) -> None:
    assert split_name(text) == found


def test_a_path_is_below_the_url() -> None:
    found = of("smb+quic://fs.example/data/in")
    assert found.at("") is found.url
    assert str(found.at("a 100%.pdf")) == "smb+quic://fs.example/data/in/a 100%25.pdf"
    assert str(found.at("b/")) == "smb+quic://fs.example/data/in/b/"
    assert str(found.at("/b")) == "smb+quic://fs.example/data/b"
    assert str(found.at("../b")) == "smb+quic://fs.example/data/b"
    assert found.at("a:b").path == SmbUrl.parse("smb://h/s/in/a:b").path
    with pytest.raises(PathError, match="out of the share"):
        found.at("../../b")


def test_without_a_share_the_path_begins_with_it() -> None:
    found = of("smb://nas")
    assert str(found.at("data/a/b")) == "smb://nas/data/a/b"
    assert str(found.at("/data")) == "smb://nas/data"
    with pytest.raises(UrlError, match="not the name of a share"):
        found.at("../b")


def test_where_the_keyring_has_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smbquic.config.profile.keyring_password", lambda url: f"of {url.user}")
    found = of("smb://alice@fs.example", keyring=True)
    assert found.options == {"password": "of alice"}


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("linux", ".config/smbquic/config.toml"),
        ("darwin", "Library/Application Support/smbquic/config.toml"),
        ("win32", "AppData/Roaming/smbquic/config.toml"),
    ],
)
def test_the_platforms_folder(
    platform: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SMBQUIC_CONFIG", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    # A relative path there is to be ignored (XDG Base Directory Specification).
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_file() == tmp_path / place
