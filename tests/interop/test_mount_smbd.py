"""A mount of Debian's smbd, which shares no code with our server."""

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.mount_model import run_random_operations
from tests.integration.mounting import mounted, needs_fuse, run
from tests.interop.processes import PASSWORD, Smbd, needs_smbd

pytestmark = [
    *needs_smbd,
    pytest.mark.debian("fusermount3"),
    needs_fuse,
]

CONTENT = random.Random(5).randbytes(3_000_000)


@pytest.fixture(scope="module")
def top(shared_smbd: Smbd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mounts") / "mount"
    url = shared_smbd.url()
    with mounted(folder, url, password=PASSWORD) as mount:
        yield mount


@pytest.fixture
def mount(top: Path) -> Path:
    """A new folder in the mount."""
    return Path(tempfile.mkdtemp(dir=top))


def test_random_operations(top: Path, shared_smbd: Smbd) -> None:
    run_random_operations(top, shared_smbd.share)


def test_files_are_read_and_written(mount: Path, shared_smbd: Smbd) -> None:
    (mount / "file").write_bytes(CONTENT)
    assert (mount / "file").read_bytes() == CONTENT
    on_disk = shared_smbd.share / mount.name / "file"
    assert on_disk.read_bytes() == CONTENT
    assert (mount / "file").stat().st_ino == on_disk.stat().st_ino
    os.utime(mount / "file", ns=(10**18, 10**18 + 100))
    assert (mount / "file").stat().st_mtime_ns == on_disk.stat().st_mtime_ns == 10**18 + 100
    os.setxattr(mount / "file", "user.comment", b"a text")
    assert os.getxattr(mount / "file", "user.comment") == b"a text"
    assert os.getxattr(on_disk, "user.comment") == b"a text"
    with (mount / "file").open("r+b") as file:
        (mount / "file").unlink()
        assert file.read(10) == CONTENT[:10]
    (mount / "new").write_bytes(b"x")
    (mount / "new").chmod(0o444)
    (mount / "new").rename(mount / "newer")
    (mount / "newer").unlink()


@pytest.mark.debian("rsync", "git")
def test_programs_work_in_it(mount: Path, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"file{number}").write_bytes(CONTENT[: number * 10_000])
        os.utime(tmp_path / f"file{number}", ns=(0, 10**18 + number * 100))
    assert "file9" in run("rsync", "-rti", f"{tmp_path}/", mount / "copy")
    assert run("rsync", "-rti", f"{tmp_path}/", mount / "copy") == ""
    name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "safe.directory=*"]
    run("git", "init", "-q", mount / "copy")
    run("git", *name, "-C", mount / "copy", "add", ".")
    run("git", *name, "-C", mount / "copy", "commit", "-qm", "all")
    run("git", *name, "clone", "-q", "--no-hardlinks", mount / "copy", mount / "clone")
    run("git", *name, "-C", mount / "clone", "fsck", "--full", "--strict")
    with closing(sqlite3.connect(mount / "base")) as base:
        base.execute("CREATE TABLE numbers (number INTEGER)")
        base.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(100)])
        base.commit()
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
