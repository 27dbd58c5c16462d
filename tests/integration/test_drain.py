"""A server that is asked to stop lets clients finish what they are at."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import smbquic
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.drain import STOPPING
from smbquic.pki import PkiDirectory
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server
from tests.urls import share_url

SIZE = 200 << 20


@asynccontextmanager
async def serving(pki: PkiDirectory, folder: Path, kind: str) -> AsyncIterator[smbquic.Serving]:
    async with smbquic.serve(
        {"data": folder},
        {USER: PASSWORD},
        [f"{kind}://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as server:
        yield server


def url_of(server: smbquic.Serving) -> str:
    kind, _, place = server.listeners[0].partition(":")
    return share_url(kind, place.rpartition(":")[2], user=USER)


@pytest.mark.parametrize("kind", ["tcp", "quic"])
async def test_clients_finish_and_nobody_new_comes(
    pki: PkiDirectory, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(pki, tmp_path, kind) as server:
        url, ca = url_of(server), pki.ca if kind == "quic" else None
        async with smbquic.connect(url, password=PASSWORD, ca=ca, reconnect_timeout=0) as share:
            async with share.open("file", "wb", buffering=0) as file:
                draining = asyncio.create_task(server.drain(600, asyncio.Event()))
                await file.write(b"one")
                assert server.status()["draining"]
                if kind == "tcp":
                    with pytest.raises(StatusError) as caught:
                        async with smbquic.connect(url, password=PASSWORD, timeout=0.2):
                            pass
                    assert caught.value.status == NtStatus.REQUEST_NOT_ACCEPTED
                await file.write(b"two")
            await asyncio.wait_for(draining, 60)
            with pytest.raises(smbquic.ConnectionClosed) as ended:
                await share.stat("file")
            assert kind == "tcp" or STOPPING in str(ended.value)
        assert server.status()["connections"] == 0
    assert (tmp_path / "file").read_bytes() == b"onetwo"
    assert "cut off" not in caplog.text


@pytest.mark.parametrize("hurry", [True, False])
async def test_who_is_not_done_is_cut_off_at_the_end(
    pki: PkiDirectory, tmp_path: Path, hurry: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """When the time is up, or when somebody asks for the end a second time."""
    wrote = asyncio.Event()

    async def write(share: smbquic.Share) -> None:
        async with share.open("file", "wb", buffering=0) as file:
            while True:
                await file.write(b"x")
                wrote.set()

    async with serving(pki, tmp_path, "quic") as server:
        connected = smbquic.connect(
            url_of(server), password=PASSWORD, ca=pki.ca, reconnect_timeout=0
        )
        async with connected as share:
            writing = asyncio.create_task(write(share))
            await wrote.wait()
            second = asyncio.Event()
            draining = asyncio.create_task(server.drain(600 if hurry else 0.2, second))
            if hurry:
                second.set()
            await asyncio.wait_for(draining, 60)
            assert server.status()["connections"] == 1
            closing = asyncio.create_task(server.server.close())
            with pytest.raises(smbquic.ConnectionClosed, match=STOPPING):
                await asyncio.wait_for(writing, 60)
            await closing
    assert "1 connections are closed before" in caplog.text


async def put(server: ServerProcess, source: Path) -> None:
    """Ask the server to stop in the middle of an upload."""
    asked = False

    def begun(done: int, total: int) -> None:
        nonlocal asked
        if done and not asked:
            asked = True
            os.kill(server.pid, signal.SIGTERM)

    url = f"smb+quic://{USER}@localhost:{server.ports['quic']}/data"
    async with smbquic.connect(
        url, password=PASSWORD, ca=server.pki.ca, reconnect_timeout=0
    ) as share:
        await share.put(source, "target", progress=begun)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file that takes a while."""
    path = tmp_path / "source"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def test_an_upload_is_finished(pki: PkiDirectory, tmp_path: Path, source: Path) -> None:
    with running_server(tmp_path, pki) as server:
        asyncio.run(put(server, source))
        assert (server.share / "target").stat().st_size == SIZE


def test_no_time_is_given_where_none_is_wanted(
    pki: PkiDirectory, tmp_path: Path, source: Path
) -> None:
    with (
        running_server(tmp_path, pki, "--drain-seconds", "0") as server,
        pytest.raises(smbquic.ConnectionClosed, match=STOPPING),
    ):
        asyncio.run(put(server, source))
