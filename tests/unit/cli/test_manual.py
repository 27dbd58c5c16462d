"""The manual pages: those of the commands, without mistakes, and in the wheel."""

import shutil
import subprocess
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from smbquic.cli import manual
from smbquic.cli.main import cli

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "man"
HINT = "run: python -m smbquic.cli.manual docs/man"


@pytest.mark.parametrize("name", manual.pages())
def test_the_pages_are_those_of_the_commands(name: str) -> None:
    assert (FOLDER / name).is_file(), HINT
    assert (FOLDER / name).read_text("utf-8") == manual.pages()[name], HINT


def test_there_is_one_for_each_command_and_no_other() -> None:
    expected = {"smbquic.1", *(f"smbquic-{name}.1" for name in cli.commands)}
    assert {path.name for path in FOLDER.iterdir()} == set(manual.pages()) == expected, HINT


@pytest.mark.debian("mandoc")
def test_they_have_no_mistakes() -> None:
    pages = sorted(map(str, FOLDER.iterdir()))
    result = subprocess.run(
        ["mandoc", "-T", "lint", *pages], capture_output=True, text=True, check=False
    )
    assert result.stdout + result.stderr == ""


def test_what_a_page_says() -> None:
    page = manual.pages()["smbquic-get.1"]
    for line in (
        r"smbquic\-get \- copy from a share to this machine",
        r"    smbquic get \-r smb+quic://alice@fs.example/data/reports ./reports".strip(),
        r".B \-\-ca FILE",
        ".SH EXIT STATUS",
        ".B SMBQUIC_PASSWORD",
        ".BR smbquic (1)",
    ):
        assert line in page.splitlines()
    assert '.SS "smbquic pki init"' in manual.pages()["smbquic-pki.1"]
    assert "SMBQUIC_PASSWORD" not in manual.pages()["smbquic-serve.1"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (".profile", r"\&.profile"),
        ("'a' `b` ~ ^ - \\", r"\(aqa\(aq \(gab\(ga \(ti \(ha \- \e"),
        ("größe", r"gr\[u00F6]\[u00DF]e"),
    ],
)
def test_what_has_a_meaning_in_roff_is_escaped(text: str, line: str) -> None:
    assert manual._line(text) == line


def test_old_pages_are_removed(tmp_path: Path) -> None:
    (tmp_path / "smbquic-gone.1").touch()
    (tmp_path / "other.txt").touch()
    manual.write(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {*manual.pages(), "other.txt"}


@pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling")
def test_pip_installs_them(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    project = tmp_path / "project"
    project.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    shutil.copytree(FOLDER, project / "docs" / "man")
    (project / "smbquic").mkdir()
    (project / "smbquic" / "__init__.py").touch()
    (wheel,) = WheelBuilder(str(project)).build(directory=str(tmp_path / "dist"))
    with zipfile.ZipFile(wheel) as archive:
        names = [name.partition(".data/data/")[2] for name in archive.namelist()]
    assert "share/man/man1/smbquic-get.1" in names
