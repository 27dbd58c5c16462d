import subprocess
from pathlib import Path

import pytest

from benchmarks.link import LinkUnavailable, build


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.debian("gcc")
def test_it_is_compiled_once_for_each_source(tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "answer.c"
    source.write_text("int main(void) { return 42; }\n")
    program = build.emulator(source)
    assert program.is_relative_to(cache)
    assert subprocess.run([program]).returncode == 42
    made = program.stat().st_mtime_ns
    assert build.emulator(source) == program
    assert program.stat().st_mtime_ns == made
    source.write_text("int main(void) { return 43; }\n")
    other = build.emulator(source)
    assert other != program
    assert subprocess.run([other]).returncode == 43
    assert sorted(program.parent.iterdir()) == sorted([program, other])


def test_no_compiler_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        LinkUnavailable, match=r"needs a C compiler \(cc, gcc, clang\).*apt install"
    ):
        build.emulator()


@pytest.mark.debian("gcc")
def test_what_cannot_be_compiled_is_shown(tmp_path: Path) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int main(void) { return missing; }\n")
    with pytest.raises(LinkUnavailable, match=r"cannot compile .*broken\.c:\n(.|\n)*missing"):
        build.emulator(source)
    assert list(build.cache_directory().iterdir()) == []


@pytest.mark.debian("gcc")
def test_the_emulator_has_no_warnings(tmp_path: Path) -> None:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    subprocess.run(
        ["gcc", *build.FLAGS, *warnings, "-o", str(tmp_path / "emulator"), str(build.SOURCE)],
        check=True,
    )


def test_nobody_else_may_write_the_cache(cache: Path) -> None:
    directory = build.cache_directory()
    assert directory.is_relative_to(cache)
    directory.chmod(0o770)
    with pytest.raises(LinkUnavailable, match="writable by nobody else"):
        build.cache_directory()


def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(LinkUnavailable, match="set XDG_CACHE_HOME"):
        build.cache_directory()


def test_without_a_setting_it_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert build.cache_directory() == tmp_path / ".cache/smbquic/link"
    assert build.cache_directory().stat().st_mode & 0o777 == 0o700
