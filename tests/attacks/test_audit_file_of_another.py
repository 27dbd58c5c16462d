"""Who may write where the audit file is puts another file in its place, and has root open it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from smbquic.cli.privileges import ProcessAccount, only_roots
from smbquic.cli.server_account import open_audit
from smbquic.observe.audit import RotatingFile
from smbquic.options.audit import AuditOptions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such links")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs root, who is to be deceived"
)


def symbolic(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def hard(path: Path, victim: Path) -> None:
    path.hardlink_to(victim)


@pytest.mark.parametrize(
    ("link", "words"), [(symbolic, "symbolic link"), (hard, "has another hard link")]
)
def test_a_link_to_another_file_is_not_written_to(tmp_path: Path, link: object, words: str) -> None:
    victim, path = tmp_path / "victim", tmp_path / "audit"
    victim.write_text("before\n")
    assert callable(link)
    link(path, victim)
    with pytest.raises(OSError, match=words):
        RotatingFile(path)
    assert victim.read_text() == "before\n"


def test_a_link_that_comes_later_is_not_written_to(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "audit"
    victim.write_text("before\n")
    file = RotatingFile(path)
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic link"):
        file.reopen()
    file.write("x\n")
    file.close()
    assert victim.read_text() == "before\n"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_is_no_audit_file(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "audit")
    with pytest.raises(OSError):  # noqa: PT011 (which one is the system's business)
        RotatingFile(tmp_path / "audit")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder of root that everybody may enter, in it one of nobody, and one of root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for name in ("audit", "roots"):
        (folder / name).mkdir()
    shutil.chown(folder / "audit", "nobody")
    yield folder
    shutil.rmtree(folder)


def opened(path: Path) -> None:
    sink = open_audit(AuditOptions(file=path), ProcessAccount.parse("nobody"))
    assert isinstance(sink, RotatingFile)
    sink.close()


@as_root
@pytest.mark.parametrize("link", [symbolic, hard])
def test_a_file_of_root_stays_roots(place: Path, link: object) -> None:
    victim = place / "roots" / "victim"
    victim.touch(mode=0o600)
    assert callable(link)
    link(place / "audit" / "log", victim)
    with pytest.raises(click.UsageError):
        opened(place / "audit" / "log")
    assert victim.stat().st_uid == 0
    assert os.geteuid() == os.getegid() == 0


@as_root
def test_no_file_is_made_in_a_folder_of_root(place: Path) -> None:
    (place / "audit" / "today").symlink_to(place / "roots")
    with pytest.raises(click.UsageError):
        opened(place / "audit" / "today" / "log")
    with pytest.raises(click.UsageError):
        opened(place / "audit" / ".." / "audit" / "today" / "log")
    assert list((place / "roots").iterdir()) == []


@as_root
def test_where_only_root_may_write_root_makes_the_file(place: Path) -> None:
    opened(place / "roots" / "log")
    assert (place / "roots" / "log").stat().st_uid == ProcessAccount.parse("nobody").uid


@as_root
def test_what_others_can_change_is_not_only_roots(place: Path) -> None:
    assert only_roots(place / "roots")
    assert not only_roots(place / "audit")
    assert not only_roots(Path(tempfile.gettempdir()))
