"""The log of a busy server: one line per event, joined with the audit by ids, and no secret."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.auth.ntlm.keys import nt_hash
from smbquic.errors import AuthenticationError
from smbquic.pki import PkiDirectory

PASSWORD = "correct-horse-battery"
WRONG = "wrong-horse-battery"


def start(folder: Path, pki: PkiDirectory, *arguments: str) -> "subprocess.Popen[str]":
    (folder / "data").mkdir()
    (folder / "smbquic.toml").write_text(
        f"""
listen = ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"]
[users]
alice = "{PASSWORD}"
[shares.data]
path = "data"
[[certificate]]
file = "{pki.server.certificate}"
key = "{pki.server.key}"
[limits]
failed_logon_delay = 0
[audit]
file = "audit"
file_access = true
"""
    )
    words = ["serve", "-c", str(folder / "smbquic.toml"), "--json", *arguments]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "smbquic", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )


def ports(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    return [each.rpartition(":")[2] for each in json.loads(process.stdout.readline())["listeners"]]


async def be_busy(pki: PkiDirectory, quic: str, tcp: str) -> None:
    """Log on in both ways, with the right and with wrong passwords, and use files."""
    for url, ca in (
        (f"smb+quic://alice@localhost:{quic}/data", pki.ca),
        (f"smb://alice@127.0.0.1:{tcp}/data", None),
    ):
        async with smbquic.connect(url, password=PASSWORD, ca=ca) as share:
            await share.write_bytes("file", b"content")
            await share.listdir("")
        with pytest.raises(AuthenticationError):
            async with smbquic.connect(url, password=WRONG, ca=ca):
                pass


def secrets(pki: PkiDirectory) -> list[str]:
    """What must not be in a log: passwords, their hashes and the key, however they are written."""
    found = []
    for password in (PASSWORD, WRONG):
        for raw in (password.encode(), password.encode("utf-16-le"), nt_hash(password)):
            found += [raw.hex(), base64.b64encode(raw).decode(), repr(raw)[2:-1]]
        found.append(password)
    lines = pki.server.key.read_text().splitlines()
    return found + [line for line in lines if len(line) > 20 and "-" not in line]


def status_of(folder: Path) -> str:
    """What `smbquic status` says."""
    return subprocess.run(
        [sys.executable, "-m", "smbquic", "status", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
    ).stdout


async def test_nothing_secret(pki: PkiDirectory, tmp_path: Path) -> None:
    process = start(tmp_path, pki, "-vv")
    try:
        await be_busy(pki, *ports(process))
        status = await asyncio.to_thread(status_of, tmp_path)
        process.terminate()
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    log = (tmp_path / "log").read_text()
    assert re.search(r"INFO .* alice logged on \[connection 1\]", log)
    audits = [(tmp_path / name).read_text() for name in ("audit", "audit.unauthenticated")]
    texts = [log, output, status, *audits]
    assert any("logon-failure" in text for text in texts)
    for secret in secrets(pki):
        assert all(secret.casefold() not in text.casefold() for text in texts), secret


async def test_ids_join_log_audit_and_trace(
    pki: PkiDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "traces").mkdir()
    monkeypatch.setenv("QLOGDIR", str(tmp_path / "traces"))
    process = start(tmp_path, pki, "--log-format", "json", "--log-level", "info")
    try:
        quic, tcp = ports(process)
        await be_busy(pki, quic, tcp)
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
    lines = (tmp_path / "log").read_text().splitlines()
    log: list[dict[str, Any]] = [json.loads(line) for line in lines]
    audit = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    [logon] = [
        each for each in log if each["message"].endswith("alice logged on") and each.get("trace_id")
    ]
    [recorded] = [
        each
        for each in audit
        if each["event"] == "connection" and each["connection"] == logon["connection"]
    ]
    assert recorded["trace_id"] == logon["trace_id"]
    assert recorded["address"] == logon["client"]
    traces = [each.stem for each in (tmp_path / "traces").iterdir()]
    assert logon["trace_id"] in traces
    over_tcp = [each for each in log if "over tcp" in each["message"]]
    assert over_tcp
    assert all("trace_id" not in each for each in over_tcp)
