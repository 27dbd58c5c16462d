"""Memory is given back when it is worthwhile, and when nobody is held up by that."""

from smbquic.server.overload.heap import QUIET, WORTHWHILE, HeapUse, trim


def looks(heap: HeapUse, moved: int, held: int, left: int) -> list[bool]:
    return [heap.note(moved, held, left) for _ in range(QUIET + 3)]


def test_once_clients_have_left_and_all_is_quiet() -> None:
    heap = HeapUse()
    assert not any(looks(heap, 0, 0, 0))
    assert looks(heap, 0, 0, 5).count(True) == 1
    assert not any(looks(heap, 0, 0, 5))


def test_once_much_was_held_and_no_more_is() -> None:
    heap = HeapUse()
    assert not any(looks(heap, 100, WORTHWHILE, 0))
    assert heap.due
    assert looks(heap, 200, WORTHWHILE - 1, 0).count(True) == 1
    assert not heap.due


def test_never_while_there_is_traffic() -> None:
    heap = HeapUse()
    assert not any(heap.note(moved, 0, 3) for moved in range(20))
    assert heap.due


def test_trimming_does_no_harm() -> None:
    trim()
    trim()
