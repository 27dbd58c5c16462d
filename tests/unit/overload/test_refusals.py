"""The reasons for which clients are refused, of the server and of its listeners."""

from pathlib import Path

from smbquic.overload.refusals import ServerRefusal
from smbquic.transport.refusals import ListenerRefusal, Refusal

AUDIT_PAGE = Path(__file__).parents[3] / "docs/reference/audit.md"
REASONS: list[Refusal] = [*ServerRefusal, *ListenerRefusal]


def test_no_two_reasons_share_a_word_or_a_text() -> None:
    assert len({str(reason) for reason in REASONS}) == len(REASONS)
    assert len({reason.text for reason in REASONS}) == len(REASONS)


def test_the_reference_of_audit_records_has_every_reason() -> None:
    page = AUDIT_PAGE.read_text("utf-8")

    assert [str(reason) for reason in REASONS if f"`{reason}`" not in page] == []
