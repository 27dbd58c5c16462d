import pytest

from smbquic.auth.identity import Identity


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (Identity("alice", "FS"), "FS\\alice"),
        (Identity("alice", ""), "alice"),
        (Identity("carl", "WORK", guest=True), "WORK\\carl (guest)"),
        (Identity("", "", anonymous=True), "anonymous"),
    ],
)
def test_reads_as_people_write_it(identity: Identity, text: str) -> None:
    assert str(identity) == text


def test_an_account_is_nobody_special_unless_told() -> None:
    assert Identity("alice", "FS") == Identity("alice", "FS", False, False, ())
    assert not Identity("alice", "FS").guest
    assert not Identity("alice", "FS").anonymous
