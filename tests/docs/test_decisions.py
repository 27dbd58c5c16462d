"""The records of decisions: each has a number of its own, and the index names them all."""

import re
from collections import Counter

from tests.docs.pages import ROOT, read

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")


def title(record: str) -> str:
    """The first line of a record, without the mark of a heading."""
    return read(f"docs/decisions/{record}").splitlines()[0].removeprefix("# ")


def test_a_record_is_named_by_its_number() -> None:
    for record in RECORDS:
        found = re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", record)
        assert found is not None, record
        assert title(record).startswith(f"{int(found[1])}. "), f"{record}: {title(record)}"


def test_no_number_is_used_twice() -> None:
    counts = Counter(record[:4] for record in RECORDS)
    assert [number for number, count in counts.items() if count > 1] == []


def test_the_index_names_every_record_once_and_by_its_title() -> None:
    index = read("docs/decisions/README.md")
    for record in RECORDS:
        assert index.count(f"- [{title(record)}]({record})") == 1, record
