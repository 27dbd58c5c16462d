"""`get`, `put` and `cp` as people run them: where copies go, and what interruptions leave."""

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from smbquic.cli.main import main
from smbquic.pki import PkiDirectory
from smbquic.storage.partial import is_temporary_name
from tests.integration.program import (
    PASSWORD,
    TIMEOUT,
    Served,
    environment,
    is_one_line,
    running,
    serve_arguments,
)

ROUNDS = 5
"""How often a copy is interrupted, on each of the two transports."""


class Here(Served):
    """The same, with commands that run in this process: most of what one takes is its start."""

    def run(self, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        password = options.pop("password", PASSWORD)
        assert not options
        changed = environment(SMBQUIC_CA=self.ca, SMBQUIC_PASSWORD=password)
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, changed, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main(list(arguments))
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    # Clients that were killed leave without a word, and nobody waits for them.
    with running(*arguments, "--drain-seconds", "0") as ready:
        yield Here(directory / "share", pki, ready["listeners"])


@pytest.fixture(params=["quic", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@contextlib.contextmanager
def started(served: Served, *arguments: str, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A command that is under way."""
    process = subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(SMBQUIC_CA=served.ca, SMBQUIC_PASSWORD=PASSWORD),
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Until something is so, or the process has ended."""
    deadline = time.monotonic() + TIMEOUT
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- interruptions ------------------------------------------------------------------------------


def test_an_interrupted_put_leaves_nothing_on_the_share(
    served: Served, tmp_path: Path, transport: str
) -> None:
    chance = random.Random(transport)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(200):
        (source / f"{number}.bin").write_bytes(chance.randbytes(chance.choice([9, 9_000, 90_000])))
    for number in range(ROUNDS):
        target = served.folder / f"{transport}-interrupted-{number}"
        url = served.url(target.name, transport)
        goal = chance.randrange(1, 160)
        with started(served, "put", "-r", str(source), url) as process:
            wait_for(lambda at=target, count=goal: len(names(at)) >= count, process)  # type: ignore[misc]
            process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM]))
            _, said = process.communicate(timeout=TIMEOUT)
        assert process.returncode in (130, 143), said
        assert len(said.decode().strip().splitlines()) == 1
        assert [name for name in names(target) if is_temporary_name(name)] == []


@pytest.fixture(scope="module")
def large(served: Served) -> Path:
    """A file on the share that takes a while to be copied, with next to nothing on the disk."""
    path = served.folder / "large"
    with path.open("wb") as file:
        file.truncate(400_000_000)
    return path


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_ended_get_leaves_nothing_here(
    served: Served, large: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with started(served, "get", served.url(large.name), str(tmp_path / "x")) as process:
        wait_for(lambda: bool(names(tmp_path)), process)
        process.send_signal(number)
        _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == code, said
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows who has a file open")
def test_what_a_killed_get_has_left_goes_with_the_next(
    served: Served, large: Path, tmp_path: Path
) -> None:
    with started(served, "get", served.url(large.name), str(tmp_path / "x")) as process:
        wait_for(lambda: bool(names(tmp_path)), process)
        process.kill()
        process.communicate(timeout=TIMEOUT)
    [left] = names(tmp_path)
    assert is_temporary_name(left)
    (served.folder / "small").write_bytes(b"small")
    result = served.run("get", served.url("small"), str(tmp_path / "x"))
    assert result.returncode == 0, result.stderr
    assert names(tmp_path) == ["x"]


def test_temporary_files_are_shown_only_when_asked_for(served: Served, tmp_path: Path) -> None:
    folder = served.folder / "listed"
    folder.mkdir()
    part = ".smbquic-0123456789abcdef.part"
    (folder / part).write_bytes(b"half")
    (folder / "x").write_bytes(b"x")
    url = served.url("listed")
    assert served.run("ls", url).stdout == "x\n"
    assert part in served.run("ls", "--all", url).stdout
    assert served.run("tree", url).stdout.endswith("0 folders, 1 file\n")
    result = served.run("get", "-r", url, str(tmp_path / "t"))
    assert "got 1 file," in result.stdout
    assert names(tmp_path / "t") == ["x"]
    assert served.run("rm", served.url(f"listed/{part}")).returncode == 0
    assert names(folder) == ["x"]


# --- names --------------------------------------------------------------------------------------

ODD = [
    *(b"a:b", b"*", b"what?", b"<x>", b"|", b'"q"', rb"back\slash", b"tab\there", b"dot."),
    *(b"space ", b"latin-\xe9", b"#1 100%", "ä".encode()),
]
"""Names on a disk of POSIX, most of which Windows forbids."""


def test_names_that_windows_forbids_go_there_and_back(
    served: Served, tmp_path: Path, transport: str
) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.mkdir()
    for raw in ODD:
        (source / os.fsdecode(raw)).write_bytes(raw)
    (source / "sub:").mkdir()
    (source / "sub:" / "x?").write_bytes(b"x")
    url = served.url(f"{transport}-odd", transport)
    assert served.run("put", "-r", str(source), url).returncode == 0
    folder = served.folder / f"{transport}-odd"
    assert sorted(map(os.fsencode, names(folder))) == sorted([*ODD, b"sub:"])
    assert served.run("get", "-r", url, str(back)).returncode == 0
    assert names(back) == names(source)
    assert all((back / os.fsdecode(raw)).read_bytes() == raw for raw in ODD)
    assert served.run("stat", f"{url}/sub:/x?").returncode == 0
    assert served.run("rm", f"{url}/latin-%E9", rf"{url}/back\slash").returncode == 0
    listed = served.run("ls", url).stdout.splitlines()
    assert {"a:b", "what?", "sub:/", r"tab\x09here"} <= set(listed)


def test_names_that_differ_in_case_are_not_put_over_each_other(
    served: Served, tmp_path: Path, transport: str
) -> None:
    for name in ("Report.txt", "report.TXT", "REPORT.txt"):
        (tmp_path / name).write_text(name)
    result = served.run("put", "-r", str(tmp_path), served.url(f"{transport}-case", transport))
    assert result.returncode == 1
    assert "put 1 file," in result.stdout
    assert len(result.stderr.splitlines()) == 3
    assert f"{tmp_path}/report.TXT: left out" in result.stderr
    [path] = (served.folder / f"{transport}-case").iterdir()
    assert path.read_text() == path.name == "REPORT.txt"


# --- where copies go ----------------------------------------------------------------------------


def test_a_folder_goes_to_the_same_place_again(served: Served, tmp_path: Path) -> None:
    (tmp_path / "photos" / "2024").mkdir(parents=True)
    (tmp_path / "photos" / "2024" / "x.jpg").write_bytes(b"x")
    url, other = served.url("album"), served.url("copied")
    for _ in range(2):
        assert served.run("put", "-r", str(tmp_path / "photos"), url).returncode == 0
        assert served.run("cp", "-r", url, other).returncode == 0
        assert served.run("get", "-r", other, str(tmp_path / "back")).returncode == 0
    for folder in (served.folder / "album", served.folder / "copied", tmp_path / "back"):
        assert names(folder) == ["2024"]
        assert names(folder / "2024") == ["x.jpg"]


def test_a_slash_at_the_end_means_a_folder(served: Served, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    source, url = str(tmp_path / "x"), served.url("in/")
    is_one_line(served.run("put", source, url), 5, "there is no folder", url, "--parents")
    assert not (served.folder / "in").exists()
    result = served.run("put", "--parents", source, url)
    assert result.returncode == 0, result.stderr
    assert served.run("put", source, url).returncode == 0
    assert names(served.folder / "in") == ["x"]
    result = served.run("cp", served.url("in/x"), served.url("elsewhere/"))
    is_one_line(result, 5, "there is no folder")
    result = served.run("get", served.url("in/x"), f"{tmp_path}/none/")
    assert result.returncode == 2
    assert not (tmp_path / "none").exists()


def test_what_fails_for_one_argument_does_not_stop_the_others(
    served: Served, tmp_path: Path, transport: str
) -> None:
    folder = served.folder / f"{transport}-several"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_text(name)

    def urls(*names: str) -> list[str]:
        return [served.url(f"{folder.name}/{name}", transport) for name in names]

    result = served.run("get", *urls("a", "nosuch", "b"), str(tmp_path))
    assert result.returncode == 1
    assert result.stdout.startswith("got 2 files, 2 B in ")
    assert len(result.stderr.splitlines()) == 2
    assert "nosuch" in result.stderr
    assert names(tmp_path) == ["a", "b"]
    arguments = [str(tmp_path / name) for name in ("a", "nosuch", "b")]
    result = served.run("put", *arguments, *urls("in/"), "--parents")
    assert result.returncode == 1
    assert result.stdout.startswith("put 2 files,")
    assert names(folder / "in") == ["a", "b"]
    result = served.run("mkdir", *urls("a", "new"))
    assert result.returncode == 1
    assert (folder / "new").is_dir()
    result = served.run("rmdir", *urls("nosuch", "new"))
    assert result.returncode == 1
    assert not (folder / "new").exists()


def test_a_server_that_refuses_the_logon_is_asked_once(served: Served) -> None:
    result = served.run("rm", served.url("a"), served.url("b"), password="wrong")
    assert result.returncode == 3
    assert "2 failures, nothing is done" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cp", "-r", "in", "in/sub"), "into itself"),
        (("rm", "-r", ""), "root of a share"),
        (("get", "-r", "", "-"), "single file"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    served: Served, arguments: tuple[str, ...], words: str
) -> None:
    (served.folder / "in").mkdir(exist_ok=True)
    command, *paths = arguments
    given = [path if path.startswith("-") else served.url(path) for path in paths]
    result = served.run(command, *given)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr


def test_a_read_only_share_is_the_cause(served: Served, tmp_path: Path) -> None:
    url = served.url("new").replace("/data/", "/archive/")
    is_one_line(served.run("put", "-r", str(tmp_path), url), 5, "STATUS_ACCESS_DENIED")


# --- standard input and output ------------------------------------------------------------------


def test_standard_input_goes_up_and_standard_output_is_the_file(
    served: Served, transport: str
) -> None:
    content = os.urandom(3_000_000)
    url = served.url(f"{transport}-piped", transport)
    with started(served, "put", "-", url, stdin=subprocess.PIPE) as process:
        out, said = process.communicate(content, timeout=TIMEOUT)
    assert (process.returncode, said) == (0, b"")
    assert out.startswith(b"put 1 file, 3.0 MB in ")
    assert (served.folder / f"{transport}-piped").read_bytes() == content
    with started(served, "get", url, "-") as process:
        out, said = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, said) == (0, b"")
    assert out == content


def test_a_fifo_goes_up(served: Served, tmp_path: Path) -> None:
    fifo, content = tmp_path / "fifo", os.urandom(300_000)
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(content,))
    writer.start()
    result = served.run("put", str(fifo), served.url("from-fifo"))
    writer.join()
    assert (result.returncode, result.stderr) == (0, "")
    assert (served.folder / "from-fifo").read_bytes() == content


# --- wildcards ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no disk there has such names")
def test_wildcards_stand_for_files(served: Served, tmp_path: Path, transport: str) -> None:
    folder = served.folder / f"{transport}-wild"
    for name in ("a.jpg", "b.jpg", "c.png", "deep/d.jpg", "[x].txt", "x.txt", "star*.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)

    def got(pattern: str) -> list[str]:
        target = tmp_path / str(len(list(tmp_path.iterdir())))
        target.mkdir()
        result = served.run("get", served.url(f"{folder.name}/{pattern}", transport), str(target))
        assert result.returncode == 0, result.stderr
        return names(target)

    assert got("*.jpg") == ["a.jpg", "b.jpg"]
    assert got("?.[jp]*g") == ["a.jpg", "b.jpg", "c.png"]
    assert got("**/d.jpg") == ["d.jpg"]
    assert got("[x].txt") == ["[x].txt"]
    assert got("star*.txt") == ["star*.txt"]
    nothing = served.run("get", served.url(f"{folder.name}/*.gif", transport), str(tmp_path))
    is_one_line(nothing, 5, "no such file")
    several = served.run("get", served.url(f"{folder.name}/*.jpg", transport), str(tmp_path / "x"))
    assert several.returncode == 2
    assert "2 files need one" in several.stderr
