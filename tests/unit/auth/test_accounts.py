from smbquic.auth.accounts import Account
from smbquic.auth.ntlm.keys import nt_hash


def test_an_account_whose_password_is_empty_has_none() -> None:
    assert not Account("alice", nt_hash("")).has_password
    assert Account("alice", nt_hash("x")).has_password
    assert Account("alice", bytes(16)).has_password
    assert Account("alice", b"\xff" * 16).has_password


def test_the_repr_shows_no_hash() -> None:
    account = Account("alice", nt_hash("x"))
    assert account.nt_hash.hex() not in repr(account)
    assert repr(account.nt_hash) not in repr(account)
