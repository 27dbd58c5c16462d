import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from smbquic.client.fsspec.upload import FileUpload
from smbquic.client.share import Share
from smbquic.errors import ConnectionClosed


class SlowShare:
    """A share that takes the content of one file, piece by piece, when it is allowed to."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.content = b""
        self.go = asyncio.Event()
        self.whole = False
        self._fail_after = fail_after

    async def put_stream(self, chunks: AsyncIterator[bytes], path: str) -> int:
        assert path == "a/file"
        await self.go.wait()
        async for chunk in chunks:
            self.content += chunk
            if self._fail_after is not None and len(self.content) > self._fail_after:
                raise PermissionError("the disk is full")
        self.whole = True
        return len(self.content)


def upload_to(share: SlowShare) -> FileUpload:
    return FileUpload(cast(Share, share), "a/file")


async def test_pieces_in_their_order() -> None:
    share = SlowShare()
    share.go.set()
    upload = upload_to(share)
    for piece in (b"one", b"two", b"three"):
        await upload.send(piece)
    await upload.finish()
    assert (share.content, share.whole) == (b"onetwothree", True)


async def test_a_writer_waits_for_the_network() -> None:
    share = SlowShare()
    upload = upload_to(share)
    sending = asyncio.create_task(upload.send(b"one"))
    await asyncio.sleep(0)
    assert not sending.done()
    share.go.set()
    await sending
    await upload.send(b"two")
    await upload.finish()
    assert share.content == b"onetwo"


async def test_a_failure_is_raised_where_it_is_noticed() -> None:
    share = SlowShare(fail_after=3)
    share.go.set()
    upload = upload_to(share)
    with pytest.raises(PermissionError, match="disk is full"):  # noqa: PT012
        for piece in (b"one", b"two", b"three", b"four"):
            await upload.send(piece)
    with pytest.raises(PermissionError, match="disk is full"):
        await upload.finish()
    await upload.abort()


async def test_an_aborted_file_is_never_whole() -> None:
    share = SlowShare()
    share.go.set()
    upload = upload_to(share)
    await upload.send(b"one")
    await upload.abort()
    assert not share.whole
    with pytest.raises(ConnectionClosed, match="before the file was whole"):
        await upload.send(b"two")
    with pytest.raises(ConnectionClosed):
        await upload.finish()
