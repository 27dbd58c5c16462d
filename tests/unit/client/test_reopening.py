"""A file that is opened by its name once more has to be the same file."""

from types import SimpleNamespace
from typing import cast

import pytest

from smbquic.client import requests
from smbquic.client.reconnect import ShareTree
from smbquic.client.reopening import Reopening
from smbquic.client.session import Session
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import ConnectionClosed, DeniedError, SourceChangedError, StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateRequest, CreateResponse
from smbquic.wire.create_contexts import QueryOnDiskIdResponse
from tests.unit.client.fakes import opened

LOST = ConnectionClosed("the network is down")


def response(disk_file_id: int | None, *, created: int = 5) -> CreateResponse:
    answer = opened()
    answer.creation_time = created
    if disk_file_id is not None:
        answer.contexts.append(QueryOnDiskIdResponse(disk_file_id, 1).context())
    return answer


class Tree:
    """Answers a CREATE."""

    def __init__(self, answer: CreateResponse | StatusError) -> None:
        self.answer = answer
        self.seen: list[CreateRequest] = []

    async def request(self, body: CreateRequest, path: str) -> SimpleNamespace:
        self.seen.append(body)
        if isinstance(self.answer, StatusError):
            raise self.answer
        return SimpleNamespace(body=self.answer)


class Renewed(ShareTree):
    """Has a newer tree connect already."""

    def __init__(self, session: Session, tree: TreeConnect) -> None:
        super().__init__(session, tree)
        self.lost: list[TreeConnect] = []

    async def renew(self, lost: TreeConnect, cause: ConnectionClosed) -> TreeConnect:
        assert cause is LOST
        self.lost.append(lost)
        return self.current


async def reopen(first: CreateResponse, answer: CreateResponse | StatusError) -> CreateRequest:
    """Open a file again that was opened with the response `first`; the CREATE that did."""
    lost, tree = cast(TreeConnect, object()), Tree(answer)
    share_tree = Renewed(cast(Session, object()), cast(TreeConnect, tree))
    opening = requests.create(
        "b", requests.WRITE, disposition=CreateDisposition.FILE_OVERWRITE_IF, options=64
    )
    reopening = Reopening(share_tree, "a/b", opening, first)
    newer, body = await reopening.open(lost, LOST)
    assert share_tree.lost == [lost]
    assert newer is share_tree.current
    assert body is answer
    [request] = tree.seen
    return request


async def test_what_was_made_or_truncated_is_only_opened() -> None:
    request = await reopen(response(7), response(7))
    assert request == requests.create("b", requests.WRITE, options=64)


@pytest.mark.parametrize(
    ("first", "now"),
    [
        (response(7), response(8)),
        (response(7), response(7, created=6)),
        (response(7), response(None)),
        (response(None), response(None, created=6)),
    ],
    ids=["another number", "the same number once more", "no number", "without numbers"],
)
async def test_another_file(first: CreateResponse, now: CreateResponse) -> None:
    with pytest.raises(SourceChangedError, match="a/b: the connection was lost, and meanwhile"):
        await reopen(first, now)


async def test_a_server_that_gives_no_numbers() -> None:
    await reopen(response(None), response(None))


async def test_a_file_that_is_gone() -> None:
    missing = StatusError.of(NtStatus.OBJECT_NAME_NOT_FOUND, "CREATE", "a/b")
    with pytest.raises(ConnectionClosed, match="the network is down, and a/b is no longer there"):
        await reopen(response(7), missing)


async def test_what_else_the_server_says() -> None:
    with pytest.raises(DeniedError):
        await reopen(response(7), StatusError.of(NtStatus.ACCESS_DENIED, "CREATE", "a/b"))
