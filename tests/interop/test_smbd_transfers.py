"""Copies of trees, resumed transfers and holes, with Debian's smbd at the other end."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smbquic
from smbquic.storage.partial import is_unfinished
from smbquic.wire.fscc.attributes import FileAttributes
from tests.interop.processes import PASSWORD, Smbd, directly_and_through_a_gateway, needs_smbd

pytestmark = [*needs_smbd, directly_and_through_a_gateway]

SIZE = 40 << 20


@pytest.fixture
async def share(smbd: Smbd) -> AsyncIterator[smbquic.Share]:
    async with smbquic.connect(smbd.url(), password=PASSWORD, ca=smbd.ca) as share:
        yield share


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns // 100)
        for path in folder.rglob("*")
        if path.is_file()
    }


async def test_a_tree_up_and_down_and_across(
    smbd: Smbd, share: smbquic.Share, tmp_path: Path
) -> None:
    chance = random.Random(1)
    source, back = tmp_path / "source", tmp_path / "back"
    for number in range(60):
        path = source / f"{number % 7}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice([0, 9, 9_000, 90_000])))
    for one, other, here, there, goes in (
        (smbquic.LocalTree(source), share.folder("up"), source, smbd.share / "up", "4/file 4"),
        (share.folder("up"), smbquic.LocalTree(back), smbd.share / "up", back, "5/file 5"),
        (share.folder("up"), share.folder("b"), smbd.share / "up", smbd.share / "b", "6/file 6"),
    ):
        count = len(files(here))
        first = await smbquic.sync_tree(one, other)
        assert (first.files, first.failures) == (count, [])
        assert files(there) == files(here)
        path = here / "3" / "file 3"
        path.write_bytes(b"changed")
        (here / goes).unlink()
        (there / "extra").write_bytes(b"x")
        second = await smbquic.sync_tree(one, other)
        assert (second.files, second.deleted, second.failures) == (1, 2, [])
        assert files(there) == files(here)
        third = await smbquic.sync_tree(one, other)
        assert (third.files, third.deleted, third.unchanged) == (0, 0, count - 1)
        assert (await smbquic.check_tree(one, other)).equal
    attributes = {entry.attributes async for entry in share.scandir("up/1")}
    assert attributes == {FileAttributes.ARCHIVE}


@pytest.mark.parametrize("op", ["get", "put"])
async def test_an_interrupted_transfer_is_resumed(
    smbd: Smbd, share: smbquic.Share, tmp_path: Path, op: str
) -> None:
    content = random.Random(2).randbytes(SIZE)
    source, target = (smbd.share, tmp_path) if op == "get" else (tmp_path, smbd.share)
    (source / "large").write_bytes(content)
    options = smbquic.TransferOptions(resume=True)
    half, seen = asyncio.Event(), list[int]()

    async def transfer() -> None:
        def progress(done: int, total: int) -> None:
            seen.append(done)
            if done > 30 << 20:
                half.set()

        if op == "get":
            await share.get("large", tmp_path / "x", options=options, progress=progress)
        else:
            await share.put(tmp_path / "large", "x", options=options, progress=progress)

    task = asyncio.create_task(transfer())
    await half.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    if not (target / "x").exists():
        assert [path.name for path in target.iterdir() if is_unfinished(path.name)]
        seen.clear()
        await transfer()
        assert seen[0] > 8 << 20
    assert (target / "x").read_bytes() == content
    assert not [path.name for path in target.iterdir() if is_unfinished(path.name)]


async def test_holes_are_kept(smbd: Smbd, share: smbquic.Share, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    with source.open("wb") as file:
        file.seek(20 << 20)
        file.write(b"middle" * 10_000)
        file.truncate(SIZE)
    await share.put(source, "x")
    assert (smbd.share / "x").read_bytes() == source.read_bytes()
    assert (smbd.share / "x").stat().st_blocks * 512 < SIZE // 2
    assert not (await share.stat("x")).attributes & FileAttributes.HIDDEN
    # Samba says what is data only of files that it has marked as sparse.
    await share.copy("x", "y")
    await share.get("y", back)
    assert (smbd.share / "y").read_bytes() == back.read_bytes() == source.read_bytes()
