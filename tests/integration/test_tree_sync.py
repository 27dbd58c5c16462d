"""`copy`, `sync` and `check` over both transports, against a model."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import smbquic
from smbquic.client.file_tree import FileTree
from smbquic.pki import PkiDirectory
from tests.integration.program import PASSWORD, TIMEOUT, Served, running, serve_arguments
from tests.integration.test_copying import Here, started, wait_for
from tests.unit.client.trees import SECOND, TREES, Files, without_conflicts
from tests.urls import share_url

TIMED = TREES.map(
    lambda files: {
        path: (data, SECOND * (1 + sum(data) + len(data))) for path, (data, _) in files.items()
    }
)
"""Trees in which files of the same size and time have the same content."""


def make(folder: Path, files: Files) -> None:
    """Make a folder with these files, and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, (data, modified) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, ns=(modified, modified))


def found(folder: Path) -> Files:
    """The files in a folder, and with empty content and no time the folders."""
    return {
        str(path.relative_to(folder)): (
            (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else (b"folder", -1)
        )
        for path in folder.rglob("*")
    }


class Pair:
    """A served folder and another one, and a loop in which a client is connected."""

    def __init__(self, transport: str, pki: PkiDirectory) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.root = self.path / "root"
        self.root.mkdir()
        self.stack = contextlib.AsyncExitStack()
        self.runner = asyncio.Runner()
        self.share = self.runner.run(self._connect(transport, pki))

    async def _connect(self, transport: str, pki: PkiDirectory) -> smbquic.Share:
        serving = await self.stack.enter_async_context(
            smbquic.serve(
                {"data": self.root},
                {"alice": "secret"},
                [f"{transport}://localhost:0"],
                certificate=pki.server.certificate,
                key=pki.server.key,
            )
        )
        port = serving.listeners[0].rpartition(":")[2]
        url = share_url(transport, port)
        return await self.stack.enter_async_context(
            smbquic.connect(url, password="secret", ca=pki.ca)
        )

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.path)


@pytest.fixture(params=["tcp", "quic"])
def pair(request: pytest.FixtureRequest, pki: PkiDirectory) -> Iterator[Pair]:
    made = Pair(request.param, pki)
    yield made
    made.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=TIMED, before=TIMED, after=TIMED)
@pytest.mark.parametrize("direction", ["up", "down", "across"])
def test_a_sync_makes_the_target_like_the_source(
    pair: Pair, direction: str, source: Files, before: Files, after: Files
) -> None:
    """Whatever was there; then a part of the source changes; the second run does nothing."""
    remote, other = smbquic.RemoteTree(pair.share, "one"), smbquic.RemoteTree(pair.share, "two")
    local = smbquic.LocalTree(pair.path / "local")
    here, there, second = pair.path / "local", pair.root / "one", pair.root / "two"
    trees: dict[str, tuple[FileTree, FileTree]] = {
        "up": (local, remote),
        "down": (remote, local),
        "across": (remote, other),
    }
    folders = {"up": (here, there), "down": (there, here), "across": (there, second)}
    (one, two), (start, end) = trees[direction], folders[direction]
    make(end, before)

    async def synced() -> smbquic.SyncResult:
        return await smbquic.sync_tree(one, two)

    for files in (source, without_conflicts({**source, **after})):
        make(start, files)
        conflicting = any(
            path in {str(each.relative_to(end)) for each in end.rglob("*") if each.is_dir()}
            for path in found(start)
            if not (start / path).is_dir()
        ) or any((end / path).is_file() for path in found(start) if (start / path).is_dir())
        result = pair.runner.run(synced())
        if conflicting:
            assert result.failures
            make(end, {})
            result = pair.runner.run(synced())
        assert not result.failures
        assert found(end) == found(start)
        again = pair.runner.run(synced())
        assert (again.files, again.deleted, again.folders, again.removed) == (0, 0, 0, 0)
        assert again.unchanged == sum(path.is_file() for path in start.rglob("*"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    with running(*arguments) as ready:
        yield Here(directory / "share", pki, ready["listeners"])


@pytest.mark.parametrize("transport", ["tcp", "quic"])
def test_the_commands(served: Served, tmp_path: Path, transport: str) -> None:
    source, url = tmp_path / "source", served.url(f"{transport}-tree", transport)
    target = served.folder / f"{transport}-tree"
    make(source, {"a": (b"1", 10**9), "b/c.jpg": (b"22", 10**9), "b/d.tmp": (b"", 10**9)})
    shown = served.run("sync", "--dry-run", "--exclude", "*.tmp", str(source), url)
    assert shown.returncode == 0, shown.stderr
    assert "would copy b/c.jpg (new)" in shown.stdout
    assert not target.exists()
    assert served.run("sync", "--exclude", "*.tmp", str(source), url).returncode == 0
    assert sorted(found(target)) == ["a", "b", "b/c.jpg"]
    assert served.run("check", "--exclude", "*.tmp", str(source), url).returncode == 0
    checked = served.run("check", str(source), url)
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (
        1,
        "missing on the target: b/d.tmp",
    )
    (source / "a").unlink()
    refused = served.run("sync", "--max-delete", "0", str(source), url)
    assert (refused.returncode, (target / "a").exists()) == (1, True)
    backup = served.url(f"{transport}-old", transport)
    result = served.run("sync", "--json", "--backup-dir", backup, str(source), url)
    *events, summary = map(json.loads, result.stdout.splitlines())
    assert {event["event"] for event in events} <= {"copied", "moved", "deleted", "progress"}
    assert (summary["deleted"], summary["failures"]) == (1, [])
    assert (served.folder / f"{transport}-old" / "a").read_bytes() == b"1"
    back = tmp_path / "back"
    copied = served.run("copy", "--include", "*.jpg", "--bwlimit", "100M", url, str(back))
    assert copied.returncode == 0, copied.stderr
    assert sorted(found(back)) == ["b", "b/c.jpg"]
    other = "quic" if transport == "tcp" else "tcp"
    assert served.run("copy", url, served.url(f"{transport}-copy", other)).returncode == 0
    assert found(served.folder / f"{transport}-copy") == found(target)
    missing = served.run("sync", served.url("missing", transport), str(back))
    assert (missing.returncode, len(found(back))) == (5, 2)


def test_the_password_is_not_shown(served: Served, tmp_path: Path) -> None:
    result = served.run("sync", "-v", str(tmp_path), served.url("empty", "tcp"))
    assert PASSWORD not in result.stdout + result.stderr


@pytest.mark.parametrize("transport", ["tcp", "quic"])
def test_an_interrupted_sync_leaves_whole_files_only(
    served: Served, tmp_path: Path, transport: str
) -> None:
    chance = random.Random(transport)
    source, target = tmp_path / "source", served.folder / f"{transport}-interrupted"
    sizes = [9, 9_000, 900_000]
    make(
        source,
        {f"{n % 5}/{n}": (chance.randbytes(chance.choice(sizes)), SECOND) for n in range(300)},
    )
    url = served.url(target.name, transport)
    with started(served, "sync", str(source), url) as process:
        wait_for(lambda: len(list(target.rglob("*"))) >= 60, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode in (130, 0), said
    assert len(said.decode().strip().splitlines()) <= 1
    there = found(source)
    assert all(there[path] == value for path, value in found(target).items())
    assert served.run("sync", str(source), url).returncode == 0
    assert found(target) == there
