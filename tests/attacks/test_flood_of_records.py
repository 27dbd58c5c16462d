"""Who never logs on fills the audit and the log, until what users did is rotated away."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from smbquic.auth.identity import Identity
from smbquic.cli.logs import RecordRateLimit
from smbquic.errors import ConnectError
from smbquic.observe import aggregation
from smbquic.observe.audit import AuditEvent, AuditLog, RotatingFile, who
from smbquic.transport.base import ClientHello, Peer
from tests.audit_lines import AuditLines
from tests.unit.clock import Clock

FLOOD = 5_000


def peer(number: int) -> Peer:
    address = f"192.0.{number // 250 % 250}.{number % 250}"
    return Peer("tcp", ("127.0.0.1", 445), (address, 50_000))


def flood(audit: AuditLog) -> None:
    for number in range(FLOOD):
        trail = audit.begin(peer(number))
        trail.record(AuditEvent.BACKEND, pool="default", backend="tcp://192.0.2.1:445")
        trail.record(AuditEvent.LOGON_FAILURE, status="STATUS_LOGON_FAILURE", message="x" * 500)
        trail.record(AuditEvent.DISCONNECTION)
        audit.handshake_failed(f"192.0.2.1:{number}", ConnectError("no"), ClientHello())


def log_on(audit: AuditLog) -> None:
    audit.begin(peer(1)).record(AuditEvent.LOGON, **who(Identity("alice", "")))


def test_users_have_a_file_of_their_own(tmp_path: Path) -> None:
    files = [RotatingFile(tmp_path / name, 100_000, 2) for name in ("audit", "unauthenticated")]
    audit = AuditLog(files[0], unauthenticated=files[1])
    log_on(audit)
    flood(audit)
    for file in files:
        file.close()
    assert not (tmp_path / "audit.1").exists()
    events = [json.loads(line)["event"] for line in (tmp_path / "audit").read_text().splitlines()]
    assert events == ["connection", "logon"]


@pytest.mark.parametrize("separate", [True, False])
def test_what_unauthenticated_clients_do_is_counted(separate: bool) -> None:
    users, unauthenticated = AuditLines(), AuditLines()
    audit = AuditLog(users, unauthenticated=unauthenticated if separate else None)
    flood(audit)
    audit.aggregation.flush()
    written = (unauthenticated if separate else users).records
    assert users.lines == [] or not separate
    events = {
        AuditEvent.CONNECTION,
        AuditEvent.BACKEND,
        AuditEvent.LOGON_FAILURE,
        AuditEvent.DISCONNECTION,
        AuditEvent.HANDSHAKE_FAILURE,
    }
    assert len(written) == len(events) * (aggregation.WHOLE + 1)
    sums = {record["event"]: record for record in written if "count" in record}
    assert sums.keys() == events
    for record in sums.values():
        assert record["count"] == FLOOD - aggregation.WHOLE
        assert record["first"] <= record["last"] == record["time"]
    failures = sums[AuditEvent.LOGON_FAILURE]
    assert len(failures["addresses"]) == aggregation.ADDRESSES
    assert failures["more_addresses"]
    assert sums[AuditEvent.HANDSHAKE_FAILURE]["addresses"] == ["192.0.2.1"]


def test_sums_are_written_when_their_time_is_over() -> None:
    written: list[dict[str, Any]] = []
    clock = Clock()
    records = aggregation.Aggregation(written.append, clock)
    record = {"time": "now", "event": "connection", "address": "[::1]:7"}
    for _ in range(aggregation.WHOLE + 7):
        records.add(record)
    assert written == [record] * aggregation.WHOLE
    clock.now += aggregation.WINDOW
    records.add(record)
    assert written[aggregation.WHOLE]["count"] == 7
    assert written[-1] == record


def test_the_log_is_bounded_too() -> None:
    clock = Clock()
    limit = RecordRateLimit(10, clock)

    def record(number: int, text: str = "%s: no logon") -> logging.LogRecord:
        return logging.LogRecord("smbquic", logging.WARNING, "", 1, text, (f"100%{number}",), None)

    assert sum(limit.filter(record(number)) for number in range(FLOOD)) == 10
    assert limit.filter(record(1, "%s: something else"))
    clock.now += 60
    later = record(1)
    assert limit.filter(later)
    assert later.getMessage() == f"100%1: no logon (and {FLOOD - 10} more like it in between)"
