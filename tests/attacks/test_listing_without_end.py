"""A server lists a folder, or its shares, for ever, and the client keeps what it gets."""

import pytest

from smbquic.client import listing
from smbquic.client.listing import LONGEST_LISTING
from smbquic.client.share import Share
from smbquic.errors import RemoteProtocolError
from smbquic.wire.fscc.chain import encode_chain
from smbquic.wire.fscc.directory_information import DirectoryEntry, encode_entry
from smbquic.wire.fscc.file_information import FileInformationClass
from smbquic.wire.header import Command
from smbquic.wire.query_directory import QueryDirectoryResponse
from tests.unit.client.conftest import server, share, transport
from tests.unit.client.fakes import FakeServer, Received

__all__ = ["server", "share", "transport"]
CLASS = FileInformationClass.FileIdFullDirectoryInformation
A_MILLION = 1_000_000


def page(names: list[str]) -> QueryDirectoryResponse:
    return QueryDirectoryResponse(
        encode_chain([encode_entry(CLASS, DirectoryEntry(name)) for name in names], 8)
    )


async def test_a_folder_without_end(
    share: Share, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LONGEST_LISTING", 64 << 10)
    pages = 0

    def more(request: Received) -> QueryDirectoryResponse:
        nonlocal pages
        pages += 1
        assert pages < 100, "the client takes any number of entries"
        return page([f"file {pages} {number}" for number in range(20)])

    server.handlers[Command.QUERY_DIRECTORY] = more
    with pytest.raises(RemoteProtocolError, match="lists more than 0 MiB"):
        await share.listdir()
    assert server.commands()[-1] == "CLOSE"


async def test_pages_with_nothing_on_them(share: Share, server: FakeServer) -> None:
    server.handlers[Command.QUERY_DIRECTORY] = lambda request: page([])
    with pytest.raises(RemoteProtocolError, match="lists on, and nothing new"):
        await share.listdir("folder")


def test_a_million_files_are_not_too_many() -> None:
    one = len(encode_entry(CLASS, DirectoryEntry("a name of usual length, or more.txt")))
    assert A_MILLION * (one + listing._ENTRY_MEMORY) < LONGEST_LISTING
