"""The server as a whole on the page: counts, shares, limits, certificates."""

import json
from pathlib import Path
from typing import Any

import pytest

from smbquic.options.certificate import IdentityFiles
from smbquic.overload.loop_monitor import HELD
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki import PkiDirectory, init
from smbquic.pki.reload import ServerCertificates
from smbquic.server.server import Server
from smbquic.web.page import overview
from smbquic.web.page.volumes import Volumes
from tests.unit.server.smb_client import Connect


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiDirectory:
    return init(tmp_path_factory.mktemp("pki"), names=["fs.example"])


async def test_counts(server: Server, connect: Connect) -> None:
    client = await connect()
    await client.open("one")
    await connect(token="")
    server.refusals.add(ServerRefusal.BUSY, "192.0.2.1")
    found = overview.counts(server)
    assert (found["connections"], found["unauthenticated"], found["sessions"]) == (2, 1, 1)
    assert (found["opens"], found["refused"], found["failures"]) == (1, 1, 0)


async def test_requests_that_held_the_loop(server: Server) -> None:
    server.loop_monitor.step_ended(HELD, lambda: "READ of alice")
    server.loop_monitor.step_ended(HELD * 2, lambda: "WRITE of alice")
    found = overview.event_loop(server)
    assert found is not None
    assert (found["held"], found["longest_ms"]) == (2, 20.0)
    assert [each["what"] for each in found["recent"]] == ["WRITE of alice", "READ of alice"]


async def test_shares(server: Server, connect: Connect) -> None:
    await connect()
    data, read_only = await overview.shares(server, Volumes())
    assert (data["name"], data["clients"], data["read_only"]) == ("data", 1, False)
    assert 0 < data["available"] <= data["total"]
    assert (read_only["name"], read_only["clients"], read_only["read_only"]) == ("ro", 0, True)


async def test_limits(server: Server, connect: Connect) -> None:
    await connect()
    server.refusals.add(ServerRefusal.BUSY, "192.0.2.1")
    found = overview.limits(server)
    json.dumps(found)
    by_name = {each["name"]: each for each in found["limits"]}
    assert (by_name["connections"]["used"], by_name["connections"]["value"]) == (1, 4096)
    assert by_name["session_seconds"]["value"] is None
    assert by_name["user_memory"]["used"] > 0
    assert by_name["buffers"]["unit"] == "bytes"
    assert all(each["text"] for each in found["limits"])
    [busy] = found["refused"]
    assert (busy["reason"], busy["count"]) == ("busy", 1)
    assert busy["text"] == ServerRefusal.BUSY.text


async def test_who_is_locked_out(server: Server) -> None:
    server.connection_limiter.lockouts.add("192.0.2.1")
    server.logon_limiter.lockouts.add("eve", 60.0)
    for _ in range(server.logon_limiter.limits.per_user):
        server.logon_limiter.for_connection("192.0.2.2").failed("alice")
    by_kind = {each["kind"]: each for each in overview.limits(server)["locked"]}
    assert by_kind["address"] == {"kind": "address", "name": "192.0.2.1", "seconds": None}
    assert by_kind["user"]["seconds"] == pytest.approx(60.0, abs=5.0)
    assert by_kind["failures"]["name"] == ["user", "alice"]


@pytest.mark.parametrize(
    ("more", "rules", "logons"),
    [
        ({}, None, None),
        (
            {"allow": ["san:*.example"], "deny": ["issuer:CN=Old"], "logons": ["san:* -> {}"]},
            ["allow san:*.example", "deny issuer:CN=Old"],
            ["san:* -> {}"],
        ),
    ],
)
async def test_certificates_and_rules(
    pki: PkiDirectory, more: dict[str, Any], rules: object, logons: object
) -> None:
    files = IdentityFiles(
        certificate=pki.server.certificate,
        key=pki.server.key,
        client_ca=Path(pki.ca) if more else None,
        **more,
    )
    [row] = await overview.certificates(ServerCertificates([files]))
    json.dumps(row)
    assert "fs.example" in row["names"]
    assert (row["rules"], row["logons"]) == (rules, logons)
    assert row["demands_certificate"] is bool(more)
    assert row["not_before"] < row["not_after"]
    assert len(row["sha256"]) == 64
    assert await overview.certificates(None) == []
