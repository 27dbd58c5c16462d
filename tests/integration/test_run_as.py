"""`smbquic serve --run-as`: what a server that was begun as root may do afterwards."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import smbquic
from smbquic.pki import PkiDirectory
from tests.integration.acme_server import acme_server

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs root, to begin as"
)
TIMEOUT = 60


@pytest.fixture
def place(pki: PkiDirectory) -> Iterator[Path]:
    """A folder that everybody may enter, with a share and certificates that belong to nobody."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "data").mkdir()
    (folder / "audit").mkdir()
    for name in ("server.pem", "server.key"):
        shutil.copy(pki.path / name, folder / name)
    (folder / "server.key").chmod(0o600)
    for name in ("data", "audit", "server.pem", "server.key"):
        shutil.chown(folder / name, "nobody")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def configuration(place: Path) -> Path:
    path = place / "smbquic.toml"
    path.write_text(
        """
listen = ["tcp://127.0.0.1:0", "quic://127.0.0.1:0"]
[users]
alice = "correct horse"
[shares.data]
path = "data"
[[certificate]]
file = "server.pem"
key = "server.key"
[audit]
file = "audit/log"
"""
    )
    return path


def start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "smbquic", "serve", *map(str, arguments), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> dict[str, object]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], TIMEOUT)
    assert ready, "the server says nothing"
    found: dict[str, object] = json.loads(process.stdout.readline())
    return found


def end(process: "subprocess.Popen[str]") -> str:
    """Ends a server; what it complained of."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    return errors


def status(process: "subprocess.Popen[str]") -> dict[str, list[str]]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


async def test_root_is_given_up_for_good(place: Path, configuration: Path) -> None:
    process = start("-c", configuration, "--run-as", "nobody:nogroup")
    try:
        listeners = line(process)["listeners"]
        assert isinstance(listeners, list)
        found = status(process)
        assert set(found["Uid"]) == set(found["Gid"]) == {"65534"}
        assert found["Groups"] == ["65534"]
        assert int(found["CapEff"][0], 16) == int(found["CapPrm"][0], 16) == 0

        port = listeners[0].rpartition(":")[2]
        url = f"smb://alice@localhost:{port}/data"
        async with smbquic.connect(url, password="correct horse") as share:
            await share.write_bytes("file", b"content")
        assert (place / "data" / "file").stat().st_uid == 65534
        assert (place / "audit" / "log").stat().st_uid == 65534

        process.send_signal(signal.SIGHUP)
        assert line(process)["event"] == "reloaded"
        assert end(process) == ""
    finally:
        process.kill()
        process.communicate()


def test_what_will_not_work_is_said(place: Path, configuration: Path) -> None:
    for name in ("server.key", "audit"):
        shutil.chown(place / name, "root")
    process = start("-c", configuration, "--run-as", "nobody")
    try:
        line(process)
        process.send_signal(signal.SIGHUP)
        assert line(process)["event"] == "reload-refused"
        errors = end(process)
    finally:
        process.kill()
        process.communicate()
    assert f"nobody cannot read {place / 'server.key'}: changes of it" in errors
    assert f"nobody cannot write in {place / 'audit'}: audit files are not rotated" in errors
    assert "as root" not in errors


def test_a_server_of_root_is_warned_of(configuration: Path) -> None:
    process = start("-c", configuration)
    try:
        line(process)
        process.send_signal(signal.SIGHUP)
        line(process)
        assert "files are served as root: add --run-as USER" in end(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.debian("pebble", "pebble-challtestsrv")
async def test_certificates_of_an_acme_server(
    place: Path, pki: PkiDirectory, tmp_path: Path
) -> None:
    """What is obtained belongs to the user, from the first certificate on."""
    shutil.copy(pki.ca, place / "ca.pem")
    (place / "state").mkdir()
    for name in ("state", "ca.pem"):
        shutil.chown(place / name, "nobody")
    with acme_server(tmp_path, pki) as server:
        configuration = place / "smbquic.toml"
        configuration.write_text(
            f"""
listen = ["quic://127.0.0.1:0"]
[users]
alice = "correct horse"
[shares.data]
path = "data"
[acme]
names = ["localhost"]
directory = "{server.directory}"
ca = "ca.pem"
state = "state"
listen = "{server.http}"
"""
        )
        process = start("-c", configuration, "--run-as", "nobody")
        try:
            line(process)
            owners = {path.stat().st_uid for path in (place / "state").rglob("*")}
            assert owners == {65534}
            assert set(status(process)["Uid"]) == {"65534"}
            end(process)
        finally:
            process.kill()
            process.communicate()
