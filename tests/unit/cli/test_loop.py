"""What systemd hears of the program."""

import socket
import sys
from pathlib import Path

import pytest

from smbquic.cli.loop import tell_ready

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no systemd")


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_that_the_program_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    name = f"{'@' if abstract else ''}{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(name.replace("@", "\0", 1))
        link.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        tell_ready()
        assert link.recv(64) == b"READY=1"


def test_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_ready()
