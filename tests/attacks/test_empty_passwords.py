"""An account without a password is one for everybody."""

from pathlib import Path

import pytest

from smbquic import config
from smbquic.auth.authenticator import Authenticator
from smbquic.auth.credentials import Credentials
from smbquic.auth.initiator import new_initiator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.users import UserStore
from smbquic.errors import AuthenticationError, UsersError
from smbquic.ntstatus import NtStatus

HASH_OF_NOTHING = "31D6CFE0D16AE931B73C59D7E0C089C0"


def test_none_is_added() -> None:
    store = UserStore()
    with pytest.raises(UsersError, match="'alice' needs a password"):
        store.add("alice", "")
    assert "alice" not in store


def test_none_is_set() -> None:
    store = UserStore()
    store.add("alice", "secret")
    with pytest.raises(UsersError, match="needs a password"):
        store.set_password("alice", "")


def test_none_is_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "smbquic.toml").write_text('[users]\nalice = ""\n')
    with pytest.raises(config.ConfigError, match="needs a password"):
        config.load(tmp_path / "smbquic.toml")


def test_one_that_a_file_brings_logs_nobody_on(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_text(f"alice:{HASH_OF_NOTHING}\n")
    path.chmod(0o600)
    acceptor = Authenticator([NtlmMechanism(UserStore.load(path), server_name="fs")]).new_acceptor()
    client = new_initiator(Credentials("alice", ""), host="fs")
    proof = client.step(acceptor.step(client.step(None)))
    with pytest.raises(AuthenticationError, match="empty password") as refusal:
        acceptor.step(proof)
    assert refusal.value.status is NtStatus.ACCOUNT_RESTRICTION
    assert not acceptor.complete
