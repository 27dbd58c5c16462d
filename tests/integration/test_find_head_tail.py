"""`smbquic find`, `head` and `tail` as people run them."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.integration.program import Served, running, serve_arguments
from tests.integration.test_copying import Here, started

LINES = [f"line {number}\n" for number in range(30_000)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    with running(*arguments) as ready:
        share = directory / "share"
        for path in ("found/a/b/deep.JPG", "found/a/x.jpg", "found/c/notes.txt", "found/top.jpg"):
            (share / path).parent.mkdir(parents=True, exist_ok=True)
            (share / path).write_text(path)
        (share / "lines").write_text("".join(LINES))
        (share / "unended").write_text("one\ntwo")
        (share / "empty").touch()
        yield Here(share, pki, ready["listeners"])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["a", "c", "top.jpg", "a/b", "a/x.jpg", "a/b/deep.JPG", "c/notes.txt"]),
        (("--name", "*.jpg"), ["top.jpg", "a/x.jpg", "a/b/deep.JPG"]),
        (("--type", "d"), ["a", "c", "a/b"]),
        (("--type", "f", "--max-depth", "2"), ["top.jpg", "a/x.jpg", "c/notes.txt"]),
        (("--name", "A*", "--max-depth", "1"), ["a"]),
        (("--type", "l"), []),
    ],
)
def test_find(served: Served, options: tuple[str, ...], found: list[str]) -> None:
    result = served.run("find", *options, served.url("found"))
    assert result.stdout.splitlines() == [f"found/{path}" for path in found]
    assert result.returncode == 0


def test_find_for_programs(served: Served) -> None:
    result = served.run("find", "--json", "--name", "top*", served.url("found", "tcp"))
    entry = json.loads(result.stdout)
    assert (entry["path"], entry["type"], entry["size"]) == ("found/top.jpg", "file", 13)


def test_find_what_is_no_folder(served: Served) -> None:
    assert served.run("find", served.url("missing")).returncode == 5
    result = served.run("find", served.url("lines"))
    assert result.returncode == 2
    assert "is not a folder" in result.stderr


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("head",), LINES[:10]),
        (("head", "-n", "2"), LINES[:2]),
        (("head", "-c", "9"), ["line 0\nli"]),
        (("head", "-n", "0"), []),
        (("tail",), LINES[-10:]),
        (("tail", "-n", "1"), LINES[-1:]),
        (("tail", "-n", "20000"), LINES[-20_000:]),
        (("tail", "-n", "40000"), LINES),
        (("tail", "-c", "5"), ["9999\n"]),
        (("tail", "-c", "1000000"), LINES),
        (("tail", "-n", "0"), []),
    ],
)
def test_parts_of_a_file(served: Served, command: tuple[str, ...], expected: list[str]) -> None:
    with started(served, *command, served.url("lines")) as process:
        output, errors = process.communicate()
    assert output.decode() == "".join(expected), errors
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        (("head",), "empty", ""),
        (("tail",), "empty", ""),
        (("tail", "-n", "1"), "unended", "two"),
        (("tail", "-n", "2"), "unended", "one\ntwo"),
        (("head", "-n", "2"), "unended", "one\ntwo"),
    ],
)
def test_files_without_an_end_of_line(
    served: Served, command: tuple[str, ...], name: str, expected: str
) -> None:
    with started(served, *command, served.url(name)) as process:
        output, _ = process.communicate()
    assert (output.decode(), process.returncode) == (expected, 0)


def test_lines_and_bytes_at_once_are_a_usage_error(served: Served) -> None:
    result = served.run("tail", "-n", "1", "-c", "1", served.url("lines"))
    assert result.returncode == 2
    assert "either" in result.stderr


def test_a_file_is_followed(served: Served) -> None:
    log: Path = served.folder / "log"
    log.write_text("old\n")
    with started(served, "tail", "-f", "-n", "1", served.url("log")) as process:
        stdout = process.stdout
        assert stdout is not None
        assert stdout.readline() == b"old\n"
        with log.open("a") as file:
            file.write("new\n")
        assert stdout.readline() == b"new\n"
        log.write_text("a")
        assert stdout.read(1) == b"a"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert b"shorter than it was" in errors
