import os
from pathlib import Path

import pytest

from benchmarks import workspace
from benchmarks.workspace import Sizes, hash_of, remove_leftover_files, temporary_workspace

SIZES = Sizes(bulk=10_000, small_files=3, listings=(2,))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "parent", lambda: tmp_path)
    monkeypatch.setattr(workspace, "WIREGUARD_SOCKETS", tmp_path / "wireguard")


def test_the_files_are_the_same_for_the_same_seed_and_gone_afterwards(tmp_path: Path) -> None:
    hashes = []
    for seed in (1, 1, 2):
        with temporary_workspace(SIZES, seed) as files:
            assert files.hash(files.share / "big") != files.hash(files.source / "big")
            assert len(list((files.share / "small").iterdir())) == 3
            assert len(list((files.share / "list-2").iterdir())) == 2
            hashes.append(hash_of(files.share))
    assert hashes[0] == hashes[1] != hashes[2]
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_compared_and_removed() -> None:
    with temporary_workspace(SIZES, 1) as files:
        copy = files.scratch / "copy"
        copy.write_bytes((files.share / "big").read_bytes())
        assert files.compare(copy, files.share / "big") == []
        assert not copy.exists()
        copy.write_bytes(b"other")
        assert files.compare(copy, files.share / "big") == ["copy: the hash differs"]


def test_a_folder_is_compared_by_names_and_contents() -> None:
    with temporary_workspace(SIZES, 1) as files:
        copy = files.scratch / "copy"
        copy.mkdir()
        for file in (files.share / "small").iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        (copy / "00001").rename(copy / "10001")
        assert files.compare(copy, files.share / "small") == ["copy: the hash differs"]
        assert not copy.exists()


def test_leftovers_are_removed_unless_somebody_holds_them(tmp_path: Path) -> None:
    dead = tmp_path / f"{workspace.PREFIX}dead"
    dead.mkdir()
    (dead / workspace.LOCK).touch()
    with temporary_workspace(SIZES, 1) as files:
        assert remove_leftover_files() == [f"folder {dead}"]
        assert not dead.exists()
        assert files.folder.exists()


def test_sockets_of_ended_runs_are_removed(tmp_path: Path) -> None:
    sockets = tmp_path / "wireguard"
    sockets.mkdir()
    dead, other = sockets / f"{workspace.WIREGUARD_PREFIX}4194305-0c.sock", sockets / "wg0.sock"
    mine = sockets / f"{workspace.WIREGUARD_PREFIX}{os.getpid()}-0c.sock"
    for path in (dead, other, mine):
        path.touch()
    assert remove_leftover_files() == [f"socket {dead}"]
    assert other.exists()
    assert mine.exists()
