"""Guessing at a running server, and the user who is not kept out by it."""

from collections.abc import AsyncIterator

import pytest

import smbquic
from smbquic.errors import AuthenticationError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.pki import PkiDirectory

BORNE = 3


@pytest.fixture(params=["quic", "tcp"])
async def url(
    request: pytest.FixtureRequest, pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    async with smbquic.serve(
        {"data": tmp_path_factory.mktemp("share")},
        {"alice": "secret", "bob": "secret"},
        [f"{request.param}://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        limits=Limits(failed_logon_delay=0.0, failed_logons=BORNE),
    ) as serving:
        scheme = "smb" if request.param == "tcp" else "smb+quic"
        yield f"{scheme}://{{}}@127.0.0.1:{serving.listeners[0].rpartition(':')[2]}/data"


async def logon(url: str, pki: PkiDirectory, user: str, password: str) -> None:
    async with smbquic.connect(url.format(user), password=password, ca=pki.ca):
        pass


async def refused(url: str, pki: PkiDirectory, user: str, password: str) -> NtStatus:
    with pytest.raises(AuthenticationError) as caught:
        await logon(url, pki, user, password)
    return caught.value.status


async def test_after_too_many_guesses_the_right_password_helps_no_more(
    url: str, pki: PkiDirectory
) -> None:
    for number in range(BORNE):
        assert await refused(url, pki, "alice", f"guess {number}") is NtStatus.LOGON_FAILURE

    assert await refused(url, pki, "alice", "secret") is NtStatus.ACCOUNT_LOCKED_OUT
    assert await refused(url, pki, "alice", "guess") is NtStatus.ACCOUNT_LOCKED_OUT
    await logon(url, pki, "bob", "secret")


async def test_a_name_that_does_not_exist_is_locked_alike(url: str, pki: PkiDirectory) -> None:
    for number in range(BORNE):
        assert await refused(url, pki, "nobody", f"guess {number}") is NtStatus.LOGON_FAILURE

    assert await refused(url, pki, "nobody", "guess") is NtStatus.ACCOUNT_LOCKED_OUT


async def test_a_user_who_has_been_here_may_err_again(url: str, pki: PkiDirectory) -> None:
    await logon(url, pki, "alice", "secret")
    for _ in range(2):
        for number in range(BORNE - 1):
            assert await refused(url, pki, "alice", f"typo {number}") is NtStatus.LOGON_FAILURE
        await logon(url, pki, "alice", "secret")
