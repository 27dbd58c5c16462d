from typing import Any

import pytest

from smbquic.client.buffered_file import BufferedFile
from smbquic.client.file import File
from smbquic.client.share import Share
from smbquic.client.text_file import TextFile
from tests.unit.client.fakes import FakeServer


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({}, BufferedFile),
        ({"mode": "r"}, TextFile),
        ({"mode": "w+t", "buffering": 1}, TextFile),
        ({"mode": "rb", "buffering": 512}, BufferedFile),
        ({"mode": "wb", "buffering": 0}, File),
    ],
)
async def test_kinds_of_files(share: Share, arguments: dict[str, Any], kind: type) -> None:
    async with share.open("x", **arguments) as file:
        assert type(file) is kind


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "r", "buffering": 0},
        {"mode": "rb", "buffering": 1},
        {"mode": "rb", "encoding": "utf-8"},
        {"mode": "rb", "errors": "strict"},
        {"mode": "rb", "newline": ""},
        {"mode": "r", "newline": "x"},
        {"mode": "rw"},
    ],
)
async def test_what_cannot_be_is_not_even_asked_for(
    share: Share, server: FakeServer, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"use|for text"):
        share.open("x", **arguments)
    assert server.seen == []
