"""What is open below a folder."""

from types import SimpleNamespace
from typing import cast

from smbquic.server.opens.open import Open
from smbquic.server.opens.open_names import OpenNames
from smbquic.storage import Storage
from smbquic.storage.memory import MemoryStorage


def opened(storage: Storage, number: int, name: str) -> Open:
    return cast(
        Open,
        SimpleNamespace(
            file_id=SimpleNamespace(persistent=number),
            storage=storage,
            file=SimpleNamespace(name=name),
        ),
    )


def test_what_is_below_a_folder_is_found() -> None:
    storage, other = MemoryStorage(), MemoryStorage()
    names = OpenNames()
    assert names.find_below(storage, "a") is None
    entries = [
        opened(storage, number, name)
        for number, name in enumerate(["a", "a!", "a\\b", "a\\c", "ab", "b"], 1)
    ]
    for entry in entries:
        names.add(entry)

    assert names.find_below(storage, "a") is entries[2]
    assert names.find_below(storage, "ab") is None
    assert names.find_below(storage, "b") is None
    assert names.find_below(storage, "c") is None
    assert names.find_below(other, "a") is None
    names.remove(entries[2])
    assert names.find_below(storage, "a") is entries[3]
    names.remove(entries[3])
    assert names.find_below(storage, "a") is None
    for entry in (entries[0], entries[1], *entries[4:]):
        names.remove(entry)
    assert names.find_below(storage, "a") is None
    names.add(entries[3])
    assert names.find_below(storage, "a") is entries[3]


def test_a_renamed_open_is_found_by_its_new_name() -> None:
    storage = MemoryStorage()
    names = OpenNames()
    entry, same = opened(storage, 1, "a\\b"), opened(storage, 2, "a\\b")
    names.add(entry)
    names.add(same)
    names.renew(entry)
    assert names.find_below(storage, "a") is entry
    entry.file.name = "x\\b"  # type: ignore[misc]
    names.renew(entry)
    assert names.find_below(storage, "x") is entry
    assert names.find_below(storage, "a") is same
    names.remove(entry)
    assert names.find_below(storage, "x") is None
