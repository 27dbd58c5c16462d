"""The order in which `smbquic ls` shows the entries of a folder."""

from collections.abc import AsyncGenerator
from typing import cast

import pytest

from smbquic.cli import listing
from smbquic.client.share import Share
from smbquic.client.stat import Stat
from smbquic.errors import DirectoryExpectedError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes

TEMPORARY = ".smbquic-0123456789abcdef.part"


def stat(name: str) -> Stat:
    return Stat(name, 1, 0, FileAttributes.ARCHIVE, 0, 0, 0, 0)


class FakeShare:
    """A folder with these names; `shown` is how many were asked for so far."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.shown = 0

    async def scandir(self, path: str) -> AsyncGenerator[Stat, None]:
        for name in self.names:
            self.shown += 1
            yield stat(name)

    async def stat(self, path: str) -> Stat:
        return stat(path)


async def parts(share: FakeShare, *, everything: bool = False) -> list[list[str]]:
    listed = listing._in_parts(cast(Share, share), "x", everything=everything)
    return [[entry.name for entry in part] async for part in listed]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_SORTED", 3)
    monkeypatch.setattr(listing, "PART", 2)


async def test_a_folder_is_sorted_by_name() -> None:
    assert await parts(FakeShare("c", "B", TEMPORARY, "a")) == [["a", "B", "c"]]
    assert await parts(FakeShare(TEMPORARY), everything=True) == [[TEMPORARY]]
    assert await parts(FakeShare()) == []


async def test_a_large_folder_is_shown_while_the_rest_arrives() -> None:
    share = FakeShare(*"hgfedcba")
    listed = listing._in_parts(cast(Share, share), "x", everything=False)
    assert [entry.name for entry in await anext(listed)] == ["h", "g", "f", "e"]
    assert share.shown == 4
    assert [[entry.name for entry in part] async for part in listed] == [["d", "c", "b"], ["a"]]


async def test_a_file_is_listed_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    share = FakeShare()

    async def refuse(path: str) -> AsyncGenerator[Stat, None]:
        raise DirectoryExpectedError(NtStatus.NOT_A_DIRECTORY, "CREATE", path)
        yield

    monkeypatch.setattr(share, "scandir", refuse)
    assert await parts(share) == [["x"]]
