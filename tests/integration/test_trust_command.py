"""`smbquic serve -c FILE` as people run it: ready, reloaded by SIGHUP, with errors."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

import smbquic.sync
from smbquic.pki import PkiDirectory, Purpose
from smbquic.pki.container import read_credential
from smbquic.pki.files import write_file
from smbquic.pki.issuing import issue
from smbquic.pki.subject import now_utc

TIMEOUT = 60


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "smbquic", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("SMBQUIC_")},
    )


def event(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


@pytest.fixture
def config_file(pki: PkiDirectory, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    path = tmp_path / "smbquic.toml"
    path.write_text(
        f"""
listen = ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"]
[users]
alice = "correct horse"
[shares.data]
path = "data"
[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
"""
    )
    return path


def test_a_file_says_it_all_and_is_read_again(config_file: Path) -> None:
    process = start("serve", "-c", str(config_file), "--json")
    try:
        ready = event(process)
        assert [url.partition(":")[0] for url in ready["listeners"]] == ["quic", "tcp"]
        process.send_signal(signal.SIGHUP)
        assert event(process) == {"event": "reloaded", "changed": [], "restart": []}
        config_file.write_text(config_file.read_text().replace("file =", "fiel ="))
        process.send_signal(signal.SIGHUP)
        refused = event(process)
        assert refused["event"] == "reload-refused"
        assert "did you mean file?" in refused["reason"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("age", "left"), [(0.0, None), (3.9, "1 day"), (4.5, "less than a day")])
def test_ping_warns_of_a_certificate_that_is_about_to_end(
    pki: PkiDirectory, config_file: Path, tmp_path: Path, age: float, left: str | None
) -> None:
    own = PkiDirectory(Path(shutil.copytree(pki.path, tmp_path / "pki")))
    begin = now_utc() - timedelta(days=age)
    short = issue(own, "short", Purpose.SERVER, ["localhost"], days=5, now=begin)
    text = config_file.read_text().replace(str(pki.server.certificate), str(short.certificate))
    config_file.write_text(text.replace(str(pki.server.key), str(short.key)))
    server = start("serve", "-c", str(config_file), "--json")
    try:
        port = event(server)["listeners"][0].rpartition(":")[2]
        url = f"smb+quic://localhost:{port}"
        ping = start("ping", url, "-c", "1", "--ca", str(own.ca))
        _, errors = ping.communicate(timeout=TIMEOUT)
        assert ping.returncode == 0
        assert (f"the server's certificate expires in {left}:" in errors) is (left is not None)
        assert ("expires" in errors) is (left is not None)
        ping = start("ping", url, "-c", "1", "--ca", str(own.ca), "--json")
        output, _ = ping.communicate(timeout=TIMEOUT)
        found = json.loads(output)
        assert found["certificate_days_left"] == int(5 - age - 0.001)
        assert found["certificate_expires_soon"] is (left is not None)
    finally:
        server.kill()
        server.communicate()


def visit(url: str) -> None:
    with smbquic.sync.connect(url, password="correct horse") as share:
        share.listdir("")


def records(path: Path) -> list[tuple[str, int]]:
    found = map(json.loads, path.read_text().splitlines())
    return [(record["event"], record["connection"]) for record in found]


def test_no_record_is_lost_when_logs_are_moved_away(config_file: Path, tmp_path: Path) -> None:
    log, moved = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl-20260102"
    good = config_file.read_text() + f"[audit]\nfile = '{log}'\nmax_bytes = 0\n"
    config_file.write_text(good)
    process = start("serve", "-c", str(config_file), "--json")
    try:
        port = event(process)["listeners"][1].rpartition(":")[2]
        url = f"smb://alice@localhost:{port}/data"
        visit(url)
        log.rename(moved)
        visit(url)
        process.send_signal(signal.SIGHUP)
        assert event(process) == {"event": "reloaded", "changed": [], "restart": []}
        visit(url)
        # A configuration that is refused is no reason to go on in the old file.
        again = moved.with_suffix(".jsonl-20260103")
        log.rename(again)
        config_file.write_text(good.replace("file =", "fiel ="))
        process.send_signal(signal.SIGHUP)
        assert event(process)["event"] == "reload-refused"
        visit(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) == 0
    finally:
        process.kill()
        process.communicate()
    found = [records(path) for path in (moved, again, log)]
    events = ["connection", "logon", "share-access", "disconnection"]
    everything = [(name, number) for number in (1, 2, 3, 4) for name in events]
    assert sorted(itertools.chain(*found)) == sorted(everything)
    connected = [[number for name, number in each if name == "connection"] for each in found]
    assert connected == [[1, 2], [3], [4]]


def test_a_pkcs12_file_with_a_password(pki: PkiDirectory, tmp_path: Path) -> None:
    credential = read_credential(pki.server.certificate, pki.server.key)
    container, secret = tmp_path / "fs.pfx", tmp_path / "secret"
    encryption = BestAvailableEncryption(b"battery staple")
    data = pkcs12.serialize_key_and_certificates(
        None, credential.key, credential.certificate, credential.chain, encryption
    )
    write_file(container, data, 0o600)
    write_file(secret, b"battery staple\n", 0o600)
    (tmp_path / "data").mkdir()
    arguments = ["serve", "--guest", "--share", f"data={tmp_path / 'data'}", "--json"]
    arguments += ["--listen", "quic://127.0.0.1:0", "--cert", str(container)]
    arguments += ["--key-password-file", str(secret)]
    process = start(*arguments)
    try:
        port = event(process)["listeners"][0].rpartition(":")[2]
        ping = start("ping", f"smb+quic://localhost:{port}", "-c", "1", "--ca", str(pki.ca))
        ping.communicate(timeout=TIMEOUT)
        assert ping.returncode == 0
    finally:
        process.kill()
        process.communicate()
    secret.write_text("wrong")
    process = start(*arguments)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 4
    assert "the password is wrong" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--client-ca", "CA"), "write the access rules there"),
        (("--cert", "CERT", "--key", "KEY", "--allow", "issuer:*"), "need --client-ca"),
        (
            ("--cert", "CERT", "--key", "KEY", "--client-ca", "CA", "--deny", "x"),
            "is not a rule",
        ),
    ],
)
def test_options_that_make_no_sense(
    pki: PkiDirectory, config_file: Path, options: tuple[str, ...], words: str
) -> None:
    files = {
        "CA": str(pki.ca),
        "CERT": str(pki.server.certificate),
        "KEY": str(pki.server.key),
    }
    arguments = [files.get(option, option) for option in options]
    process = start("serve", "-c", str(config_file), *arguments)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert words in errors


def test_nothing_to_share() -> None:
    process = start("serve", "--guest")
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 2
    assert "add --share NAME=PATH" in errors
