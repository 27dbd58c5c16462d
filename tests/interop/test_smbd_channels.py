"""A session of our client over several connections to Debian's smbd."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import smbquic
from smbquic import EncryptionPolicy, LockedError, Share
from smbquic.client import channel_binder
from smbquic.client.connection import ClientConnection
from tests.interop.processes import PASSWORD, Smbd, needs_smbd, running_smbd

pytestmark = needs_smbd

CONTENT = random.Random(3).randbytes(8 << 20)
PIECE = 256 << 10


@pytest.fixture(scope="module")
def shared_smbd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smbd]:
    with running_smbd(tmp_path_factory.mktemp("smbd"), multi_channel=True) as smbd:
        yield smbd


@pytest.fixture(params=["allowed", "required"])
async def share(
    request: pytest.FixtureRequest, smbd: Smbd, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Share]:
    """The share over three connections, whose messages are signed or encrypted."""
    monkeypatch.setattr(channel_binder, "FIRST_DELAY", 0.01)
    policy = EncryptionPolicy(request.param)
    url = smbd.url()
    async with smbquic.connect(url, password=PASSWORD, encryption=policy, channels=3) as share:
        await complete(share)
        yield share


def connections(share: Share) -> list[ClientConnection]:
    return share.session.channels.connections


async def complete(share: Share) -> None:
    await share.session.channels.settled.wait()
    while len(connections(share)) < 3:
        await share.exists("nothing")  # one is made again when it is wanted
        await asyncio.sleep(0.01)


async def test_content_goes_by_all_of_them(share: Share, smbd: Smbd) -> None:
    (smbd.share / "file").write_bytes(CONTENT)
    before = [each.transport.flow().received for each in connections(share)]
    assert await share.read_bytes("file") == CONTENT
    for each, received in zip(connections(share), before, strict=True):
        assert each.transport.flow().received > received + PIECE


@pytest.mark.parametrize("lost", [0, 1])
async def test_files_stay_open_when_one_is_lost(share: Share, smbd: Smbd, lost: int) -> None:
    session = share.session
    async with share.open("file", "w+b", buffering=0) as file, file.lock(0, len(CONTENT)):
        opened, written = file.file_id, 0

        async def write(offset: int) -> None:
            nonlocal written
            await file.write_at(offset, CONTENT[offset : offset + PIECE])
            written += 1
            if written == 8:
                connections(share)[lost].transport.drop("lost by the test")

        async with asyncio.TaskGroup() as tasks:
            for offset in range(0, len(CONTENT), PIECE):
                tasks.create_task(write(offset))
        assert file.file_id == opened
        async with share.open("file", "r+b", buffering=0) as other:
            with pytest.raises(LockedError):
                await other.lock(0, 1, blocking=False)
    assert share.session is session
    assert session.state.channel_sequence == 1
    assert (smbd.share / "file").read_bytes() == CONTENT
    await complete(share)


async def test_copies_go_on(share: Share, smbd: Smbd, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(CONTENT)

    def drop_one(done: int, total: int) -> None:
        if done >= total // 2 and len(connections(share)) == 3:
            connections(share)[1].transport.drop("lost by the test")

    await share.put(tmp_path / "source", "copy", progress=drop_one)
    await complete(share)
    await share.get("copy", tmp_path / "back", progress=drop_one)
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert await share.listdir() == ["copy"]
