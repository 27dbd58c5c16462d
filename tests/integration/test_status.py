"""`smbquic status` finds the servers of this user, and says what they do."""

import asyncio
import json
import re
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import smbquic
from smbquic.cli import status as module
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import cli, main
from smbquic.options.limits import Limits
from smbquic.pki import PkiDirectory
from smbquic.transport.base import PathStatistics
from smbquic.transport.quic.connection import QuicConnection
from tests.engines import AUTO, AUTO_REASON


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's sockets are; the path of one must be short."""
    runtime = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setattr(module, "SYSTEM", runtime / "system")
    return runtime / "smbquic"


@pytest.fixture
async def urls(place: Path, pki: PkiDirectory, tmp_path: Path) -> AsyncIterator[list[str]]:
    async with (
        smbquic.serve(
            {"data": tmp_path, "more": tmp_path},
            {"alice": "secret"},
            ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            server_name="fs",
            limits=Limits(failed_logon_delay=0.0),
        ) as serving,
        module.status_socket(serving),
    ):
        yield serving.listeners


async def ask(*options: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli, ["status", *options])


async def test_listeners_certificates_sessions_and_opens(
    urls: list[str], pki: PkiDirectory
) -> None:
    quic, tcp = urls
    url = quic.replace("quic://", "smb+quic://alice@")
    async with (
        smbquic.connect(f"{url}/data", password="secret", ca=pki.ca) as share,
        share.open("file", "wb"),
        smbquic.connect(tcp.replace("tcp://", "smb://alice@") + "/more", password="secret"),
    ):
        found = json.loads((await ask("--json")).output)
        said = (await ask()).output

    assert [each["url"] for each in found["listeners"]] == [quic, tcp]
    assert [each["engine"] for each in found["listeners"]] == [AUTO, None]
    assert [each["days_left"] > 0 for each in found["certificates"]] == [True]
    assert "fs.example" in found["certificates"][0]["names"]
    assert (found["name"], found["shares"]) == ("fs", ["data", "more"])
    assert (found["connections"], found["opens"]) == (2, 1)
    sessions = {each["transport"]: each for each in found["sessions"]}
    assert sessions["quic"]["user"] == sessions["tcp"]["user"] == "alice"
    assert (sessions["quic"]["engine"], sessions["tcp"]["engine"]) == (AUTO, None)
    assert (sessions["quic"]["shares"], sessions["quic"]["opens"]) == (["data"], 1)
    # How many were lost depends on the machine: one that is slow to answer makes them look so.
    lost, none = (each["lost_packets"] for each in found["listeners"])
    assert (lost >= sessions["quic"]["lost_packets"] >= 0, none) == (True, None)
    assert sessions["tcp"]["lost_packets"] is None
    assert sessions["quic"]["round_trip_ms"] > 0
    assert 0 < found["memory"]["resident"] < found["memory"]["limit"]
    assert found["refused"] == {}
    assert f"of at most {found['memory']['limit'] >> 20}, of which 0 wait" in said
    files = found["open_files"]
    assert f"1 of at most {files['limit']} files open, {files['limit_of_user']} of one user" in said
    assert 0 < found["memory"]["of_users"] < found["memory"]["limit_of_user"]
    assert "; 0 of 64 MiB in locks, watches and pipes" in said
    assert re.search(rf"listens on {quic}, engine {AUTO} \({AUTO_REASON}\), \d+ packets lost", said)
    assert f"alice from 127.0.0.1 over QUIC, engine {AUTO}, on data: 1 opens" in said


@pytest.mark.one_process
async def test_what_was_lost_on_connections_that_are_over_counts(
    urls: list[str], pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuicConnection, "statistics", lambda self: PathStatistics(lost_packets=3))
    url = urls[0].replace("quic://", "smb+quic://alice@") + "/data"
    for _ in range(2):
        async with smbquic.connect(url, password="secret", ca=pki.ca):
            pass
    async with smbquic.connect(url, password="secret", ca=pki.ca):
        found = json.loads((await ask("--json")).output)
    assert found["listeners"][0]["lost_packets"] == 9


async def test_who_was_refused(urls: list[str]) -> None:
    url = urls[1].replace("tcp://", "smb://alice@") + "/data"
    with pytest.raises(smbquic.AuthenticationError):
        async with smbquic.connect(url, password="guess"):
            pass

    assert json.loads((await ask("--json")).output)["refused"] == {"failed-logon": 1}
    assert "refused: 1 failed-logon" in (await ask()).output


def modes(place: Path) -> list[int]:
    """Who may do what with the folder, and with what is in it."""
    return [stat.S_IMODE(path.stat().st_mode) for path in (place, *place.iterdir())]


async def test_the_socket_is_its_users_alone(urls: list[str], place: Path) -> None:
    assert modes(place) == [0o700, 0o600]


def test_no_server(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == ExitCode.TRANSPORT
    assert "no server answers" in capsys.readouterr().err


async def test_what_a_killed_server_has_left_is_cleared_away(urls: list[str], place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place / "1.sock"))

    assert json.loads((await ask("--json")).output)["name"] == "fs"
    assert not (place / "1.sock").exists()


@pytest.fixture
def obstacle(place: Path) -> None:
    place.write_text("in the way")


async def test_without_a_place_for_its_socket_a_server_serves(
    obstacle: None, tmp_path: Path
) -> None:
    async with (
        smbquic.serve({"data": tmp_path}, {"alice": "secret"}, ["tcp://127.0.0.1:0"]) as serving,
        module.status_socket(serving),
    ):
        url = serving.listeners[0].replace("tcp://", "smb://alice@") + "/data"
        async with smbquic.connect(url, password="secret") as share:
            assert await share.listdir() == []


@pytest.mark.parametrize("named", [True, False])
async def test_a_named_folder_that_cannot_be_used_is_warned_about(
    named: bool,
    obstacle: None,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if named:
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(place))
    async with (
        smbquic.serve({"data": tmp_path}, {"alice": "secret"}, ["tcp://127.0.0.1:0"]) as serving,
        module.status_socket(serving),
    ):
        pass
    warned = [each for each in caplog.messages if "will not find this server" in each]
    assert len(warned) == named
