"""A user opens files until the server has no descriptor left for anybody else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import smbquic
from smbquic.api.serving import Serving
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload.open_file_budget import PER_OPEN
from smbquic.server.opens import file_table

DESCRIPTORS = 400


@pytest.fixture
async def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    """A server that takes itself for a process with few descriptors."""
    monkeypatch.setattr(file_table, "descriptor_limit", lambda: DESCRIPTORS)
    users = {"alice": "a secret", "mallory": "another"}
    async with smbquic.serve({"data": tmp_path}, users, ["tcp://127.0.0.1:0"]) as serving:
        yield serving


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def open_all(stack: AsyncExitStack, share: smbquic.Share, name: str) -> int:
    """Opens files until the server refuses; how many it let us have."""
    for number in range(DESCRIPTORS):
        try:
            await stack.enter_async_context(share.open(f"{name} {number}", "wb"))
        except StatusError as error:
            if error.status is NtStatus.TOO_MANY_OPENED_FILES:
                return number
            raise
    raise AssertionError("nothing was refused")


async def test_a_user_takes_half_of_what_there_is_however_many_connections(
    serving: Serving,
) -> None:
    url = serving.listeners[0].replace("tcp://", "smb://{}@") + "/data"
    budget = serving.server.files.budget
    before = descriptors()
    async with AsyncExitStack() as stack:
        opened = 0
        for number in range(3):
            share = await stack.enter_async_context(
                smbquic.connect(url.format("mallory"), password="another")
            )
            opened += await open_all(stack, share, f"mallory {number}")
        assert opened == budget.of_user
        assert descriptors() - before <= DESCRIPTORS // 2
        assert PER_OPEN * budget.total + budget.connections < DESCRIPTORS

        # Somebody else still connects, and opens as many.
        share = await stack.enter_async_context(
            smbquic.connect(url.format("alice"), password="a secret")
        )
        assert len(await share.listdir("")) == opened
        assert await open_all(stack, share, "alice") == budget.total - budget.of_user
    assert budget.used == 0
