"""Commands with several arguments, some of which fail."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path

import click
import pytest

from smbquic.cli.client import ProfileUrl
from smbquic.cli.failure import PartialFailure
from smbquic.cli.report import Arguments, Report, Shares
from smbquic.client.results import TreeResult
from smbquic.client.url import SmbUrl
from smbquic.config.profile import ClientProfile
from smbquic.errors import AuthenticationError, ConnectionClosed, NotFoundError, StatusError
from smbquic.ntstatus import NtStatus

MISSING = NotFoundError(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", "a")


class FakeClient:
    """Connects to every share but those of the host ``refuses``, and counts."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.connected: list[str] = []

    @asynccontextmanager
    async def share(self, url: SmbUrl) -> AsyncIterator[object]:
        self.connected.append(f"{url.host}/{url.share}")
        if url.host == "refuses":
            raise AuthenticationError("wrong password")
        if url.share == "none":
            raise StatusError.of(NtStatus.BAD_NETWORK_NAME)
        yield object()


def report(count: int = 1, *, as_json: bool = False) -> Report:
    return Report(FakeClient(as_json=as_json), "got", count)  # type: ignore[arg-type]


def test_the_error_of_a_single_argument_is_that_of_the_command() -> None:
    arguments = Arguments(1)
    with pytest.raises(NotFoundError), arguments.attempt("a"):
        raise MISSING
    assert arguments.failures == []


@pytest.mark.parametrize("error", [MISSING, OSError("no"), click.UsageError("no")])
def test_one_of_several_that_fails_does_not_stop_the_others(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = Arguments(2)
    with arguments.attempt("a"):
        raise error
    with arguments.attempt("b"):
        pass
    assert arguments.done == ["b"]
    assert arguments.failed()[0]["path"] == "a"
    assert capsys.readouterr().err.count("a: ") == 1
    with pytest.raises(PartialFailure, match="1 failure, the rest is done"):
        arguments.raise_failures()


def test_what_is_not_an_error_is_not_hidden() -> None:
    with pytest.raises(KeyboardInterrupt), Arguments(2).attempt("a"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("error", "code"), [(AuthenticationError("no"), 3), (ConnectionClosed("no"), 4)]
)
def test_where_nothing_could_be_begun_the_exit_code_says_why(error: Exception, code: int) -> None:
    arguments = Arguments(2)
    for name in "ab":
        with arguments.attempt(name):
            raise error
    with pytest.raises(click.exceptions.Exit) as ended:
        arguments.raise_failures()
    assert ended.value.exit_code == code


def test_where_something_was_done_it_is_a_partial_failure() -> None:
    arguments = Arguments(2)
    with arguments.attempt("a"):
        pass
    with arguments.attempt("b"):
        raise ConnectionClosed("no")
    with pytest.raises(PartialFailure):
        arguments.raise_failures()


@pytest.mark.parametrize(("count", "words"), [(1, "got 1 file, 5 B in"), (2, "got 2 files, 10 B")])
def test_the_summary_counts(count: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = report()
    for _ in range(count):
        made.add_file(5)
    made.end()
    assert capsys.readouterr().out.startswith(words)


def test_what_was_left_out_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    made = report(as_json=True)
    result = TreeResult(files=1, skipped=[("a/l", "a symbolic link")], failures=[("a", MISSING)])
    made.add(result)
    with pytest.raises(PartialFailure, match="the rest is done"):
        made.end()
    said = capsys.readouterr()
    assert "smbquic: a/l: left out, it is a symbolic link\n" in said.err
    document = json.loads(said.out)
    assert document["skipped"] == [{"path": "a/l", "reason": "a symbolic link"}]
    assert [failure["path"] for failure in document["failures"]] == ["a"]


async def test_each_share_is_connected_to_once() -> None:
    client = FakeClient()
    async with Shares(client) as shares:  # type: ignore[arg-type]
        first = await shares.connect(SmbUrl.parse("smb://u@h/s/a"))
        assert await shares.connect(SmbUrl.parse("smb://u@h/S/b")) is first
        assert await shares.connect(SmbUrl.parse("smb://u@h/t")) is not first
        assert await shares.connect(SmbUrl.parse("smb://other@h/s")) is not first
    assert client.connected == ["h/s", "h/t", "h/s"]


async def test_a_server_that_refuses_the_logon_is_not_asked_again() -> None:
    client = FakeClient()
    async with Shares(client) as shares:  # type: ignore[arg-type]
        for share in "st":
            with pytest.raises(AuthenticationError):
                await shares.connect(SmbUrl.parse(f"smb://u@refuses/{share}"))
        for _ in range(2):
            with pytest.raises(StatusError):
                await shares.connect(SmbUrl.parse("smb://u@h/none"))
        await shares.connect(SmbUrl.parse("smb://u@h/s"))
    assert client.connected == ["refuses/s", "h/none", "h/none", "h/s"]


async def test_two_profiles_of_one_server_are_connected_to_with_their_own_options() -> None:
    client = FakeClient()
    url = SmbUrl.parse("smb://h/data")
    values = {each.name: getattr(url, each.name) for each in fields(url)}
    profiles = [ClientProfile(name, Path("config.toml"), url, {}, {}) for name in ("fs", "fs2")]
    async with Shares(client) as shares:  # type: ignore[arg-type]
        for profile in (*profiles, profiles[0]):
            await shares.connect(ProfileUrl(**values, profile=profile))
    assert client.connected == ["h/data", "h/data"]
