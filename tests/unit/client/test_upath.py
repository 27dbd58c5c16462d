"""Paths on a share, without a server."""

import pickle

import pytest
from upath import UPath

from smbquic.client.upath import SmbQuicPath

URL = "smb+quic://alice@fs.example:8443/data/folder/a.tar.gz"


def test_universal_pathlib_finds_the_class() -> None:
    path = UPath(URL, password="secret")
    assert isinstance(path, SmbQuicPath)
    assert isinstance(UPath("smbquic://fs.example/data"), SmbQuicPath)
    assert path.storage_options == {
        "host": "fs.example",
        "port": 8443,
        "user": "alice",
        "password": "secret",
    }


def test_parts() -> None:
    path = UPath(URL)
    assert path.path == "/data/folder/a.tar.gz"
    assert path.parts == ("/", "data", "folder", "a.tar.gz")
    assert (path.name, path.stem, path.suffixes) == ("a.tar.gz", "a.tar", [".tar", ".gz"])
    assert path.parent.path == "/data/folder"
    assert (path.parent / "b.txt").path == "/data/folder/b.txt"
    assert path.parent.parent.parent.path == "/"
    assert path.with_suffix(".xz").name == "a.tar.xz"
    assert str(path.relative_to(path.parent)) == "a.tar.gz"


@pytest.mark.parametrize(
    "url",
    [
        "smbquic://fs.example/data/a",
        "smbquic://CORP;alice@fs.example:8443/data/10%25 off",
        "smbquic://alice@[fd00:1:2:3:4:5:6:7]/data",
        "smbquic://fs.example",
    ],
)
def test_its_text_is_a_url(url: str) -> None:
    path = UPath(url, password="secret")
    assert str(path) == url
    assert UPath(str(path), **path.storage_options) == path
    assert str(UPath(url.replace("smbquic", "smb+quic"))) == url


def test_without_a_host_it_is_a_path() -> None:
    path = UPath("/data/a", protocol="smbquic")
    assert path.path == "/data/a"
    assert str(path) == "smbquic:///data/a"
    assert SmbQuicPath().path == "/"


def test_copies() -> None:
    path = UPath(URL, password="secret")
    copy = pickle.loads(pickle.dumps(path))
    assert copy == path
    assert copy.storage_options == path.storage_options
    assert UPath(path) == path
    assert len({path, copy}) == 1
