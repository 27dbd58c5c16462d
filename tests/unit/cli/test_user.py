"""`smbquic user`, in process: groups and SIDs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from smbquic.auth.identity import Identity
from smbquic.auth.users import UserStore
from smbquic.cli import user as user_module
from smbquic.cli.main import cli
from smbquic.errors import UsersError
from smbquic.server.security.accounts import group_sid, token_of


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


@pytest.mark.parametrize("command", ["passwd", "remove", "show", "groups"])
def test_a_file_that_is_not_there(tmp_path: Path, command: str) -> None:
    said = user(command, tmp_path / "none.txt", "alice", code=2)
    assert "there is no file" in said
    assert "smbquic user add makes it" in said
    assert not (tmp_path / "none.txt").exists()


def test_a_list_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no file" in user("list", tmp_path / "none.txt", code=2)


def test_nothing_is_asked_for_what_cannot_be_done(users_file: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "users.txt"
    assert "there is no folder" in user("add", nowhere, "bob", code=2)
    assert "user passwd" in user("add", users_file, "alice", code=2)
    with pytest.raises(UsersError, match="'a:b' cannot be a user's name"):
        CliRunner().invoke(
            cli, ["user", "add", "a:b", "--users", str(users_file)], catch_exceptions=False
        )


@pytest.mark.parametrize(("command", "name"), [("add", "bob"), ("passwd", "alice")])
def test_without_a_terminal_nothing_is_asked_for(users_file: Path, command: str, name: str) -> None:
    before = users_file.read_text()
    assert f"no password for {name}: use --password-file" in user(command, users_file, name, code=2)
    assert users_file.read_text() == before


@pytest.mark.parametrize(("command", "name"), [("add", "bob"), ("passwd", "alice")])
def test_a_password_is_not_empty(users_file: Path, tmp_path: Path, command: str, name: str) -> None:
    before = users_file.read_text()
    (tmp_path / "secret").write_text("\n")
    said = user(command, users_file, name, "--password-file", str(tmp_path / "secret"), code=2)
    assert f"the password for {name} is empty" in said
    assert users_file.read_text() == before


@pytest.mark.parametrize("root", [True, False])
def test_root_is_told_whose_a_new_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: bool
) -> None:
    monkeypatch.setattr(user_module, "is_root", lambda: root)
    (tmp_path / "secret").write_text("word\n")
    path, secret = tmp_path / "users.txt", ("--password-file", str(tmp_path / "secret"))
    assert ("chown USER:" in user("add", path, "alice", *secret)) is root
    assert path.stat().st_mode & 0o777 == 0o600
    # It keeps the owner that it was given, and nothing is said any more.
    assert user("add", path, "bob", *secret) == ""
