"""Memory is given back when it is worthwhile, and when nobody is held up by that."""

import platform
import subprocess
import sys

import pytest

from smbquic.overload import heap
from smbquic.overload.heap import QUIET_SECONDS, WORTHWHILE, HeapUse, trim


def updates(heap: HeapUse, moved: int, held: int, left: int) -> list[bool]:
    return [heap.update(moved, held, left) for _ in range(QUIET_SECONDS + 3)]


def test_once_clients_have_left_and_all_is_quiet() -> None:
    heap = HeapUse()
    assert not any(updates(heap, 0, 0, 0))
    assert updates(heap, 0, 0, 5).count(True) == 1
    assert not any(updates(heap, 0, 0, 5))


def test_once_much_was_held_and_no_more_is() -> None:
    heap = HeapUse()
    assert not any(updates(heap, 100, WORTHWHILE, 0))
    assert heap.due
    assert updates(heap, 200, WORTHWHILE - 1, 0).count(True) == 1
    assert not heap.due


def test_after_three_quiet_seconds_each_time() -> None:
    heap = HeapUse()
    assert not heap.update(1, 0, 1)
    assert [heap.update(1, 0, 1) for _ in range(4)] == [False, False, True, False]
    assert [heap.update(1, 0, 2) for _ in range(3)] == [False, True, False]


def test_never_while_there_is_traffic() -> None:
    heap = HeapUse()
    assert not any(heap.update(moved, 0, 3) for moved in range(20))
    assert heap.due


def test_trimming_does_no_harm() -> None:
    trim()
    trim()


class Library:
    """A C library that notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def mallopt(self, *arguments: int) -> None:
        self.calls.append(("mallopt", *arguments))

    def malloc_trim(self, *arguments: int) -> None:
        self.calls.append(("malloc_trim", *arguments))


def test_what_the_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library()
    monkeypatch.setattr(heap, "_c_library", lambda: library)

    heap.keep_freed_memory.__wrapped__()
    trim()

    # malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD is -1.
    assert library.calls == [
        ("mallopt", -3, 9 << 20),
        ("mallopt", -1, 16 << 20),
        ("malloc_trim", 0),
    ]


@pytest.mark.parametrize("error", [OSError, AttributeError, TypeError])
def test_other_libraries_are_told_nothing(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def missing(_: None) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", missing)
    assert heap._c_library.__wrapped__() is None
    monkeypatch.setattr(heap, "_c_library", lambda: None)
    heap.keep_freed_memory.__wrapped__()
    trim()


_FAULTS = """
import resource, sys
from smbquic.overload.heap import keep_freed_memory

def transfer():
    window = [bytearray(1 << 20) for _ in range(8)]
    for _ in range(200):
        window.pop(0)
        window.append(bytearray(1 << 20))

if sys.argv[1] == "kept":
    keep_freed_memory()
transfer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    transfer()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", _FAULTS, how]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to")
def test_memory_is_kept_for_the_next_message() -> None:
    assert faults("kept") < 1000 < faults("returned")
