"""Blocks of files, within a number of bytes, and what a change of the file makes of them."""

from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.cache.blocks import BLOCK, BlockCache


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = BlockCache(3 * BLOCK)
    for index in range(3):
        cache.put("a", index, bytes(BLOCK))
    assert cache.get("a", 0) is not None
    cache.put("b", 0, bytes(BLOCK))
    assert cache.get("a", 1) is None
    assert cache.get("a", 0) is not None
    assert cache.size == 3 * BLOCK


def test_a_block_in_place_of_another() -> None:
    cache = BlockCache(BLOCK)
    cache.put("a", 0, b"1")
    cache.put("a", 0, b"22")
    assert cache.get("a", 0) == b"22"
    assert cache.size == 2


def test_a_block_that_is_larger_than_the_cache() -> None:
    cache = BlockCache(10)
    cache.put("a", 0, bytes(11))
    assert cache.get("a", 0) is None
    assert cache.size == 0


def test_blocks_that_just_fit() -> None:
    cache = BlockCache(2 * BLOCK)
    cache.overwrite("a", 0, memoryview(bytes(2 * BLOCK)))
    assert cache.size == 2 * BLOCK
    cache.put("a", 2, b"x")
    assert [cache.get("a", index) is not None for index in range(3)] == [False, True, True]
    assert cache.size == BLOCK + 1


def test_what_is_written_right_behind_a_short_block_is_added_to_it() -> None:
    cache = BlockCache(10 * BLOCK)
    cache.put("a", 1, b"abc")
    cache.overwrite("a", BLOCK + 3, memoryview(b"de"), at_end=True)
    assert cache.get("a", 1) == b"abcde"
    cache.overwrite("a", BLOCK + 1, memoryview(b"X"))
    assert cache.get("a", 1) == b"aXcde"
    assert cache.size == 5
    cache.overwrite("a", BLOCK - 1, memoryview(b"12"))
    assert cache.get("a", 0) is None
    assert cache.get("a", 1) == b"2Xcde"


def test_dropping_a_file() -> None:
    cache = BlockCache(10)
    for index in range(3):
        cache.put("a", index, b"x")
    cache.put("b", 0, b"y")
    cache.drop("a", 1)
    assert [cache.get("a", index) for index in range(3)] == [b"x", None, None]
    cache.drop("a")
    cache.drop("a")
    assert cache.get("b", 0) == b"y"
    assert cache.size == 1


def test_what_stands_beside_a_change_is_not_guessed() -> None:
    cache = BlockCache(10 * BLOCK)
    cache.overwrite("a", 5, memoryview(b"x"))
    cache.overwrite("a", 0, memoryview(b"x"))
    assert cache.size == 0
    cache.overwrite("a", 0, memoryview(b"x"), at_end=True)
    assert cache.get("a", 0) == b"x"
    cache.overwrite("a", 2, memoryview(b"x"), at_end=True)
    assert cache.get("a", 0) is None


CHANGES = st.lists(st.tuples(st.integers(0, 3 * BLOCK), st.integers(1, 2 * BLOCK)), max_size=6)


@given(CHANGES, st.sets(st.integers(0, 4)))
def test_a_change_of_what_is_there(changes: list[tuple[int, int]], kept: set[int]) -> None:
    """Whatever is there after changes is what the file has."""
    content = bytearray(b"." * (2 * BLOCK + 7))
    cache = BlockCache(100 * BLOCK)
    for index in kept:
        block = bytes(content[index * BLOCK :][:BLOCK])
        if block:
            cache.put("a", index, block)
    for number, (offset, size) in enumerate(changes):
        data = bytes([number]) * size
        if offset > len(content):
            cache.drop("a", len(content) // BLOCK)
            content += bytes(offset - len(content))
        at_end = offset + size >= len(content)
        cache.overwrite("a", offset, memoryview(data), at_end=at_end)
        content[offset : offset + size] = data
    for index in range(6):
        there = cache.get("a", index)
        assert there is None or there == content[index * BLOCK :][:BLOCK]
