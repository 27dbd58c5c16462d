"""Sessions that expire while the client works. [MS-SMB2] 3.2.5.1.6, 3.3.5.2.9"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import smbquic
from smbquic.auth.users import UserStore
from smbquic.options.limits import Limits
from smbquic.protocol.settings import EncryptionPolicy


@pytest.fixture
def users() -> UserStore:
    store = UserStore()
    store.add("alice", "secret")
    return store


@pytest.fixture(params=list(EncryptionPolicy))
async def serving(
    tmp_path: Path, users: UserStore, request: pytest.FixtureRequest
) -> AsyncIterator[smbquic.Serving]:
    async with smbquic.serve(
        {"data": tmp_path},
        users,
        ["tcp://localhost:0"],
        encryption=request.param,
        limits=Limits(failed_logon_delay=0.0),
    ) as serving:
        yield serving


@pytest.fixture
async def share(serving: smbquic.Serving) -> AsyncIterator[smbquic.Share]:
    [listener] = serving.listeners
    url = f"smb://alice@localhost:{listener.rpartition(':')[2]}/data"
    async with smbquic.connect(url, password="secret") as share:
        yield share


def expire(serving: smbquic.Serving) -> int:
    """Has the one session expire; its id."""
    [session] = serving.server.sessions.values()
    session.session.expire()
    return session.session.id


async def test_the_client_logs_on_again_and_goes_on(
    serving: smbquic.Serving, share: smbquic.Share
) -> None:
    await share.write_bytes("old", b"content")
    async with share.open("old", "rb") as file:
        before = expire(serving)
        read, _, names = await asyncio.gather(
            file.read(), share.write_bytes("new", b"more"), share.listdir()
        )
        assert read == b"content"
        assert "old" in names
        assert expire(serving) == before
    assert await share.read_bytes("new") == b"more"


async def test_unless_the_server_does_not_know_it_any_more(
    serving: smbquic.Serving, share: smbquic.Share, users: UserStore
) -> None:
    expire(serving)
    users.set_password("alice", "another")
    with pytest.raises(smbquic.AuthenticationError):
        await share.listdir()
