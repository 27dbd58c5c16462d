"""The pages of a file in memory, against a bytearray."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage.memory.content import PAGE, Budget, Content

SIZES = st.integers(0, 3 * PAGE) | st.sampled_from([0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "truncate", "zero"]), SIZES, SIZES), max_size=12
)


def budget(size: int = 1 << 20) -> Budget:
    return Budget(size, 10)


@given(STEPS)
def test_it_is_what_was_written(steps: list[tuple[str, int, int]]) -> None:
    shared = budget()
    content, model = Content(shared), bytearray()
    for number, (what, offset, length) in enumerate(steps, 1):
        end = offset + length
        if what == "write":
            data = bytes([number]) * length
            assert content.write(offset, [data[:7], memoryview(data)[7:]]) == length
            if length:
                model.extend(bytes(max(end - len(model), 0)))
                model[offset:end] = data
        elif what == "truncate":
            content.truncate(offset)
            model = model[:offset].ljust(offset, b"\0")
        else:
            content.zero(offset, length)
            model[offset:end] = bytes(len(model[offset:end]))

    assert content.size == len(model)
    assert content.read(0, 1 << 30) == model
    assert content.read(PAGE - 3, 7) == model[PAGE - 3 : PAGE + 4]
    left = bytearray(model)
    for offset, length in content.ranges(0, 1 << 30):
        assert offset + length <= len(model)
        left[offset : offset + length] = bytes(length)
    assert not any(left)
    assert content.allocated <= shared.bytes
    content.truncate(0)
    assert shared.bytes == content.allocated == 0


def test_holes_take_no_room() -> None:
    shared = budget()
    content = Content(shared)
    content.truncate(1 << 60)

    assert shared.bytes == 0
    content.write(1 << 50, [b"x"])
    assert shared.bytes == 1 + 128
    assert list(content.ranges(0, 1 << 60)) == [(1 << 50, 65_536)]
    content.truncate(1 << 49)
    assert shared.bytes == 0


def test_ranges_end_where_they_are_asked_to() -> None:
    content = Content(budget())
    content.write(0, [bytes(2 * PAGE)])
    content.write(4 * PAGE, [b"x" * 10])

    assert list(content.ranges(5, 10)) == [(5, 10)]
    assert list(content.ranges(5, 8 * PAGE)) == [(5, 2 * PAGE - 5), (4 * PAGE, 10)]
    assert list(content.ranges(2 * PAGE, PAGE)) == []


@pytest.mark.parametrize("offset", [0, 10 * PAGE, 10 * PAGE - 1])
def test_more_than_there_is_room_for(offset: int) -> None:
    shared = budget(4 * PAGE)
    content = Content(shared)
    content.write(0, [b"kept"])
    before = shared.bytes

    with pytest.raises(OSError, match="No space left") as caught:
        content.write(offset, [bytes(4 * PAGE)])

    assert caught.value.errno == errno.ENOSPC
    assert (content.size, content.read(0, 10)) == (4, b"kept")
    assert shared.bytes == before


@pytest.mark.parametrize("offset", [2**63, 2**64 - 1])
def test_beyond_what_a_file_can_be(offset: int) -> None:
    content = Content(budget())

    for change in (lambda: content.truncate(offset), lambda: content.write(offset, [b"x"])):
        with pytest.raises(OSError, match="File too large") as caught:
            change()
        assert caught.value.errno == errno.EFBIG


def test_as_many_files_as_there_may_be() -> None:
    shared = Budget(0, 2)
    shared.change(files=2)

    with pytest.raises(OSError, match="No space left"):
        shared.change(files=1)
    shared.change(files=-1)
    shared.change(files=1)


def test_as_many_bytes_as_there_may_be() -> None:
    shared = Budget(100, 0)
    shared.change(100)

    with pytest.raises(OSError, match="No space left"):
        shared.change(1)
    shared.change(-1)
    shared.change(1)
    assert shared.bytes == 100


def test_bytes_and_files_count_apart() -> None:
    shared = Budget(100, 10)
    shared.change(7)
    assert (shared.bytes, shared.files) == (7, 0)
    shared.change(files=2)
    assert (shared.bytes, shared.files) == (7, 2)


def test_as_long_as_a_file_can_be() -> None:
    content = Content(budget())
    content.truncate(2**63 - 1)

    assert content.size == 2**63 - 1
