"""What a reload changes, keeps and says; what `smbquic reload` makes of the answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from smbquic.auth.users import UserStore
from smbquic.cli import logs
from smbquic.cli import reload as module
from smbquic.cli.failure import ExitCode
from smbquic.cli.main import main
from smbquic.cli.reload import Reloader
from smbquic.config import Configuration
from smbquic.errors import ConfigError, PkiError
from smbquic.observe.audit import RotatingFile
from smbquic.options.acme import AcmeOptions
from smbquic.options.audit import AuditOptions
from smbquic.options.certificate import IdentityFiles
from smbquic.options.limits import Limits
from smbquic.options.share import ShareFolder
from smbquic.pki.acme.store import with_acme


def users(*names: str) -> UserStore:
    store = UserStore()
    for name in names:
        store.add(name, "password")
    return store


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The levels that the log is given."""
    levels: list[str] = []
    monkeypatch.setattr(logs, "configure_server", lambda level, *_: levels.append(level))
    return levels


FORMER = Configuration(
    users=users("alice"),
    shares=(ShareFolder(name="a", path="a"), ShareFolder(name="b", path="b")),
    limits=Limits(opens=7, threads=2),
)


def reloader(
    read: Callable[[], Configuration],
    used: list[Configuration],
    *,
    fails: Exception | None = None,
    as_json: bool = False,
) -> Reloader[object]:
    def use(_: object, former: Configuration, new: Configuration) -> None:
        if fails is not None:
            raise fails
        used.append(new)

    return Reloader(object(), FORMER, read, use, (), as_json)


def test_nothing_has_changed(capsys: pytest.CaptureFixture[str], log: list[str]) -> None:
    used: list[Configuration] = []
    new = replace(FORMER, users=users("alice"))
    event = reloader(lambda: new, used).reload()
    assert event == {"event": "reloaded", "changed": [], "restart": []}
    assert capsys.readouterr().out == "reloaded, no option has changed\n"
    assert (used, log) == ([new], ["warning"])


def test_another_certificate_of_an_acme_server_needs_a_restart() -> None:
    """It is not there yet; with that of before the program goes on."""
    used: list[Configuration] = []
    acme = AcmeOptions(names=("fs.example",))
    new = replace(FORMER, acme=acme, certificates=with_acme((), acme), users=users("bob"))
    running = reloader(lambda: new, used)
    event = running.reload()
    assert (event["changed"], event["restart"]) == (["users"], ["certificate", "acme"])
    assert used[0].certificates == running.settings.certificates == ()
    assert running.settings.acme is None


def test_what_is_used_at_once_and_what_needs_a_restart(
    capsys: pytest.CaptureFixture[str], log: list[str]
) -> None:
    used: list[Configuration] = []
    new = replace(
        FORMER,
        users=users("bob"),
        shares=(ShareFolder(name="b", path="c"), ShareFolder(name="d", path="d")),
        certificates=(IdentityFiles(certificate=Path("x")),),
        log_level="debug",
        limits=Limits(opens=8, threads=3, sessions=4),
        listen=("tcp://localhost",),
        guest=True,
        audit=AuditOptions(file=None),
    )
    running = reloader(lambda: new, used)
    event = running.reload()
    assert event["changed"] == [
        "log_level",
        "certificate",
        "limits.sessions",
        "limits.opens",
        "shares.a",
        "shares.b",
        "shares.d",
        "users",
    ]
    assert event["restart"] == ["listen", "guest", "audit", "limits.threads"]
    assert log == ["debug"]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("reloaded, changed: log_level, certificate, limits.sessions, ")
    assert said[1] == (
        "listen, guest, audit, limits.threads: a running program keeps its former value; restart"
        " it to use the new one"
    )
    # What is in use then, with which the next file is compared.
    assert (running.settings.guest, running.settings.listen) == (FORMER.guest, FORMER.listen)
    assert running.settings.limits == Limits(opens=8, threads=2, sessions=4)
    assert running.settings.shares == new.shares
    assert running.settings.users is FORMER.users


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConfigError("x.toml:1: no"), "x.toml:1: no"),
        (OSError(2, "gone"), "[Errno 2] gone"),
        (ValueError("wrong"), "wrong"),
        (click.UsageError("not so"), "not so"),
    ],
)
def test_a_wrong_file_changes_nothing(
    error: Exception,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    log: list[str],
) -> None:
    used: list[Configuration] = []

    def read() -> Configuration:
        raise error

    running = reloader(read, used, as_json=True)
    event = running.reload()
    assert event == {"event": "reload-refused", "reason": reason}
    assert json.loads(capsys.readouterr().out) == event
    assert f"not reloaded, the former configuration stays: {reason}" in caplog.text
    assert (running.settings, used, log) == (FORMER, [], [])


def test_a_program_that_cannot_use_it() -> None:
    new = replace(FORMER, guest=True)
    running = reloader(lambda: new, [], fails=PkiError("no certificate"))
    assert running.reload()["event"] == "reload-refused"
    assert running.settings is FORMER


def test_an_event_stands_for_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    event = reloader(lambda: FORMER, [], as_json=True).reload()
    captured = capsys.readouterr()
    assert (json.loads(captured.out), captured.err) == (event, "")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, Any]]]:
    """What servers answer, and the PIDs that were asked for after it."""
    found: list[tuple[int, dict[str, Any]]] = []

    def ask(command: str, processes: tuple[int, ...]) -> list[tuple[int, dict[str, Any]]]:
        assert command == "reload"
        return [each for each in found if not processes or each[0] in processes]

    monkeypatch.setattr(module, "ask_servers", ask)
    return found


GOOD = {"event": "reloaded", "changed": ["users"], "restart": ["listen"]}
BAD = {"event": "reload-refused", "reason": "x.toml:1: no"}


def test_the_command_says_what_each_server_answers(
    answers: list[tuple[int, dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    answers += [(1, GOOD), (2, BAD), (3, {"name": "an older one"})]
    assert main(["reload"]) == ExitCode.PARTLY
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "process 1: reloaded, changed: users",
        "process 1: listen: a running program keeps its former value; restart it to use the new"
        " one",
    ]
    assert captured.err.splitlines() == [
        "smbquic: process 2: not reloaded: x.toml:1: no",
        "smbquic: process 3: not reloaded: this server is of another version: restart it",
    ]
    assert main(["reload", "1"]) == ExitCode.DONE
    capsys.readouterr()
    assert main(["reload", "2", "--json"]) == ExitCode.PARTLY
    assert json.loads(capsys.readouterr().out) == {"pid": 2, **BAD}


def test_audit_files_are_reopened_even_if_the_rest_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reopened: list[str] = []

    class File(RotatingFile):
        def __init__(self) -> None:
            pass

        def reopen(self) -> None:
            reopened.append("")
            raise OSError(13, "no", "audit")

    def read() -> Configuration:
        raise ConfigError("wrong")

    running = reloader(read, [])
    running.sinks = (None, SimpleNamespace(write=print), File())
    running.reload()
    assert reopened == [""]
    assert "audit: not reopened, the former file goes on: no" in caplog.text
