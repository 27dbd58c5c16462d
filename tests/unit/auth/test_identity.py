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
