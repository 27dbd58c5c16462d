"""`smbquic gateway` as people run it: ready, status, reloaded by SIGHUP, with errors, stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from smbquic.pki import PkiDirectory
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server, stop

PLAIN = "--no-extended-protection"


@pytest.fixture(scope="module")
def server(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), pki, PLAIN) as server:
        yield server


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder), "SMBQUIC_PASSWORD": PASSWORD}


@contextmanager
def running(folder: Path, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "smbquic", "gateway", *map(str, arguments), "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(folder),
        )
    try:
        yield process
    finally:
        stop(process)


def event(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def smbquic(folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "smbquic", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(folder),
        timeout=120,
    )


def status_of(process: "subprocess.Popen[str]", folder: Path) -> Any:
    """What a gateway says; other servers on this machine may answer as well."""
    lines = smbquic(folder, "status", "--json").stdout.splitlines()
    return next(each for each in map(json.loads, lines) if each["pid"] == process.pid)


def test_the_simple_case(server: ServerProcess, pki: PkiDirectory, tmp_path: Path) -> None:
    (server.share / "file").write_text("content")
    backend = f"tcp://127.0.0.1:{server.ports['tcp']}"
    with running(
        tmp_path,
        *("--listen", "quic://127.0.0.1:0", "--backend", backend),
        *("--cert", pki.server.certificate, "--key", pki.server.key),
        *("--audit", tmp_path / "audit"),
    ) as process:
        ready = event(process)
        assert ready["event"] == "ready"
        assert ready["pools"] == {"default": [backend]}
        [listener] = ready["listeners"]
        url = f"smb+quic://{USER}@localhost:{listener.rpartition(':')[2]}/data/file"
        shown = smbquic(tmp_path, "cat", "--ca", pki.ca, url)
        assert shown.stdout == "content", shown.stderr
        lines = smbquic(tmp_path, "status").stdout.splitlines()
        assert any(line.startswith("gateway ") for line in lines)
        assert f"    {backend} is up: 0 connections, 1 altogether" in lines
        process.send_signal(signal.SIGTERM)
        assert [event(process)["event"], event(process)["event"]] == ["draining", "stopped"]
        assert process.wait(60) == 0
    records = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    assert {"connection", "backend", "logon", "disconnection"} <= {
        each["event"] for each in records
    }


def test_pools_are_read_again(server: ServerProcess, pki: PkiDirectory, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    text = f"""
listen = ["quic://127.0.0.1:0"]
[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
[gateway]
health_interval = 60
[gateway.pools.nas]
backends = ["tcp://127.0.0.1:{server.ports["tcp"]}"]
"""
    file.write_text(text)
    shown = smbquic(tmp_path, "config", "check", file)
    assert shown.returncode == 0, shown.stderr
    assert "health_interval = 60.0  (line 7)" in shown.stdout
    assert "[gateway.pools.nas]" in shown.stdout
    with running(tmp_path, "-c", file) as process:
        assert event(process)["pools"] == {"nas": [f"tcp://127.0.0.1:{server.ports['tcp']}"]}
        file.write_text(text + 'names = ["nas.example"]\n')
        process.send_signal(signal.SIGHUP)
        assert event(process) == {
            "event": "reloaded",
            "changed": ["gateway.pools"],
            "restart": [],
        }
        status = status_of(process, tmp_path)
        assert status["pools"][0]["names"] == ["nas.example"]
        file.write_text(text.replace("tcp://", "http://"))
        process.send_signal(signal.SIGHUP)
        refused = event(process)
        assert refused["event"] == "reload-refused"
        assert "a back end is tcp://HOST" in str(refused["reason"])
        status = status_of(process, tmp_path)
        assert status["pools"][0]["names"] == ["nas.example"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "there is no back end: add --backend"),
        (["--proxy-protocol"], "there is no back end: add --backend"),
        (["--backend", "nas"], "a back end is tcp://HOST"),
        (["--backend", "tcp://nas", "--listen", "tcp://127.0.0.1:0"], "listens on quic://"),
    ],
)
def test_wrong_arguments(tmp_path: Path, arguments: list[str], error: str) -> None:
    done = smbquic(tmp_path, "gateway", *arguments)
    assert done.returncode == 2
    assert error in done.stderr


def test_a_file_of_a_server_is_none_of_a_gateway(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text(f'[shares.data]\npath = "{tmp_path}"\n')
    done = smbquic(tmp_path, "gateway", "-c", file, "--backend", "tcp://nas")
    assert done.returncode == 2
    assert ":1: shares.data: a gateway has no shares: run `smbquic serve`" in done.stderr
    file.write_text('[gateway.pools.nas]\nbackends = ["tcp://nas"]\n')
    done = smbquic(tmp_path, "gateway", "-c", file, "--backend", "tcp://nas")
    assert "the configuration file has pools" in done.stderr
    done = smbquic(tmp_path, "serve", "-c", file)
    assert done.returncode == 2
    assert ":1: gateway.pools.nas: a server has no pools: run `smbquic gateway`" in done.stderr
