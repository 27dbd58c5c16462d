"""Imports without garbage collection."""

import gc
from contextlib import suppress

from smbquic.cli.collection import no_collection


def test_collection_goes_on_when_an_import_fails() -> None:
    with suppress(ImportError), no_collection():
        was_enabled = gc.isenabled()
        raise ImportError
    assert not was_enabled
    assert gc.isenabled()
