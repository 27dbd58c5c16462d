"""Debian's rclone against our server, over TCP: its SMB client is one more, written in Go."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.processes import PASSWORD, SHARE, USER, ServerProcess
from tests.interop.test_smbclient import content, files_in

pytestmark = pytest.mark.debian("rclone")

REMOTE = f":smb:{SHARE}"

Rclone = Callable[..., str]


@pytest.fixture
def rclone(server: ServerProcess, local: Path) -> Rclone:
    """Runs it in the client's folder, with `:smb:` for the server; gives its output."""
    environment = {
        **os.environ,
        "RCLONE_CONFIG": "",
        "RCLONE_SMB_HOST": "127.0.0.1",
        "RCLONE_SMB_PORT": str(server.ports["tcp"]),
        "RCLONE_SMB_USER": USER,
    }

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            ["rclone", *arguments],
            cwd=local,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    environment["RCLONE_SMB_PASS"] = run("obscure", PASSWORD).strip()
    return run


def make_tree(folder: Path, count: int) -> dict[str, bytes]:
    """Files in some folders, one of them empty; their contents by their names."""
    tree = {f"d{n % 7}/e{n % 3}/fi le {n} é日": content(n * 11) for n in range(count)}
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return tree


def test_a_tree_is_copied_checked_and_kept_in_step(
    rclone: Rclone, server: ServerProcess, local: Path
) -> None:
    tree = make_tree(local / "tree", 150)
    rclone("copy", "tree", f"{REMOTE}/tree")
    assert files_in(server.share / "tree") == tree
    for name in tree:
        times = [
            (root / name).stat().st_mtime_ns for root in (local / "tree", server.share / "tree")
        ]
        assert times[0] // 100 == times[1] // 100
    assert "0 differences found" in rclone("check", "--download", "tree", f"{REMOTE}/tree")
    changed, gone, *_ = tree
    (local / "tree" / changed).write_bytes(b"changed")
    (local / "tree" / gone).unlink()
    report = rclone("check", "tree", f"{REMOTE}/tree", code=1)
    assert "2 differences found" in report
    report = rclone("sync", "-v", "tree", f"{REMOTE}/tree")
    assert report.count(": Copied") == report.count(": Deleted") == 1
    assert files_in(server.share / "tree") == files_in(local / "tree")
    rclone("copy", f"{REMOTE}/tree", "back")
    assert files_in(local / "back") == files_in(local / "tree")


def test_a_folder_whose_listing_takes_a_while(rclone: Rclone, server: ServerProcess) -> None:
    """It demands that interim responses are signed, and lists nothing if they are not."""
    folder = server.share / "many"
    folder.mkdir()
    for number in range(3000):
        (folder / f"file {number}").touch()
    assert len(rclone("lsf", f"{REMOTE}/many").splitlines()) == 3000


def test_files_are_moved_and_removed(rclone: Rclone, server: ServerProcess, local: Path) -> None:
    make_tree(server.share / "tree", 30)
    (local / "big").write_bytes(content(3_000_000))
    rclone("moveto", "big", f"{REMOTE}/new/big")
    rclone("moveto", f"{REMOTE}/new/big", f"{REMOTE}/newer/bigger")
    assert not (local / "big").exists()
    assert not list((server.share / "new").iterdir())
    assert (server.share / "newer" / "bigger").read_bytes() == content(3_000_000)
    rclone("touch", "-t", "2020-01-02T03:04:05", f"{REMOTE}/newer/bigger")
    assert "3000000 2020-01-02 03:04:05.000000000 bigger" in rclone("lsl", f"{REMOTE}/newer")
    rclone("delete", f"{REMOTE}/tree/d1")
    assert files_in(server.share / "tree" / "d1") == {}
    rclone("rmdirs", f"{REMOTE}/tree")
    assert not (server.share / "tree" / "d1").exists()
    rclone("purge", f"{REMOTE}/tree")
    assert sorted(path.name for path in server.share.iterdir()) == ["new", "newer"]
    assert f" {SHARE}\n" in rclone("lsd", ":smb:")
