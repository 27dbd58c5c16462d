"""`smbquic user`, in process: groups and SIDs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbquic.auth.identity import Identity
from smbquic.auth.users import UserStore
from smbquic.cli.main import cli
from smbquic.server.accounts import group_sid, token_of


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    path = tmp_path / "users.txt"
    store = UserStore()
    store.add("Alice", "secret")
    store.save(path)
    return path


def user(command: str, path: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["user", command, *arguments, "--users", str(path)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_groups_are_set_and_shown_with_what_descriptors_call_them(users_file: Path) -> None:
    user("groups", users_file, "alice", "Paris", "editors")
    sid = str(token_of(Identity("Alice", "")).user)
    editors, paris = str(group_sid("editors")), str(group_sid("paris"))
    assert json.loads(user("show", users_file, "ALICE", "--json")) == {
        "user": "Alice",
        "sid": sid,
        "groups": {"editors": editors, "paris": paris},
    }
    assert user("show", users_file, "alice").splitlines() == [
        f"{sid}  Alice",
        f"{editors}  editors",
        f"{paris}  paris",
    ]
    user("groups", users_file, "alice")
    assert user("show", users_file, "alice").splitlines() == [f"{sid}  Alice"]


@pytest.mark.parametrize("command", ["groups", "show"])
def test_nobody_is_made_of_a_misspelt_name(users_file: Path, command: str) -> None:
    before = users_file.read_text()
    assert "has no user alise" in user(command, users_file, "alise", code=2)
    assert users_file.read_text() == before
