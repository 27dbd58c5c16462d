"""`smbquic relay` as people run it: one command, several servers, a server that goes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server


@pytest.fixture(scope="module")
def server(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), pki) as server:
        yield server


def arguments(server: ServerProcess, *words: str) -> list[str]:
    url = f"smb+quic://localhost:{server.ports['quic']}"
    ca = str(server.pki.ca)
    return [sys.executable, "-m", "smbquic", "relay", "--once", "--ca", ca, url, "--", *words]


def once(server: ServerProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        arguments(server, *words),
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "SMBQUIC_PASSWORD": PASSWORD},
    )


def test_a_command_through_the_relay(server: ServerProcess) -> None:
    (server.share / "file").write_text("over the relay")
    url = f"smb://{USER}@127.0.0.1:{{port}}/data/file"
    done = once(server, sys.executable, "-m", "smbquic", "cat", url)
    assert (done.returncode, done.stdout) == (0, "over the relay"), done.stderr


@pytest.mark.debian("smbclient")
def test_smbclient_through_the_relay(server: ServerProcess) -> None:
    (server.share / "file").write_text("over the relay")
    assert shutil.which("smbclient")
    done = once(
        server,
        *("smbclient", "//localhost/data", "-p", "{port}", "-U", f"{USER}%{PASSWORD}"),
        *("-s", "/dev/null", "-c", "ls"),
    )
    assert done.returncode == 0, done.stdout
    assert "file" in done.stdout


def test_the_exit_code_is_that_of_the_command(server: ServerProcess) -> None:
    assert once(server, "sh", "-c", "exit 7").returncode == 7
    assert once(server, "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL
    missing = once(server, "no-such-program")
    assert missing.returncode not in (0, 7)
    assert "no-such-program" in missing.stderr


def test_a_command_is_asked_to_end_with_it(server: ServerProcess) -> None:
    words = ("sh", "-c", "trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    with subprocess.Popen(arguments(server, *words), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "asked\n"
        assert process.wait(60) == 3


def test_a_server_that_is_gone_is_reported(
    pki: PkiDirectory, tmp_path: Path, server: ServerProcess
) -> None:
    ca = str(pki.ca)
    with running_server(tmp_path, pki) as first:
        urls = [f"smb+quic://localhost:{each.ports['quic']}" for each in (first, server)]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "smbquic", "relay", "--json", "--ca", ca),
                *("--listen", "tcp://127.0.0.1:0", *urls),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        [listener] = json.loads(process.stdout.readline())["listeners"]
        (first.share / "file").write_text("first")
        (server.share / "file").write_text("second")
        assert read(listener) == "first"
    assert read(listener) == "second"
    process.send_signal(signal.SIGTERM)
    assert json.loads(process.stdout.readlines()[-1]) == {"event": "stopped"}
    assert process.wait(60) == 0
    process.stdout.close()


def read(listener: str) -> str:
    url = f"smb://{USER}@127.0.0.1:{listener.rpartition(':')[2]}/data/file"
    done = subprocess.run(
        [sys.executable, "-m", "smbquic", "cat", url],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "SMBQUIC_PASSWORD": PASSWORD},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
