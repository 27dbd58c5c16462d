"""FLUSH, and WRITE with write-through."""

import threading

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.overload import disk_monitor
from smbquic.overload.disk_monitor import QUICK_FLUSHES
from smbquic.storage.local.file import LocalFile
from smbquic.wire.create import CreateOptions
from smbquic.wire.flush import FlushRequest
from smbquic.wire.read import ReadRequest
from smbquic.wire.write import WriteFlags, WriteRequest
from tests.unit.server.smb_client import Client, Connect, ServerWith


class HeldFlush:
    """Holds up `LocalFile.flush` until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.flushed = 0
        real = LocalFile.flush

        def flush(file: LocalFile) -> None:
            assert self.open.wait(60)
            real(file)
            self.flushed += 1

        monkeypatch.setattr(LocalFile, "flush", flush)


async def test_others_go_on_while_a_file_is_flushed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = HeldFlush(monkeypatch)
    file_id = await client.open("x")
    flush = client.send(FlushRequest(file_id))
    assert (await client.call(ReadRequest(1, 0, file_id))).status == NtStatus.END_OF_FILE
    gate.open.set()
    assert (await client.answer(flush)).status == NtStatus.SUCCESS
    assert client.pending == {}
    assert gate.flushed == 1


async def test_a_slow_flush_is_announced(
    connect: Connect, server_with: ServerWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = HeldFlush(monkeypatch)
    client = await connect(to=server_with(Limits(interim_delay=0.0)))
    flush = client.send(FlushRequest(await client.open("x")))
    (interim,) = await client.fetch()
    assert interim.pending
    gate.open.set()
    assert (await client.answer(flush)).status == NtStatus.SUCCESS


async def test_a_flush_that_fails_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def flush(file: LocalFile) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(LocalFile, "flush", flush)
    response = await client.call(FlushRequest(await client.open("x")))
    assert response.status == NtStatus.DISK_FULL


async def test_a_disk_that_flushes_quickly_is_not_left_to_threads(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(LocalFile, "flush", lambda _: threads.append(threading.get_ident()))
    monkeypatch.setattr(disk_monitor, "QUICK_FLUSH", 60.0)
    monkeypatch.setattr(disk_monitor, "QUICK_ON_THREAD", 60.0)
    file_id = await client.open("x")
    for _ in range(QUICK_FLUSHES + 1):
        assert (await client.call(FlushRequest(file_id))).status == NtStatus.SUCCESS
    assert threading.get_ident() not in threads[:QUICK_FLUSHES]
    assert threads[QUICK_FLUSHES:] == [threading.get_ident()]

    def fail(file: LocalFile) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(LocalFile, "flush", fail)
    assert (await client.call(FlushRequest(file_id))).status == NtStatus.DISK_FULL


@pytest.mark.parametrize("by_open", [False, True])
async def test_write_through_is_flushed(
    client: Client, monkeypatch: pytest.MonkeyPatch, by_open: bool
) -> None:
    gate = HeldFlush(monkeypatch)
    gate.open.set()
    options = CreateOptions.FILE_WRITE_THROUGH if by_open else CreateOptions(0)
    file_id = await client.open("x", create_options=options)
    flags = 0 if by_open else WriteFlags.WRITE_THROUGH
    response = await client.call(WriteRequest(0, file_id, b"x", flags=flags))
    assert response.body.count == 1
    assert gate.flushed == 1
