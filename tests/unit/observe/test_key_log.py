"""The logs that `SSLKEYLOGFILE` and `QLOGDIR` ask for."""

import sys
from pathlib import Path

import pytest

from smbquic.observe.key_log import key_log, trace_folder


def test_lines_are_appended_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    logs = [key_log({"SSLKEYLOGFILE": str(path)}) for _ in range(2)]
    for number, log in enumerate(logs):
        assert log is not None
        log.write(f"LABEL {number}\n")
        log.flush()
    assert path.read_text() == "LABEL 0\nLABEL 1\n"
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_folder_for_traces_is_made(tmp_path: Path) -> None:
    assert trace_folder({"QLOGDIR": str(tmp_path / "a" / "b")}) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("environment", [{}, {"SSLKEYLOGFILE": "", "QLOGDIR": ""}])
def test_nothing_is_logged_unasked(environment: dict[str, str]) -> None:
    assert key_log(environment) is None
    assert trace_folder(environment) is None
