"""Transfers that are interrupted and resumed: what is sent twice, and that the result is whole."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from smbquic.storage.partial import is_unfinished
from tests.integration.program import TIMEOUT, Served, environment, running, serve_arguments
from tests.integration.test_copying import Here, names, started, wait_for

SIZE = 96 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    # Clients that were killed leave without a word, and nobody waits for them.
    with running(*arguments, "--drain-seconds", "0") as ready:
        yield Here(directory / "share", pki, ready["listeners"])


@pytest.fixture(scope="module")
def content() -> bytes:
    return random.Random(7).randbytes(SIZE)


def size_of_part(folder: Path) -> int:
    """The size of the only unfinished file in a folder; 0 without one."""
    found = [path for path in folder.iterdir() if is_unfinished(path.name)]
    return found[0].stat().st_size if found else 0


def interrupt(
    served: Served, arguments: list[str], folder: Path, goal: int, how: signal.Signals
) -> None:
    with started(served, *arguments) as process:
        wait_for(lambda: size_of_part(folder) >= goal, process)
        process.send_signal(how)
        _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode in (-how, 128 + how, 0), said


@pytest.mark.parametrize("transport", ["tcp", "quic"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_get_goes_on(
    served: Served, tmp_path: Path, content: bytes, transport: str, how: signal.Signals
) -> None:
    (served.folder / "large").write_bytes(content)
    chance = random.Random(f"{transport}{how}")
    arguments = ["get", "--resume", served.url("large", transport), str(tmp_path / "x")]
    interrupt(served, arguments, tmp_path, chance.randrange(20 << 20, SIZE - (20 << 20)), how)
    left = size_of_part(tmp_path)
    if not (tmp_path / "x").exists():
        assert left > 0
        assert len(names(tmp_path)) == 1
    assert served.run(*arguments).returncode == 0
    assert (tmp_path / "x").read_bytes() == content
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("transport", ["tcp", "quic"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_put_goes_on(
    served: Served, tmp_path: Path, content: bytes, transport: str, how: signal.Signals
) -> None:
    (tmp_path / "large").write_bytes(content)
    folder = served.folder / f"{transport}-{how.name}"
    folder.mkdir()
    chance = random.Random(f"{transport}{how}put")
    url = served.url(f"{folder.name}/x", transport)
    arguments = ["put", "--resume", str(tmp_path / "large"), url]
    interrupt(served, arguments, folder, chance.randrange(20 << 20, SIZE - (20 << 20)), how)
    if not (folder / "x").exists():
        assert size_of_part(folder) > 0
        assert (
            served.run("ls", "--json", served.url(folder.name, transport)).stdout.count(".resume")
            == 0
        )
    assert served.run(*arguments).returncode == 0
    assert (folder / "x").read_bytes() == content
    assert names(folder) == ["x"]


def test_a_put_goes_on_when_the_server_was_killed(
    tmp_path: Path, pki: PkiDirectory, content: bytes
) -> None:
    """No server removes the part: not when its client goes, and not when it starts again."""
    (tmp_path / "large").write_bytes(content)
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(tmp_path, *files, "tcp://127.0.0.1:0")
    folder = tmp_path / "share"
    server = subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments, "--json"],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    try:
        assert server.stdout is not None
        here = Here(folder, pki, json.loads(server.stdout.readline())["listeners"])
        put = ["put", "--resume", "--reconnect-timeout", "0", str(tmp_path / "large")]
        with started(here, *put, here.url("x", "tcp")) as process:
            wait_for(lambda: size_of_part(folder) > 40 << 20, process)
            server.kill()
            process.communicate(timeout=TIMEOUT)
    finally:
        server.kill()
        server.communicate()
    assert size_of_part(folder) > 0 or (folder / "x").exists()
    with running(*arguments) as ready:
        here = Here(folder, pki, ready["listeners"])
        result = here.run("put", "--resume", str(tmp_path / "large"), here.url("x", "tcp"))
        assert result.returncode == 0, result.stderr
    assert (folder / "x").read_bytes() == content
    assert names(folder) == ["x"]
