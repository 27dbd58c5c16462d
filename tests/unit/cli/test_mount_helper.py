"""The program that mount(8) calls."""

import sys

import pytest

from smbquic.cli import main, mount_helper
from smbquic.cli.mount_helper import command_line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["url", "/mnt"], ["url", "/mnt"]),
        (["url", "/mnt", "-n", "-s", "-o", "rw,uid=5"], ["url", "/mnt", "-o", "rw,uid=5"]),
        (["url", "/mnt", "-t", "smbquic", "-v", "-o", "ro"], ["url", "/mnt", "-v", "-o", "ro"]),
        (["url", "/mnt", "-N", "7"], ["url", "/mnt"]),
    ],
)
def test_it_calls_the_command_in_the_background(arguments: list[str], expected: list[str]) -> None:
    assert command_line(arguments) == ["mount", "--background", *expected]


def test_a_mount_that_is_only_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command_line(["url", "/mnt", "-f", "-o", "ro"]) == []
    called: list[list[str]] = []
    monkeypatch.setattr(main, "run", lambda: called.append(sys.argv[1:]))
    monkeypatch.setattr(sys, "argv", ["mount.smbquic", "url", "/mnt", "-f"])
    mount_helper.run()
    assert called == []
    monkeypatch.setattr(sys, "argv", ["mount.smbquic", "url", "/mnt"])
    mount_helper.run()
    assert called == [["mount", "--background", "url", "/mnt"]]
