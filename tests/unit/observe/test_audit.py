import errno
import json
import logging
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.auth.identity import Identity
from smbquic.errors import ConnectError, HandshakeError
from smbquic.observe.audit import AuditEvent, AuditLog, RotatingFile, StandardOutputSink, who
from smbquic.observe.recent_records import RecentRecords
from smbquic.pki.access import AccessDenied, Decision
from smbquic.transport.base import ClientHello, Peer
from tests.audit_lines import AuditLines

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
PEER = Peer("quic", ("::1", 443), ("192.0.2.1", 7), "fs.example", "smb", "AES", (b"leaf", b"up"))


def log(sink: AuditLines, **more: Any) -> AuditLog:
    return AuditLog(sink, clock=lambda: NOW, **more)


def test_a_connection_and_what_belongs_to_it() -> None:
    sink = AuditLines()
    audit = log(sink, decide=lambda peer: Decision(True, "so", "allow san:*", "ab"))
    trail = audit.begin(PEER)
    trail.record(AuditEvent.LOGON, **who(Identity("alice", "")))
    audit.begin(Peer("tcp", ("127.0.0.1", 445), ("127.0.0.1", 9)))
    connected, decided, logged_on, second = sink.records
    assert connected["time"] == "2026-01-02T03:04:05.678Z"
    assert (connected["event"], connected["connection"]) == ("connection", 1)
    assert (connected["address"], connected["local"]) == ("192.0.2.1:7", "[::1]:443")
    assert connected["server_name"] == "fs.example"
    assert connected["chain"][0] == connected["client_certificate"] != connected["chain"][1]
    assert (decided["granted"], decided["rule"]) == (True, "allow san:*")
    assert decided["client_certificate"] == connected["client_certificate"]
    assert (logged_on["user"], logged_on["connection"]) == ("alice", 1)
    assert "domain" not in logged_on
    assert (second["transport"], second["connection"]) == ("tcp", 2)


def test_recent_records_need_no_sink() -> None:
    recent = RecentRecords()
    audit = AuditLog(recent=recent, clock=lambda: NOW)
    trail = audit.begin(PEER)
    assert trail.connection == 1
    trail.record(AuditEvent.LOGON, user="alice")
    audit.handshake_failed("192.0.2.1:7", ConnectError("fell silent"), ClientHello())
    assert [each.record["event"] for each in recent] == [
        "handshake-failure",
        "logon",
        "connection",
    ]
    assert AuditLog().begin(PEER).connection == 1


def test_recent_records_are_those_of_the_sinks_and_none_twice() -> None:
    sink, unauthenticated, recent = AuditLines(), AuditLines(), RecentRecords()
    audit = log(sink, unauthenticated=unauthenticated, recent=recent)
    audit.begin(PEER).record(AuditEvent.LOGON, user="alice")
    assert [each["event"] for each in sink.records] == ["connection", "logon"]
    assert [each["event"] for each in unauthenticated.records] == ["connection"]
    assert [each.record["event"] for each in recent] == ["logon", "connection"]


def test_a_chain_that_no_longer_holds_is_a_decision() -> None:
    sink = AuditLines()

    def decide(peer: Peer) -> Decision:
        raise HandshakeError("expired just now", "expired")

    log(sink, decide=decide).begin(PEER)
    assert sink.records[1]["granted"] is False
    assert sink.records[1]["message"] == "expired just now"


def test_no_rules_no_decision() -> None:
    sink = AuditLines()
    log(sink, decide=lambda peer: None).begin(PEER)
    assert [each["event"] for each in sink.records] == ["connection"]


def test_handshakes_that_failed() -> None:
    sink = AuditLines()
    audit = log(sink)
    audit.handshake_failed("192.0.2.1:7", ConnectError("fell silent"), ClientHello())
    denied = HandshakeError("no", "access-denied")
    denied.__cause__ = AccessDenied(Decision(False, "because"))
    client = ClientHello("fs.example", (b"leaf", b"up", *[b"more"] * 100))
    audit.handshake_failed("192.0.2.1:8", denied, client)
    silent, decision, failure = sink.records
    assert (silent["reason"], silent["message"]) == ("no-handshake", "fell silent")
    assert silent.keys().isdisjoint({"server_name", "chain", "client_certificate"})
    assert (decision["event"], decision["granted"]) == ("access-decision", False)
    assert (failure["event"], failure["reason"]) == ("handshake-failure", "access-denied")
    for record in (decision, failure):
        assert record["server_name"] == "fs.example"
        assert record["client_certificate"] == record["chain"][0] != record["chain"][1]
        assert len(record["chain"]) == 16


def test_without_a_sink_nothing_happens() -> None:
    audit = AuditLog()
    audit.begin(PEER).record(AuditEvent.LOGON, user="alice")
    audit.handshake_failed("x", ConnectError("y"), ClientHello())
    assert audit.lost == 0
    assert not AuditLog(files=True).files


@pytest.mark.parametrize("sink", [None, AuditLines()])
def test_events_are_counted_with_and_without_a_sink(sink: AuditLines | None) -> None:
    audit = AuditLog(sink)
    trail = audit.begin(PEER)
    trail.record(AuditEvent.LOGON_FAILURE, status="STATUS_LOGON_FAILURE")
    trail.record(AuditEvent.LOGON, user="alice")
    audit.handshake_failed("x", HandshakeError("y", "unknown-ca"), ClientHello())
    audit.handshake_failed("x", ConnectError("y"), ClientHello())
    assert audit.counts.of(AuditEvent.CONNECTION) == {PEER.kind: 1}
    assert audit.counts.of(AuditEvent.LOGON_FAILURE) == {"STATUS_LOGON_FAILURE": 1}
    assert audit.counts.of(AuditEvent.LOGON) == {"": 1}
    assert audit.counts.of(AuditEvent.HANDSHAKE_FAILURE) == {"unknown-ca": 1, "no-handshake": 1}


def test_a_decision_about_a_user() -> None:
    sink = AuditLines()
    log(sink).begin(PEER).decided(Decision(False, "because", "san:* -> {}"), "bob")
    record = sink.records[1]
    assert (record["event"], record["granted"]) == ("access-decision", False)
    assert (record["user"], record["rule"]) == ("bob", "san:* -> {}")


@given(st.text(max_size=2000))
def test_nothing_that_a_peer_chose_leaves_its_line(text: str) -> None:
    sink = AuditLines()
    log(sink).record(AuditEvent.LOGON, user=text)
    (line,) = sink.lines
    assert line.endswith("\n")
    assert all(32 <= ord(character) < 127 for character in line[:-1])
    assert json.loads(line)["user"] == text[:1024]


def test_what_cannot_be_written_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    class Full:
        def write(self, line: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    audit = AuditLog(Full())
    with caplog.at_level(logging.ERROR):
        audit.record(AuditEvent.LOGON)
        audit.record(AuditEvent.LOGON)
    assert audit.lost == 2
    assert len(caplog.records) == 1


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_files_rotate(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text("before\n")
    file = RotatingFile(path, max_bytes=10, keep=keep)
    for number in range(6):
        file.write(f"line {number}\n")
    file.write("a line that is longer than the limit\n")
    file.close()
    assert path.read_text() == "a line that is longer than the limit\n"
    kept = sorted(each.name for each in tmp_path.iterdir())
    assert len(kept) == keep + 1
    if keep:
        assert (tmp_path / "audit.jsonl.1").read_text() == "line 5\n"


def test_who_moves_a_file_away_gets_another_one(tmp_path: Path) -> None:
    path, moved = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl-1"
    file = RotatingFile(path)
    file.write("1\n")
    path.replace(moved)
    file.write("2\n")
    file.reopen()
    file.write("3\n")
    file.reopen()
    file.write("4\n")
    file.close()
    assert (moved.read_text(), path.read_text()) == ("1\n2\n", "3\n4\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_begun_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    file = RotatingFile(folder / "audit")
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        file.reopen()
    file.write("x\n")
    file.close()
    assert (tmp_path / "moved" / "audit").read_text() == "x\n"


@pytest.mark.parametrize("keep", [0, 2])
def test_a_file_that_was_moved_away_rotates_all_the_same(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "audit"
    file = RotatingFile(path, max_bytes=4, keep=keep)
    file.write("1\n")
    path.replace(tmp_path / "moved")
    file.write("2\n")
    file.write("3\n")
    file.close()
    assert (tmp_path / "moved").read_text() == "1\n2\n"
    assert path.read_text() == "3\n"


def test_a_file_without_a_limit(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "audit", max_bytes=0)
    for _ in range(3):
        file.write("x" * 1000)
    file.close()
    assert [each.name for each in tmp_path.iterdir()] == ["audit"]


def test_a_new_file_is_private(tmp_path: Path) -> None:
    RotatingFile(tmp_path / "audit").close()
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o600


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    StandardOutputSink().write("x\n")
    assert capsys.readouterr().out == "x\n"
