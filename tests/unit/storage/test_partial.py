"""Names of files that are not whole yet."""

import fcntl
import fnmatch
import signal
import sys
from pathlib import Path

import pytest

from smbquic.storage import partial
from smbquic.storage.partial import (
    is_temporary_name,
    is_unfinished,
    remove_unused,
    resumable_name,
    resumable_pattern,
    temporary_name,
    temporary_name_for,
)


def test_they_are_fresh_and_short() -> None:
    first, second = temporary_name(), temporary_name()

    assert first != second
    assert is_temporary_name(first)
    assert is_temporary_name(second)
    assert len(first) == len(".smbquic-0123456789abcdef.part")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "report.pdf",
        ".smbquic-.part",
        ".smbquic-0123456789abcde.part",
        ".smbquic-0123456789abcdefg.part",
        ".smbquic-0123456789ABCDEF.part",
        ".smbquic-0123456789abcdef.part.bak",
        ".smbquic-0123456789abcdef.part\n",
        "x.smbquic-0123456789abcdef.part",
        r"a\.smbquic-0123456789abcdef.part",
    ],
)
def test_others_are_somebodys(name: str) -> None:
    assert not is_temporary_name(name)


def test_one_that_follows_from_the_target() -> None:
    name = temporary_name_for("report.pdf")

    assert is_temporary_name(name)
    assert name == temporary_name_for("report.pdf") != temporary_name_for("report.PDF")
    assert is_temporary_name(temporary_name_for("latin-\udce9"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_only_files_that_nobody_has_open_are_removed(tmp_path: Path) -> None:
    path = tmp_path / temporary_name()
    path.write_bytes(b"half")
    with path.open("ab"):
        assert not remove_unused(path)
    assert path.exists()
    assert remove_unused(path)
    assert not path.exists()
    assert not remove_unused(path)


def test_where_use_is_not_known_nothing_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "_SET_LEASE", None)
    path = tmp_path / temporary_name()
    path.write_bytes(b"half")
    assert not remove_unused(path)
    assert path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")
def test_who_opens_a_file_meanwhile_does_not_end_this_program(tmp_path: Path) -> None:
    path = tmp_path / temporary_name()
    path.touch()
    with path.open("rb") as file:
        assert partial._is_unused(file.fileno())
        # The default, SIGIO, would. SIGURG is ignored where nobody asks for it.
        assert fcntl.fcntl(file, fcntl.F_GETSIG) == signal.SIGURG


def test_the_name_of_a_part_to_be_resumed() -> None:
    name = resumable_name("report.pdf", ("x", 1, 2))
    assert name == resumable_name("report.pdf", ("x", 1, 2))
    assert name != resumable_name("report.pdf", ("x", 1, 3))
    assert fnmatch.fnmatch(name, resumable_pattern("report.pdf"))
    assert not fnmatch.fnmatch(name, resumable_pattern("other.pdf"))
    assert is_unfinished(name)
    assert not is_temporary_name(name)  # no server removes it
    assert is_unfinished(temporary_name())
    assert not is_unfinished("report.pdf")
