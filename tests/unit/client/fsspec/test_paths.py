from datetime import UTC, datetime

import pytest

from smbquic.client.fsspec.paths import (
    file_info,
    folder_info,
    listed_info,
    parse_url,
    split,
    to_path,
)
from smbquic.client.stat import Stat
from smbquic.client.url import SmbUrl
from smbquic.errors import SecurityError, UrlError
from smbquic.wire.fscc.attributes import FileAttributes


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("smb+quic://alice@fs.example/data/a/b.csv", "/data/a/b.csv"),
        ("smbquic://fs.example:8443/data/", "/data"),
        ("smb://fs.example", "/"),
        ("smb+quic://fs.example/data/part-*.csv", "/data/part-*.csv"),
        ("smb+quic://fs.example/data/10%25%20off", "/data/10% off"),
        ("smb+quic:///data/a", "/data/a"),
        ("smb+quic://", "/"),
        ("/data/10% off/", "/data/10% off"),
        ("data/a", "/data/a"),
        ("data//a", "/data/a"),
        ("", "/"),
        ("/", "/"),
    ],
)
def test_paths(text: str, path: str) -> None:
    assert to_path(text) == path
    assert to_path(path) == path


def test_urls() -> None:
    assert parse_url("smbquic://alice@fs.example/data") == SmbUrl(
        "quic", "fs.example", 443, share="data", user="alice"
    )
    assert parse_url("SMB://fs.example/data") == SmbUrl("tcp", "fs.example", 445, share="data")
    assert parse_url("/data") is None
    assert parse_url("smb:///data") is None
    assert parse_url("file://fs.example/data") is None
    with pytest.raises(UrlError):
        parse_url("smb+quic://fs.example/%")


def test_shares_and_names() -> None:
    assert split("/") == ("", "")
    assert split("/data") == ("data", "")
    assert split("/data/a/b") == ("data", "a/b")
    share, inside = split("/data/what?")
    assert (share, "?" in inside) == ("data", False)
    assert listed_info("/data", stat(inside))["name"] == "/data/what?"


def stat(name: str, attributes: FileAttributes = FileAttributes.NORMAL) -> Stat:
    second = 1_000_000_000
    return Stat(name, 7, 4096, attributes, second, 2 * second, 3 * second, 4 * second)


def test_files() -> None:
    assert file_info("/data/a", stat("a")) == {
        "name": "/data/a",
        "size": 7,
        "type": "file",
        "created": datetime.fromtimestamp(1, UTC),
        "mtime": datetime.fromtimestamp(3, UTC),
        "ctime": datetime.fromtimestamp(4, UTC),
    }
    folder = file_info("/data/a", stat("a", FileAttributes.DIRECTORY))
    assert (folder["type"], folder["size"]) == ("directory", 0)
    link = FileAttributes.DIRECTORY | FileAttributes.REPARSE_POINT
    assert file_info("/data/a", stat("a", link))["type"] == "link"
    assert folder_info("/data") == {"name": "/data", "size": 0, "type": "directory"}


def test_a_listed_name_stays_in_its_folder() -> None:
    assert listed_info("/", stat("a"))["name"] == "/a"
    with pytest.raises(SecurityError):
        listed_info("/data", stat("../a"))
