"""What the main process makes of the records of a worker, and of its end."""

import json
from typing import Any

import pytest

from smbquic.observe.audit import AuditLog
from smbquic.overload.refusals import ServerRefusal
from smbquic.transport.refusals import ListenerRefusal, Refusals
from smbquic.workers.process import WorkerProcess, WorkerServices, _ending


class Lines:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, line: str) -> None:
        self.lines.append(json.loads(line))


def made() -> tuple[WorkerProcess, Refusals, Lines]:
    refusals, lines = Refusals(lambda *_: None), Lines()

    def settings(*_: int) -> Any:
        raise NotImplementedError

    return (
        WorkerProcess(1, WorkerServices([], settings, AuditLog(lines), refusals)),
        refusals,
        lines,
    )


async def test_what_a_worker_reports() -> None:
    process, refusals, lines = made()
    process.received("ready", None)
    assert process.ready.is_set()
    process.received("lost_packets", [3, 4])
    assert process.lost_packets(1) == 4
    process.received("refusals", [["half-open", "192.0.2.1", 7], ["busy", "192.0.2.1", 1]])
    assert refusals.counts == {ListenerRefusal.HALF_OPEN: 7, ServerRefusal.BUSY: 1}
    process.received("handshake_failed", [["handshake-failure", {"reason": "expired"}]])
    assert [each["reason"] for each in lines.lines] == ["expired"]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("unknown", None),
        ("lost_packets", None),
        ("lost_packets", ["many"]),
        ("refusals", [["no reason", "192.0.2.1", 1]]),
        ("refusals", [1]),
        ("handshake_failed", [["no event", {}]]),
        ("handshake_failed", [["logon", {"event": "logon"}]]),
        ("log", 7),
        ("log", ["one"]),
    ],
)
async def test_what_cannot_be_read_changes_nothing(
    what: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    process, refusals, lines = made()
    process.received(what, value)
    assert "cannot be read" in caplog.text
    assert not refusals.counts
    assert lines.lines == []


def test_how_a_process_has_ended() -> None:
    assert _ending(3) == "exit code 3"
    assert _ending(-9) == "killed by SIGKILL"
    assert _ending(-99) == "killed by signal 99"
