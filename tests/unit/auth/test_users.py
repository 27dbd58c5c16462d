import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.auth.accounts import Account
from smbquic.auth.users import UserStore
from smbquic.errors import UsersError

PASSWORD_HASH = "8846F7EAEE8FB117AD06BDD830B7586C"  # of "password", as everywhere on the web


@pytest.fixture
def users_file(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.touch(mode=0o600)
    return path


def test_names_are_found_without_regard_to_case() -> None:
    store = UserStore()
    store.add("Alice", "password")
    assert store.find("aLICE") == Account("Alice", bytes.fromhex(PASSWORD_HASH))
    assert store.nt_hash("ALICE") == bytes.fromhex(PASSWORD_HASH)
    assert "alice" in store
    assert "bob" not in store
    assert store.nt_hash("bob") is None
    assert store.nt_hash("bob") is None


def test_accounts_come_and_go() -> None:
    store = UserStore()
    store.add("alice", "one")
    store.add("Bob", "two")
    store.set_password("ALICE", "password")
    assert store.nt_hash("alice") == bytes.fromhex(PASSWORD_HASH)
    assert (store.names(), len(store)) == (["alice", "Bob"], 2)
    store.remove("bob")
    assert store.names() == ["alice"]


def test_a_name_is_taken_whatever_its_case() -> None:
    store = UserStore()
    store.add("alice", "one")
    with pytest.raises(UsersError, match="already a user 'ALICE'"):
        store.add("ALICE", "two")


def test_unknown_names_raise_key_error() -> None:
    store = UserStore()
    with pytest.raises(KeyError):
        store.set_password("nobody", "x")
    with pytest.raises(KeyError):
        store.remove("nobody")
    with pytest.raises(KeyError):
        store.set_groups("nobody", ["staff"])


@pytest.mark.parametrize(
    "name",
    ["", "a:b", "a\\b", "a/b", "a;b", " a", "a ", "#a", "a\nb", "a\0b", "a\ud800", "a" * 257],
)
def test_impossible_names_are_refused(name: str) -> None:
    with pytest.raises(UsersError):
        UserStore().add(name, "x")


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "Zoë de Vries", "山田", "a" * 256])
def test_possible_names_are_not(name: str, users_file: Path) -> None:
    store = UserStore()
    store.add(name, "x")
    store.save(users_file)
    assert UserStore.load(users_file).names() == [name]


def test_loads_what_an_administrator_writes(users_file: Path) -> None:
    users_file.write_text(f"# Paris\n\n alice:{PASSWORD_HASH.lower()} \r\n")
    store = UserStore.load(users_file)
    assert store.names() == ["alice"]
    assert store.nt_hash("alice") == bytes.fromhex(PASSWORD_HASH)


def test_keeps_comments_and_order(users_file: Path) -> None:
    text = f"# Paris\nbob:{PASSWORD_HASH}\n\n# Rome\n# too\nalice:{PASSWORD_HASH}\n# end\n"
    users_file.write_text(text)
    store = UserStore.load(users_file)
    store.save(users_file)
    assert users_file.read_text() == text

    store.remove("bob")
    store.add("carl", "password")
    store.save(users_file)
    assert users_file.read_text() == (
        f"\n# Rome\n# too\nalice:{PASSWORD_HASH}\ncarl:{PASSWORD_HASH}\n# end\n"
    )


def test_groups_are_kept_in_one_way_to_write_them(users_file: Path) -> None:
    users_file.write_text(f"alice:{PASSWORD_HASH}:Paris,editors,PARIS\nbob:{PASSWORD_HASH}\n")
    store = UserStore.load(users_file)
    assert store.find("alice") == Account(
        "alice", bytes.fromhex(PASSWORD_HASH), ("editors", "paris")
    )
    store.set_groups("Bob", ["Night shift"])
    store.set_password("bob", "password")
    store.save(users_file)
    assert users_file.read_text() == (
        f"alice:{PASSWORD_HASH}:editors,paris\nbob:{PASSWORD_HASH}:night shift\n"
    )
    store.set_groups("alice", [])
    store.save(users_file)
    assert users_file.read_text().startswith(f"alice:{PASSWORD_HASH}\n")


@pytest.mark.parametrize("name", ["", "a,b", "a:b", " a", "#a", "a" * 257])
def test_impossible_groups_are_refused(name: str) -> None:
    store = UserStore()
    store.add("alice", "x")
    with pytest.raises(UsersError, match="group"):
        store.set_groups("alice", ["staff", name])
    account = store.find("alice")
    assert account is not None
    assert account.groups == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"alice", "not NAME:HASH"),
        (b"alice:1234", "NT hash of 'alice' is not 32 hexadecimal digits"),
        (b"alice:" + b"g" * 32, "NT hash of 'alice' is not 32 hexadecimal digits"),
        (b":" + PASSWORD_HASH.encode(), "needs a name"),
        (b"a\\b:" + PASSWORD_HASH.encode(), "holds"),
        (b"BOB:" + PASSWORD_HASH.encode(), "already a user 'BOB'"),
        (b"alice:" + PASSWORD_HASH.encode() + b":", "a group needs a name"),
        (b"alice:" + PASSWORD_HASH.encode() + b":a,,b", "a group needs a name"),
        (b"z\xff:" + PASSWORD_HASH.encode(), "not UTF-8"),
    ],
)
def test_a_bad_line_is_named(users_file: Path, line: bytes, reason: str) -> None:
    users_file.write_bytes(b"# users\nbob:" + PASSWORD_HASH.encode() + b"\n" + line + b"\n")
    with pytest.raises(UsersError) as caught:
        UserStore.load(users_file)
    assert str(caught.value).startswith(f"{users_file}, line 3: ")
    assert reason in str(caught.value)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        UserStore.load(tmp_path / "none")


@given(content=st.binary())
def test_any_content_loads_or_raises_users_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("users") / "users"
    path.write_bytes(content)
    path.chmod(0o600)
    try:
        store = UserStore.load(path)
    except UsersError:
        return
    store.save(path)
    assert UserStore.load(path).names() == store.names()


def test_saves_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "users"
    UserStore().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["users"]


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "users", list[tuple[os.stat_result, bool]]()
    monkeypatch.setattr(os, "fsync", lambda each: synced.append((os.fstat(each), path.exists())))
    store = UserStore()
    store.add("alice", "secret")
    store.save(path)
    [(status, had_its_name)] = synced
    assert (status.st_ino, status.st_size) == (path.stat().st_ino, path.stat().st_size)
    assert not had_its_name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_keeps_its_owner(users_file: Path) -> None:
    os.chown(users_file, 65534, 65533)
    UserStore().save(users_file)
    saved = users_file.stat()
    assert (saved.st_uid, saved.st_gid, stat.S_IMODE(saved.st_mode)) == (65534, 65533, 0o600)


def test_a_file_of_somebody_else_is_saved_as_ones_own(
    users_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.chown", refuse)
    store = UserStore()
    store.add("alice", "password")
    store.save(users_file)
    assert UserStore.load(users_file).names() == ["alice"]


def test_a_link_stays_a_link(tmp_path: Path, users_file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(users_file)
    store = UserStore()
    store.add("alice", "password")
    store.save(link)
    assert link.is_symlink()
    assert UserStore.load(users_file).names() == ["alice"]


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    with pytest.raises(OSError, match="users"):
        UserStore().save(tmp_path / "users")
    assert [entry.name for entry in tmp_path.iterdir()] == ["users"]


def test_warns_of_a_file_that_others_can_read(
    users_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "smbquic.auth.users"):
        UserStore.load(users_file)
        assert caplog.messages == []
        users_file.chmod(0o640)
        UserStore.load(users_file)
    assert [str(users_file) in message for message in caplog.messages] == [True]


def test_the_repr_shows_no_hash() -> None:
    assert "88" not in repr(Account("alice", bytes.fromhex(PASSWORD_HASH)))


def test_accounts_are_added_and_replaced_as_a_whole() -> None:
    store, own, fresh = UserStore(), UserStore(), UserStore()
    store.add("alice", "one")
    store.add("Bob", "two")
    own.add("carol", "password")
    store.include(own)
    assert store.names() == ["alice", "Bob", "carol"]
    with pytest.raises(UsersError, match="already a user 'carol'"):
        store.include(own)

    fresh.add("BOB", "password")
    assert store.replace(fresh) == ["alice", "carol"]
    assert store.accounts() == [Account("BOB", bytes.fromhex(PASSWORD_HASH))]
    store.add("dave", "x")
    assert fresh.names() == ["BOB"]
