import io
import os
import random

import pytest

from smbquic.client import text_file as module
from smbquic.client.share import Share
from smbquic.client.text_file import TextCoding
from tests.unit.client.fakes import FakeServer
from tests.unit.client.test_buffered_file import StoredFile

ALPHABETS = {
    "utf-8": "ab\r\n\r\né日",
    "utf-16": "ab\r\n\r\né日",
    "utf-8-sig": "ab\r\n\r\né日",
    "utf-7": "ab\r\n\r\né日",
    "latin-1": "ab\r\n\r\né",
    "shift_jis": "ab\r\n\r\n日",
}


@pytest.mark.parametrize("newline", [None, "", "\n", "\r", "\r\n"])
@pytest.mark.parametrize("encoding", ALPHABETS)
@pytest.mark.parametrize("chunk", [1, 2, 3, 8192])
async def test_text_is_read_as_by_the_standard_library(
    share: Share,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    newline: str | None,
    encoding: str,
    chunk: int,
) -> None:
    monkeypatch.setattr(module, "TEXT_CHUNK", chunk)
    pick = random.Random(1)
    text = "".join(pick.choices(ALPHABETS[encoding], k=200))
    content = text.encode(encoding)
    StoredFile(server, content)

    def reading() -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline=newline)

    reference, done = reading(), 0
    async with share.open("x", "r", encoding=encoding, newline=newline) as file:
        while True:
            if pick.random() < 0.5:
                size = pick.randrange(1, 6)
                expected, found = reference.read(size), await file.read(size)
            else:
                size = pick.choice((-1, 2))
                expected, found = reference.readline(size), await file.readline(size)
            assert found == expected
            if not expected:
                break
            done += len(expected)
            # A position comes back to the same. The standard library is not asked for its own: for
            # UTF-16 CPython 3.11 reads memory behind its buffer then, and may fail on it.
            position, again = file.tell(), reading()
            again.read(done)
            assert await file.read(7) == again.read(7)
            await file.seek(position)
        await file.seek(0)
        assert await file.read(3) + await file.read() == reading().read()
        await file.seek(0)
        reference.seek(0)
        assert [line async for line in file] == list(reference)


@pytest.mark.parametrize("newline", [None, "", "\n", "\r", "\r\n"])
@pytest.mark.parametrize("encoding", ALPHABETS)
async def test_text_is_written_as_by_the_standard_library(
    share: Share, server: FakeServer, newline: str | None, encoding: str
) -> None:
    stored = StoredFile(server, b"")
    written = io.BytesIO()
    reference = io.TextIOWrapper(written, encoding=encoding, newline=newline)
    async with share.open("x", "w", encoding=encoding, newline=newline) as file:
        for text in ("ab\n", "日é"[encoding == "latin-1" :][:1], "\r\n", ""):
            assert await file.write(text) == len(text)
            reference.write(text)
    reference.flush()
    assert stored.content == written.getvalue()
    async with share.open("x", "a", encoding=encoding, newline=newline) as file:
        await file.write("end\n")
    reference.write("end\n")
    reference.flush()
    if encoding != "utf-7":  # whose shift sequences an append begins anew
        assert stored.content == written.getvalue()


async def test_positions_are_offsets_where_they_can_be(share: Share, server: FakeServer) -> None:
    StoredFile(server, "é\nab\n".encode())
    async with share.open("x", "r") as file:
        assert file.tell() == 0
        assert await file.readline() == "é\n"
        assert file.tell() == 3
        assert await file.read(1) == "a"
        assert file.tell() == 4
        assert await file.seek(0, os.SEEK_CUR) == 4
        assert await file.seek(0, os.SEEK_END) == 6
        assert await file.read() == ""
        with pytest.raises(io.UnsupportedOperation):
            await file.seek(1, os.SEEK_CUR)
        with pytest.raises(ValueError, match="whence"):
            await file.seek(0, 3)
        with pytest.raises(ValueError, match="before the start"):
            await file.seek(-1)


async def test_text_is_written_where_it_was_read_to(share: Share, server: FakeServer) -> None:
    stored = StoredFile(server, "éa\nbc\n".encode())
    async with share.open("x", "r+") as file:
        assert await file.readline() == "éa\n"
        await file.write("BC")
        assert await file.read() == "\n"
        await file.seek(0)
        assert await file.read(1) == "é"
        assert await file.truncate() == 2
    assert stored.content == "é".encode()


async def test_lines_are_sent_at_once_if_so_wished(share: Share, server: FakeServer) -> None:
    stored = StoredFile(server, b"")
    async with share.open("x", "w", 1) as file:
        await file.write("a")
        assert stored.content == b""
        await file.write("b\nc")
        assert stored.content == b"ab\nc"
        await file.write("d")
        await file.flush()
        assert stored.content == b"ab\ncd"


async def test_bytes_that_are_no_text(share: Share, server: FakeServer) -> None:
    StoredFile(server, b"a\xff")
    async with share.open("x", "r") as file:
        assert (file.path, file.encoding, file.errors) == ("x", "utf-8", "strict")
        assert file.buffer.readable()
        with pytest.raises(UnicodeDecodeError):
            await file.read()
    assert file.closed
    async with share.open("x", "r", errors="replace") as file:
        assert await file.read() == "a\ufffd"
    async with share.open("x", "w", encoding="ascii") as file:
        with pytest.raises(UnicodeEncodeError):
            await file.write("é")


def test_codings_that_are_none() -> None:
    assert TextCoding.checked(None, None, None) == ("utf-8", "strict", None)
    with pytest.raises(LookupError):
        TextCoding.checked("nonsense", None, None)
    with pytest.raises(LookupError):
        TextCoding.checked(None, "nonsense", None)
    with pytest.raises(ValueError, match="newline"):
        TextCoding.checked(None, None, "x")
