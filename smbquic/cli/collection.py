"""Imports modules without garbage collection."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
