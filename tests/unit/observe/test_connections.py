"""What is said of one connection."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from smbquic.observe import connections as module
from smbquic.observe.audit import AuditLog
from smbquic.observe.connections import (
    certificate_facts,
    connection_facts,
    ended_connection_facts,
)
from smbquic.observe.recent_records import RecentRecords
from smbquic.overload.refusals import ServerRefusal
from smbquic.pki.authority import Authority, KeyType, Validity, generate_key
from smbquic.transport.base import Flow, PathStatistics, Peer

MEASURED = PathStatistics(0.0123456)
FLOW = Flow(sent=10, untaken=2, kept=3, received=20, unfetched=4, messages=1, unfinished=False)


def connection(peer: Peer, path: PathStatistics = MEASURED) -> Any:
    return SimpleNamespace(
        name="quic://192.0.2.1:7",
        transport=SimpleNamespace(peer=peer, statistics=lambda: path, flow=lambda: FLOW),
        trail=AuditLog(recent=RecentRecords()).begin(peer),
        since=1000.12345,
        logged_on_users={"alice": None},
        ended=None,
    )


def test_a_connection_over_quic() -> None:
    peer = Peer("quic", ("::1", 443), ("192.0.2.1", 7), "fs.example", "smb", "AES", engine="qh3")
    facts = connection_facts(connection(peer))
    assert (facts["id"], facts["name"]) == (1, "quic://192.0.2.1:7")
    assert (facts["users"], facts["engine"], facts["cipher"]) == (["alice"], "qh3", "AES")
    assert (facts["round_trip_ms"], facts["since"]) == (12.346, 1000.123)
    assert (facts["sent"], facts["received"], facts["waiting"]) == (10, 20, 7)
    assert facts["certificate"] is None
    assert "ended" not in facts
    json.dumps(facts)


def test_what_a_client_chooses_is_bounded() -> None:
    peer = Peer("quic", ("::1", 443), ("192.0.2.1", 7), "x" * 10_000)
    one = connection(peer)
    one.logged_on_users = {f"{number}" + "u" * 10_000: None for number in range(100)}
    assert len(json.dumps(connection_facts(one))) < 4_000


def test_a_connection_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", lambda: 2000.0)
    one = connection(Peer("tcp", ("::1", 445), ("192.0.2.1", 7)), PathStatistics())
    facts = ended_connection_facts(one)
    assert (facts["ended"], facts["reason"], facts["waiting"]) == (2000.0, None, 0)
    assert facts["round_trip_ms"] is None
    one.ended = ServerRefusal.NO_LOGON
    assert ended_connection_facts(one)["reason"] == "no-logon"


def test_a_certificate() -> None:
    validity = Validity.starting(datetime(2026, 1, 1, tzinfo=UTC), 30)
    root = Authority.root("Some CA", generate_key(KeyType.EC_P256), validity)
    facts = certificate_facts(root.certificate.public_bytes(Encoding.DER))
    assert facts is not None
    assert len(facts["sha256"]) == 64
    assert facts["subject"] == facts["issuer"] == "CN=Some CA,O=smbquic"
    assert facts["not_after"] == validity.not_after.timestamp()
    assert certificate_facts(b"no certificate") is None
