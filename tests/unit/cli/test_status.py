"""`smbquic status` on answers that servers seldom give, or that are none."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smbquic.cli import status
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import main


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Something that answers as it is told to, where servers have their sockets."""
    monkeypatch.setattr(status, "folder", lambda: tmp_path)
    monkeypatch.setattr(status, "SYSTEM", tmp_path)
    answers: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "1.sock"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(64) == b"status\n"
                connection.sendall(answers[0])

        thread = threading.Thread(target=serve)
        thread.start()
        yield answers
        thread.join()


def test_a_server_of_another_version(
    answer: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    answer.append(b'{"name": "fs", "pid": 1}')
    assert main(["status"]) == ExitCode.DONE
    captured = capsys.readouterr()
    assert "a server of another version answers" in captured.err
    assert captured.out == ""


def test_what_is_no_server(
    answer: list[bytes], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer.append(b"220 mail.example ESMTP")
    assert main(["status"]) == ExitCode.TRANSPORT
    assert f"{tmp_path / '1.sock'}: this is not the answer of a server" in capsys.readouterr().err


def test_a_back_end_that_has_failed(
    answer: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    counts = dict.fromkeys(("connections", "logged_on", "received", "sent"), 0)
    lists = dict.fromkeys(("listeners", "certificates", "workers"), ())
    backend = {"weight": 1, "connections": 0, "total": 0}
    backends = [
        {**backend, "url": "tcp://a:445", "state": "up", "reason": "a did not answer"},
        {**backend, "url": "tcp://b:445", "state": "drained", "reason": None},
    ]
    status = {
        **{"name": "gw", "pid": 1, "draining": False, "refused": {}, "failures": {}},
        **counts,
        **lists,
        "memory": {"resident": None},
        "web": None,
        "pools": [{"name": "files", "names": [], "backends": backends}],
    }
    answer.append(json.dumps(status).encode())
    assert main(["status"]) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  pool files",
        "    tcp://a:445 is up: 0 connections, 0 altogether; it failed last: a did not answer",
        "    tcp://b:445 is drained: 0 connections, 0 altogether",
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", "  status page on http://127.0.0.1:1/#token=secret"),
        ("unix:/run/web", "  status page on unix:/run/web with the token secret"),
    ],
)
def test_where_the_status_page_is(url: str, expected: str) -> None:
    found: dict[str, Any] = {"refused": {}, "listeners": (), "workers": (), "certificates": ()}
    web = {"url": url, "token": "secret"}
    assert list(status._common_lines({**found, "web": web})) == [expected]


def test_certificates_from_an_acme_server(
    answer: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    counts = dict.fromkeys(("connections", "logged_on", "received", "sent"), 0)
    acme = {"directory": "https://ca.example/dir", "next": "2026-05-01T00:00:00+00:00"}
    certificate = {"names": ["fs.example"], "days_left": 30, "file": "fs.pem"}
    status = {
        **{"name": "gw", "pid": 1, "draining": False, "refused": {}, "failures": {}},
        **{"memory": {"resident": None}, "pools": [], "listeners": [], "workers": []},
        **counts,
        "web": None,
        "certificates": [
            {**certificate, "acme": None},
            {**certificate, "acme": {**acme, "failures": 0, "reason": None}},
            {**certificate, "acme": {**acme, "failures": 3, "reason": "no\nanswer"}},
        ],
    }
    answer.append(json.dumps(status).encode())
    assert main(["status"]) == ExitCode.DONE
    own = "  certificate for fs.example: 30 days left, fs.pem"
    assert capsys.readouterr().out.splitlines()[1:] == [
        own,
        own,
        "    from https://ca.example/dir, renewed at 2026-05-01T00:00:00+00:00",
        own,
        "    from https://ca.example/dir: the last 3 attempts to renew it failed, the next is at"
        " 2026-05-01T00:00:00+00:00: no\\x0aanswer",
    ]
