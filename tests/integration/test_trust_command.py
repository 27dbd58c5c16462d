"""`smbquic serve -c FILE` as people run it: ready, reloaded by SIGHUP, told what is wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smbquic.pki import PkiDirectory, Purpose
from smbquic.pki.issuing import issue

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
        assert event(process) == {"event": "reloaded"}
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


def test_ping_warns_of_a_certificate_that_is_about_to_end(
    pki: PkiDirectory, config_file: Path, tmp_path: Path
) -> None:
    own = PkiDirectory(Path(shutil.copytree(pki.path, tmp_path / "pki")))
    short = issue(own, "short", Purpose.SERVER, ["localhost"], days=5)
    text = config_file.read_text().replace(str(pki.server.certificate), str(short.certificate))
    config_file.write_text(text.replace(str(pki.server.key), str(short.key)))
    server = start("serve", "-c", str(config_file), "--json")
    try:
        port = event(server)["listeners"][0].rpartition(":")[2]
        url = f"smb+quic://localhost:{port}"
        ping = start("ping", url, "-c", "1", "--ca", str(own.ca))
        _, errors = ping.communicate(timeout=TIMEOUT)
        assert ping.returncode == 0
        assert "the server's certificate ends in" in errors
        ping = start("ping", url, "-c", "1", "--ca", str(own.ca), "--json")
        output, _ = ping.communicate(timeout=TIMEOUT)
        assert json.loads(output)["certificate_days_left"] in (4, 5)
    finally:
        server.kill()
        server.communicate()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--client-ca", "CA"), "say there which clients"),
        (("--cert", "CERT", "--key", "KEY", "--allow", "issuer:*"), "need --client-ca"),
        (
            ("--cert", "CERT", "--key", "KEY", "--client-ca", "CA", "--deny", "x"),
            "is no rule",
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
