"""What the log of the soak's server has had."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.soak.served import Served

READY = {"web": "http://127.0.0.1:1", "listeners": ["quic://h:1", "tcp://h:2"]}
PROCESS: Any = SimpleNamespace(pid=1, returncode=None)


def log_line(level: str, message: str, **more: str) -> str:
    return json.dumps({"level": level, "message": message, **more}) + "\n"


def test_only_what_is_wrong_and_each_line_once(tmp_path: Path) -> None:
    served, log = Served(tmp_path, PROCESS, READY, "secret"), tmp_path / "log.jsonl"
    log.write_text(
        log_line("info", "alice logged on")
        + log_line("warning", "files are served as root: add --run-as USER")
        + log_line("error", "a task failed", traceback="Traceback: x")
        + "Segmentation fault\n"
        + '{"level": "war'
    )
    assert served.problems() == ["a task failed Traceback: x", "Segmentation fault"]
    with log.open("a") as file:
        file.write('ning", "message": "a client is slow"}\n')
    assert served.problems() == ["a client is slow"]
    assert served.problems() == []


def test_killed_clients_are_disconnected_and_others_are_not(tmp_path: Path) -> None:
    served = Served(tmp_path, PROCESS, READY, "secret")
    records = [("h:7", "alice"), ("h:7", "bob"), ("h:8", "alice")]
    (tmp_path / "audit.jsonl").write_text(
        "".join(
            json.dumps({"event": event, "address": address, "user": user}) + "\n"
            for address, user in records
            for event in ("connection", "logon")
        )
    )
    slow = "was disconnected: it does not take its responses"
    (tmp_path / "log.jsonl").write_text(
        "".join(log_line("warning", f"quic://h:{port} {slow}") for port in (7, 8, 9))
    )
    assert served.problems() == [f"quic://h:8 {slow}", f"quic://h:9 {slow}"]
    assert served.cut_off == 1


def test_where_it_is(tmp_path: Path) -> None:
    served = Served(tmp_path, PROCESS, READY, "secret")
    assert served.url("smb") == "smb://alice@h:2/soak"
    assert served.url("smb+quic", "bob") == "smb+quic://bob@h:1/soak"
