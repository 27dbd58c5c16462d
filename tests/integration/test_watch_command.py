"""`smbquic watch` as a program."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.cli.client import Client
from smbquic.cli.watch import show
from smbquic.client.watch import ShareChange, ShareChangeKind
from smbquic.pki import PkiDirectory
from tests.integration.program import Served, running, serve_arguments
from tests.integration.test_copying import started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, pki: PkiDirectory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served")
    files = (pki.server.certificate, pki.server.key)
    arguments = serve_arguments(directory, *files, "quic://127.0.0.1:0", "tcp://127.0.0.1:0")
    with running(*arguments) as ready:
        yield Served(directory / "share", pki, ready["listeners"])


@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_each_change_is_a_line(served: Served, transport: str) -> None:
    folder: Path = served.folder / transport
    folder.mkdir()
    url = served.url(transport, transport)
    with started(served, "watch", "-r", "--json", url) as process:
        stdout = process.stdout
        assert stdout is not None
        assert json.loads(stdout.readline()) == {"event": "watching", "path": transport}
        (folder / "below").mkdir()
        assert json.loads(stdout.readline()) == {"event": "added", "path": f"{transport}/below"}
        (folder / "below").rename(folder / "moved")
        assert json.loads(stdout.readline()) == {
            "event": "renamed",
            "path": f"{transport}/moved",
            "old_path": f"{transport}/below",
        }
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.strip() == b"smbquic: interrupted"


def test_a_folder_that_is_missing(served: Served) -> None:
    result = served.run("watch", served.url("missing"))
    assert result.returncode == 5
    assert "missing: no such file" in result.stderr


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    client = Client({})
    show(client, ShareChange(ShareChangeKind.ADDED, "a/\x1b[2J"))
    show(client, ShareChange(ShareChangeKind.RENAMED, "a/new", "a/old"))
    show(client, ShareChange(ShareChangeKind.STREAM_MODIFIED, "a/file:stream"))
    show(client, ShareChange(ShareChangeKind.OVERFLOW, "a"))
    assert capsys.readouterr().out.splitlines() == [
        r"added           a/\x1b[2J",
        "renamed         a/old -> a/new",
        "stream modified a/file:stream",
        "overflow        too much has changed: list the folder again",
    ]
