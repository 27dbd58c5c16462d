"""Contents that differ, and pages that show whether they are whole."""

import pytest

from benchmarks.soak import content
from benchmarks.soak.content import LARGE, PAGE, SMALL, Source, page, version_of
from benchmarks.soak.report import DifferenceError


@pytest.mark.parametrize("size", [*SMALL, max(LARGE)])
def test_contents_have_their_size(size: int) -> None:
    assert len(Source("seed").content(size)) == size


def test_contents_differ_and_come_again_with_the_same_seed() -> None:
    first, second = Source("seed"), Source("seed")
    contents = [first.content(700) for _ in range(20)]
    assert len(set(contents)) == 20
    assert contents == [second.content(700) for _ in range(20)]


def test_a_page_has_its_version() -> None:
    assert len(page(7)) == PAGE
    assert version_of(memoryview(page(7))) == 7


@pytest.mark.parametrize(
    "data",
    [
        page(1)[: PAGE // 2] + page(2)[PAGE // 2 :],
        page(1)[:12] + page(2)[12:],
        page(2)[:8] + page(1)[8:],
        page(1)[:-1],
        bytes(PAGE),
        b"",
    ],
)
def test_what_is_no_whole_page(data: bytes) -> None:
    with pytest.raises(DifferenceError):
        version_of(data)


def test_the_checksum_covers_all_but_itself() -> None:
    assert content._HEAD.size == 12
