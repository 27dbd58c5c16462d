"""Garbage collection of the program: none while modules are imported, and little after that."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 5_000
"""Objects that are made, and not deleted again, before their garbage is collected.

Requests that wait for their answers are no garbage, and with Python's 700 they were looked through
again and again: a twelfth of the server's processor time for the upload of small files.
"""


def collect_seldom() -> None:
    """Have garbage collected less often than Python does by itself."""
    gc.set_threshold(OBJECTS, 10, 10)


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch garbage collection off while modules are imported, and exempt them from it later.

    Almost nothing of a module is garbage, and collecting takes a twentieth of the time of a short
    command.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
