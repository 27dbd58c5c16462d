import pytest

from smbquic.client.comparison import Comparison
from smbquic.client.file_tree import Entry
from smbquic.options.sync import ComparisonOptions
from tests.unit.client.trees import FakeTree

SECOND = 10**9


def file(size: int, modified: int) -> Entry:
    return Entry("x", "file", size, modified)


@pytest.mark.parametrize(
    ("options", "other", "difference"),
    [
        ({}, file(5, 7 * SECOND), None),
        ({}, file(5, 7 * SECOND + 100), None),
        ({}, file(5, 7 * SECOND + 101), "time"),
        ({}, file(6, 7 * SECOND), "size"),
        ({"modify_window": 2.0}, file(5, 9 * SECOND), None),
        ({"modify_window": 2.0}, file(5, 5 * SECOND - 1), "time"),
        ({"size_only": True}, file(5, 0), None),
        ({"size_only": True}, file(6, 0), "size"),
        ({"checksum": True}, file(5, 0), None),
        ({"checksum": True}, file(6, 0), "size"),
    ],
)
def test_difference(options: dict[str, object], other: Entry, difference: str | None) -> None:
    comparison = Comparison(FakeTree(), FakeTree(), ComparisonOptions(**options))  # type: ignore[arg-type]
    assert comparison.difference(file(5, 7 * SECOND), other) == difference


async def test_contents() -> None:
    one, two = FakeTree({"a": (b"x", 0)}), FakeTree({"A": (b"x", 0), "b": (b"y", 0)})
    comparison = Comparison(one, two, ComparisonOptions())
    assert await comparison.same_content("a", "A")
    assert not await comparison.same_content("a", "b")


def test_options_that_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        ComparisonOptions(size_only=True, checksum=True)
