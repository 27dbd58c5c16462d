"""What `smbquic mount` says before it connects."""

from pathlib import Path
from types import ModuleType

import pytest

from smbquic.cli import mount
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import main
from smbquic.client.mount import fuse
from smbquic.errors import MountError

URL = "smb://alice@localhost:1/data"


@pytest.fixture(autouse=True)
def with_fuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mount, "check_device", lambda: None)
    monkeypatch.setattr(fuse, "load", lambda: ModuleType("mfusepy"))


def test_a_folder_that_cannot_be_mounted_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mount", URL, str(tmp_path / "missing")]) == ExitCode.USAGE
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["mount", URL, str(tmp_path)]) == ExitCode.USAGE
    assert "is not empty" in capsys.readouterr().err


def test_what_is_missing_on_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise MountError("mfusepy is not installed")

    monkeypatch.setattr(fuse, "load", missing)
    assert main(["mount", URL, str(tmp_path)]) == ExitCode.USAGE
    assert capsys.readouterr().err == "smbquic: mfusepy is not installed\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-o", "rubbish"], "-o has rubbish, which is no option of a mount"),
        (["-o", "uid=x"], "'x' is not a valid integer"),
        (["--file-mode", "999"], "write octal digits"),
    ],
)
def test_wrong_options(
    options: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mount", *options, URL, str(tmp_path)]) == ExitCode.USAGE
    assert text in capsys.readouterr().err


def test_a_server_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMBQUIC_PASSWORD", "secret")
    assert main(["mount", "--timeout", "5", URL, str(tmp_path)]) == ExitCode.TRANSPORT
    assert "tcp://" in capsys.readouterr().err
