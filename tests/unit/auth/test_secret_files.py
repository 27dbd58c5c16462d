"""Files with secrets that others can read or change."""

import sys
from pathlib import Path

import pytest

from smbquic.auth.secret_files import exposure


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(
    ("mode", "refused"),
    [(0o600, False), (0o640, False), (0o660, True), (0o604, True), (0o602, True), (0o400, False)],
)
def test_who_may_read_and_change_it(tmp_path: Path, mode: int, refused: bool) -> None:
    file = tmp_path / "secret"
    file.touch()
    file.chmod(mode)
    found = exposure(file, "key")
    assert (found is not None) == refused
    if refused:
        assert found == f"{file}: others can read or change this key; run: chmod 600 {file}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        exposure(tmp_path / "missing", "key")
