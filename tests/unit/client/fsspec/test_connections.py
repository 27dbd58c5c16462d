"""The connections of a file system, with shares that are no shares."""

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from smbquic.client.fsspec import connections
from smbquic.client.fsspec.connections import ShareConnections
from smbquic.client.share import Share
from smbquic.client.url import SmbUrl
from smbquic.errors import ConnectError
from smbquic.options.client import SessionOptions

URL = SmbUrl("quic", "fs.example", 443, user="alice")


class EndlessShare:
    """A share that never has the whole of a file."""

    async def put_stream(self, chunks: AsyncIterator[bytes], path: str) -> int:
        async for _ in chunks:
            pass
        return 0


class Network:
    """Notes what is connected to."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.all_closed = asyncio.Event()
        self.may_connect = asyncio.Event()
        self.may_connect.set()
        self.error: Exception | None = None

    @asynccontextmanager
    async def connect(
        self, url: SmbUrl, *, password: str, **options: object
    ) -> AsyncIterator[Share]:
        assert password == "secret"
        await self.may_connect.wait()
        if self.error is not None:
            raise self.error
        self.opened.append(url.share)
        yield cast(Share, EndlessShare())
        self.closed.append(url.share)
        if len(self.closed) == len(self.opened):
            self.all_closed.set()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network()
    monkeypatch.setattr(connections, "connect", network.connect)
    return network


@pytest.fixture
def shares(network: Network) -> ShareConnections:
    return ShareConnections(URL, SessionOptions(password="secret"))


async def test_one_connection_for_each_share(network: Network, shares: ShareConnections) -> None:
    first, second = await asyncio.gather(shares.share("data"), shares.share("DATA"))
    assert first is second
    assert await shares.share("data") is first
    assert await shares.share("other") is not first
    assert sorted(network.opened) == ["data", "other"]
    await shares.close()
    assert sorted(network.closed) == ["data", "other"]
    assert await shares.share("data") is not first
    await shares.close()


async def test_a_failure_is_not_kept(network: Network, shares: ShareConnections) -> None:
    network.error = ConnectError("no way")
    with pytest.raises(ConnectError):
        await shares.share("data")
    network.error = None
    await shares.share("data")
    await shares.close()


async def test_one_who_is_cancelled_does_not_stop_the_others(
    network: Network, shares: ShareConnections
) -> None:
    network.may_connect.clear()
    impatient, patient = (asyncio.create_task(shares.share("data")) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    network.may_connect.set()
    assert await patient is await shares.share("data")
    await shares.close()


async def test_closing_while_it_connects(network: Network, shares: ShareConnections) -> None:
    network.may_connect.clear()
    waiting = asyncio.create_task(shares.share("data"))
    await asyncio.sleep(0)
    await shares.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert network.opened == []


def test_each_event_loop_has_its_own(network: Network, shares: ShareConnections) -> None:
    for _ in range(2):
        asyncio.run(_use_and_close(shares))
    assert network.opened == network.closed == ["data", "data"]
    asyncio.run(_use(shares))  # it is gone with its loop
    asyncio.run(_use_and_close(shares))
    assert network.opened == ["data"] * 4


async def _use(shares: ShareConnections) -> None:
    await shares.share("data")


async def _use_and_close(shares: ShareConnections) -> None:
    await shares.share("data")
    await shares.close()


async def test_closed_by_the_garbage_collector(network: Network, shares: ShareConnections) -> None:
    class Owner:
        pass

    owner = Owner()
    weakref.finalize(owner, shares.finalize)
    await shares.share("data")
    del owner
    gc.collect()
    await network.all_closed.wait()


async def test_closed_on_another_thread(network: Network, shares: ShareConnections) -> None:
    await shares.share("data")
    await asyncio.to_thread(shares.finalize)
    assert network.closed == ["data"]


async def test_not_closed_by_a_process_that_was_forked(
    network: Network, shares: ShareConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shares.share("data")
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: 1)
        shares.finalize()
    assert network.closed == []
    await shares.close()


async def test_files_that_are_not_whole_are_given_up(
    network: Network, shares: ShareConnections
) -> None:
    upload = await shares.start_upload("data", "file")
    await upload.send(b"one")
    await shares.close()
    assert upload.task.cancelled()
    assert network.closed == ["data"]


async def test_a_loop_that_is_busy_is_not_waited_for_long(
    network: Network, shares: ShareConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_TIMEOUT", 0.01)
    await shares.share("data")
    thread = threading.Thread(target=shares.finalize)
    thread.start()
    thread.join()  # the loop does nothing meanwhile
    await asyncio.sleep(0)
    await shares.close()
