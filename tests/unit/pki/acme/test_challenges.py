"""Where the answers to challenges are published."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.options.acme import AcmeOptions
from smbquic.pki import PkiError
from smbquic.pki.acme import challenges
from smbquic.pki.acme.challenges import ChallengeAnswer, Hook, HttpAnswers, Webroot, publisher

ANSWER = ChallengeAnswer("fs.example", "a-Token_1", "a-Token_1.thumbprint")


def test_our_own_listener() -> None:
    answers = HttpAnswers()
    answers.publish(ANSWER)
    assert answers.by_path == {"/.well-known/acme-challenge/a-Token_1": b"a-Token_1.thumbprint"}
    answers.withdraw(ANSWER)
    answers.withdraw(ANSWER)
    assert answers.by_path == {}


def test_a_webroot(tmp_path: Path) -> None:
    webroot = Webroot(tmp_path)
    webroot.publish(ANSWER)
    file = tmp_path / ".well-known" / "acme-challenge" / "a-Token_1"
    assert file.read_text() == "a-Token_1.thumbprint"
    assert file.stat().st_mode & 0o777 == 0o644
    webroot.withdraw(ANSWER)
    webroot.withdraw(ANSWER)
    assert not file.exists()


def script(folder: Path, body: str) -> Path:
    path = folder / "hook"
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
    path.chmod(0o700)
    return path


def test_a_hook_is_called_as_dehydrated_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hook = Hook(script(tmp_path, "print(sys.argv[1:])"))
    hook.publish(ANSWER)
    hook.withdraw(ANSWER)
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.splitlines() == [
        "['deploy_challenge', 'fs.example', 'a-Token_1', 'a-Token_1.thumbprint']",
        "['clean_challenge', 'fs.example', 'a-Token_1', 'a-Token_1.thumbprint']",
    ]


def test_a_hook_that_fails(tmp_path: Path) -> None:
    hook = Hook(script(tmp_path, "sys.exit(7)"))
    with pytest.raises(PkiError, match=r"hook deploy_challenge fs\.example: .* exit code 7"):
        hook.publish(ANSWER)


def test_a_hook_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Hook(tmp_path / "none").publish(ANSWER)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The reading end of a pipe, which ends with the last process that has the writing end."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    yield reader
    os.close(reader)


def holding(folder: Path, body: str) -> Path:
    """A hook that has the writing end."""
    pipe = str(folder / "pipe")
    return script(folder, f"os.write(os.open({pipe!r}, os.O_WRONLY), b'x')\n{body}")


def test_a_hook_that_does_not_end_is_killed_with_its_children(tmp_path: Path, held: int) -> None:
    hook = Hook(holding(tmp_path, "os.fork(), time.sleep(600)"), timeout=0.5)
    with pytest.raises(PkiError, match=r"does not end within 0\.5 s"):
        hook.publish(ANSWER)
    assert os.read(held, 2) in (b"x", b"")
    assert os.read(held, 1) == b""


def test_what_a_hook_leaves_running_is_killed(tmp_path: Path, held: int) -> None:
    Hook(holding(tmp_path, "os.fork() or time.sleep(600)")).publish(ANSWER)
    assert os.read(held, 2) == b"x"
    assert os.read(held, 1) == b""


def test_a_hook_gets_the_rights_that_were_taken_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert challenges._rights() == {}
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getegid", lambda: 5678)
    assert challenges._rights() == {"user": 1234, "group": 5678}


def test_which_publisher(tmp_path: Path) -> None:
    answers = HttpAnswers()
    names = ["fs.example"]
    assert publisher(AcmeOptions(names=names), answers) is answers
    assert isinstance(publisher(AcmeOptions(names=names, webroot=tmp_path), answers), Webroot)
    assert isinstance(publisher(AcmeOptions(names=names, hook=tmp_path), answers), Hook)
