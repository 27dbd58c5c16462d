"""Whom a server may go on as."""

import os
import sys

import pytest

from smbquic.cli.privileges import ProcessAccount

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such users")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no-such-user", "no user 'no-such-user': add it"),
        ("", "no user ''"),
        ("nobody:no-such-group", "no group 'no-such-group'"),
        ("nobody:", "no group ''"),
    ],
)
def test_who_does_not_exist(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ProcessAccount.parse(text)


def test_only_root_becomes_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000_001)
    with pytest.raises(ValueError, match="only root can change to nobody: start as root"):
        ProcessAccount.parse("nobody")


def test_groups_are_the_users_or_the_one_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, 4711])
    whole, one = ProcessAccount.parse("nobody"), ProcessAccount.parse("nobody:daemon")
    assert whole.groups == (whole.gid, 4711)
    assert one.groups == (one.gid,) != (whole.gid,)
    assert one.uid == whole.uid != 0
