"""The sdist and the wheel: the same each time, complete, and installed by pipx and uv."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.packages.conftest import build


def interpreters() -> dict[str, Path]:
    """Return the interpreters of this machine, one of each version that is new enough."""
    found = dict[str, Path]()
    for path in (Path(sys.base_prefix) / "bin" / "python3", Path("/usr/bin/python3")):
        if path.exists():
            code = "import sys; print('%d.%d' % sys.version_info[:2], sys.version_info >= (3, 11))"
            version, suits = subprocess.check_output([path, "-c", code], text=True).split()
            if suits == "True":
                found.setdefault(version, path)
    return found


PYTHONS = interpreters()


def run(*command: str | Path, **environment: str | Path) -> str:
    """Run a program of the environment of the tests; what it prints."""
    scripts = sysconfig.get_path("scripts")
    variables = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    variables |= {name: str(value) for name, value in environment.items()}
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def digests(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


def test_another_build_gives_the_same_files(
    dist: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = build(tmp_path_factory.mktemp("second-of-them"), zone="Asia/Tokyo", mask=0o077)
    assert digests(again) == digests(dist)
    assert len(digests(dist)) == 2


def test_both_pass_the_checks_of_the_index(dist: Path, wheel: Path) -> None:
    run("twine", "check", "--strict", *dist.iterdir())
    run("check-wheel-contents", wheel)


def test_the_wheel_has_the_package_and_its_manual(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if name.startswith("smbquic/")}
    assert package == {
        str(path.relative_to(ROOT))
        for path in (ROOT / "smbquic").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    [data] = {name.partition("/")[0] for name in names if "/data/" in name}
    manual = {Path(name).name for name in names if name.startswith(f"{data}/data/share/man/man1/")}
    assert manual == {path.name for path in (ROOT / "docs" / "man").iterdir()}


def test_the_sdist_has_no_more_than_the_sources(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    for name in names:
        assert name == "PKG-INFO" or (ROOT / name).exists(), name
        assert not name.endswith((".key", ".pyc"))
    assert {"README.md", "docs/man/smbquic.1", "smbquic/py.typed", "tests/conftest.py"} <= {*names}


@pytest.fixture(scope="session")
def uv(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the variables with which uv installs the versions of the lock."""
    constraints = ROOT / ".ci" / "constraints.txt"
    return {"UV_CACHE_DIR": tmp_path_factory.mktemp("uv"), "UV_CONSTRAINT": constraints}


@pytest.mark.parametrize("python", PYTHONS)
def test_installing_with_pipx(
    wheel: Path, python: str, uv: dict[str, Path], tmp_path: Path
) -> None:
    places = {"PIPX_HOME": tmp_path / "pipx", "PIPX_BIN_DIR": tmp_path / "bin"}
    places |= {"PIPX_MAN_DIR": tmp_path / "man", "PIPX_SHARED_LIBS": tmp_path / "shared"}
    run("pipx", "install", "--backend", "uv", "--python", PYTHONS[python], wheel, **places, **uv)
    assert "version" in run(tmp_path / "bin" / "smbquic", "--version")
    assert (tmp_path / "man" / "man1" / "smbquic-serve.1").is_file()


@pytest.mark.parametrize("python", PYTHONS)
def test_installing_with_uv_and_its_bill_of_materials(
    wheel: Path, python: str, uv: dict[str, Path], tmp_path: Path
) -> None:
    places = {"UV_TOOL_DIR": tmp_path / "tools", "UV_TOOL_BIN_DIR": tmp_path / "bin"}
    run("uv", "tool", "install", "--quiet", "--python", PYTHONS[python], wheel, **places, **uv)
    assert "version" in run(tmp_path / "bin" / "smbquic", "--version")
    installed = tmp_path / "tools" / "smbquic" / "bin" / "python3"
    bill = json.loads(
        run("cyclonedx-py", "environment", "--pyproject", ROOT / "pyproject.toml", installed)
    )
    assert bill["metadata"]["component"]["name"] == "smbquic"
    components = {each["name"]: each for each in bill["components"]}
    assert {"aioquic", "cryptography", "qh3"} <= {*components}
    assert all(each["version"] for each in components.values())
