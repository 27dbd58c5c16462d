from smbquic.auth.identity import Identity
from smbquic.server.security.accounts import PRIMARY_GROUP, account_of, group_sid, sid_of, token_of
from smbquic.wire.dtyp.sid import (
    ANONYMOUS,
    AUTHENTICATED_USERS,
    BUILTIN_GUESTS,
    BUILTIN_USERS,
    EVERYONE,
    NETWORK,
)


def test_an_account_has_a_sid_that_lasts() -> None:
    # Descriptors on disks hang on these: they must never change.
    assert str(token_of(Identity("alice", "")).user) == (
        "S-1-5-21-1397572177-1430864689-1280262977-114130583"
    )
    assert str(PRIMARY_GROUP) == "S-1-5-21-1397572177-1430864689-1280262977-513"


def test_case_and_server_make_no_difference() -> None:
    assert token_of(Identity("Alice", "SRV")).user == token_of(Identity("alice", "other")).user
    assert token_of(Identity("GROSSE", "")).user == token_of(Identity("große", "")).user


def test_accounts_differ() -> None:
    names = [f"user{number}" for number in range(2000)]
    accounts = {account_of(name) for name in names}

    assert len(accounts) == len(names)
    assert all(1000 <= account < 2**31 for account in accounts)
    assert sid_of(1000) != sid_of(1001)


def test_users_are_in_some_groups() -> None:
    token = token_of(Identity("alice", ""))

    assert token.sids == {
        token.user,
        PRIMARY_GROUP,
        BUILTIN_USERS,
        EVERYONE,
        AUTHENTICATED_USERS,
        NETWORK,
    }
    assert token.user == sid_of(token.account)
    assert token.primary_group == PRIMARY_GROUP


def test_groups_have_sids_that_last_too() -> None:
    token = token_of(Identity("alice", "", groups=("alice", "staff")))

    assert str(group_sid("Staff")) == "S-1-5-21-1397572177-1430864689-1280262977-467470641"
    assert token.sids >= {group_sid("staff"), group_sid("ALICE")}
    assert token.user not in {group_sid("alice"), group_sid("staff")}
    assert token.primary_group == PRIMARY_GROUP
    assert group_sid("staff") not in token_of(Identity("alice", "")).sids


def test_guests_are_nobody_in_particular() -> None:
    token = token_of(Identity("alice", "", guest=True))

    assert token == token_of(Identity("bob", "", guest=True))
    assert token.account == 0
    assert BUILTIN_GUESTS in token.sids
    assert EVERYONE in token.sids
    assert not token.sids & {AUTHENTICATED_USERS, BUILTIN_USERS}


def test_nobody_is_not_even_everyone() -> None:
    token = token_of(Identity("", "", anonymous=True))

    assert token.sids == {ANONYMOUS, NETWORK}
    assert token.account == 0
