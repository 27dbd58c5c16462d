"""Paths of universal_pathlib on our server. Its own tests are not part of its package."""

from collections.abc import Iterator

import pytest
from upath import UPath

from tests.fsspec_thread import fsspec_thread  # noqa: F401  (a fixture)
from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess, empty


@pytest.fixture(scope="module")
def _root(_server: ServerProcess, fsspec_thread: None) -> Iterator[UPath]:  # noqa: F811
    url = f"smb+quic://{USER}@localhost:{_server.ports['quic']}/{SHARE}"
    root = UPath(url, password=PASSWORD, ca=_server.pki.ca)
    assert root.is_dir()
    yield root
    root.fs.close()


@pytest.fixture
def root(_root: UPath, server: ServerProcess) -> UPath:
    empty(server.share)
    return _root


def test_files(root: UPath, server: ServerProcess) -> None:
    file = root / "a" / "file.txt"
    file.parent.mkdir()
    assert file.write_text("Grüße", encoding="utf-8") == 5
    assert (server.share / "a" / "file.txt").read_text(encoding="utf-8") == "Grüße"
    with file.open("a", encoding="utf-8") as opened:
        opened.write("!")
    assert file.read_text(encoding="utf-8") == "Grüße!"
    assert file.stat().st_size == 8
    assert file.stat().st_mtime == pytest.approx((server.share / "a" / "file.txt").stat().st_mtime)
    assert file.is_file()
    assert not file.is_dir()
    assert file.rename(root / "moved.txt").read_bytes() == "Grüße!".encode()
    assert not file.exists()
    (root / "moved.txt").unlink()
    with pytest.raises(FileNotFoundError):
        (root / "moved.txt").read_bytes()


def test_folders(root: UPath, server: ServerProcess) -> None:
    (root / "a" / "b").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        (root / "a").mkdir()
    (root / "a").mkdir(exist_ok=True)
    with pytest.raises(FileNotFoundError):
        (root / "missing" / "b").mkdir()
    for name in ("1.csv", "2.csv", "b/3.csv"):
        (root / "a" / name).touch()
    assert sorted(path.name for path in (root / "a").iterdir()) == ["1.csv", "2.csv", "b"]
    assert sorted(path.name for path in root.glob("a/*.csv")) == ["1.csv", "2.csv"]
    assert sorted(path.name for path in root.rglob("*.csv")) == ["1.csv", "2.csv", "3.csv"]
    assert [names for _, *names in (root / "a").walk()] == [
        [["b"], ["1.csv", "2.csv"]],
        [[], ["3.csv"]],
    ]
    (root / "a").rmdir(recursive=True)
    assert not (server.share / "a").exists()
