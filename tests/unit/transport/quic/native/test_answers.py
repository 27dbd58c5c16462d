"""What a native connection is answered: its IDs, and why a client is refused."""

from smbquic.transport.quic.native.answers import MOST_IDS, Answers


class Ids:
    """Notes the IDs that are known."""

    def __init__(self) -> None:
        self.known: list[bytes] = []

    def issued(self, connection_id: bytes) -> None:
        self.known.append(connection_id)

    def retired(self, connection_id: bytes) -> None:
        self.known.remove(connection_id)


def test_only_so_many_ids_are_known_at_once() -> None:
    """A client may retire IDs without end, and gets another one for each."""
    ids = Ids()
    answers = Answers(ids, None, None, None)
    assert answers.new_id() == answers.first_id

    made = [answers.new_id() for _ in range(10 * MOST_IDS)]

    assert ids.known == made[-MOST_IDS:]


def test_a_client_without_a_name_gets_no_certificate_if_there_is_no_default() -> None:
    answers = Answers(Ids(), None, None, None, lambda name: None)
    refused = answers.choose("")
    assert isinstance(refused, tuple)
    assert refused[0] == 112
    assert "asks for no name" in refused[1]
    assert answers.cause is not None
    assert answers.cause.reason == "unrecognized-name"
