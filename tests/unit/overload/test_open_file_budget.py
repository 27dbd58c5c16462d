"""The budget of descriptors for open files."""

import resource
import sys

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.overload import open_file_budget as module
from smbquic.overload.open_file_budget import (
    MOST,
    PER_OPEN,
    RESERVED,
    OpenFileBudget,
    descriptor_limit,
)


def test_it_is_shared_out() -> None:
    budget = OpenFileBudget(RESERVED + 400)
    assert (budget.connections, budget.total, budget.of_user) == (100, 100, 50)
    assert budget.connections + budget.total * PER_OPEN + RESERVED == RESERVED + 400


def test_descriptors_without_a_limit_are_no_memory_without_one() -> None:
    budget = OpenFileBudget(sys.maxsize)
    assert (budget.total, budget.of_user) == (MOST, MOST // 2)


@pytest.mark.parametrize("descriptors", [0, RESERVED, RESERVED + 3])
def test_however_little_there_is_one_file_may_be_open(descriptors: int) -> None:
    budget = OpenFileBudget(descriptors)
    budget.acquire("alice")
    with pytest.raises(StatusError):
        budget.acquire("bob")


def test_one_user_has_half_and_gets_back_what_is_closed() -> None:
    budget = OpenFileBudget(RESERVED + 400)
    releases = [budget.acquire("alice") for _ in range(budget.of_user)]
    with pytest.raises(StatusError) as caught:
        budget.acquire("alice")
    assert caught.value.status is NtStatus.TOO_MANY_OPENED_FILES
    budget.acquire("bob")
    releases.pop()()
    budget.acquire("alice")
    assert budget.used == budget.of_user + 1


def test_all_together_have_no_more_than_there_is() -> None:
    budget = OpenFileBudget(RESERVED + 400)
    for number in range(budget.total):
        budget.acquire(f"user {number}")
    with pytest.raises(StatusError):
        budget.acquire("one more")


def test_the_limit_is_the_soft_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert descriptor_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)
    assert descriptor_limit() == sys.maxsize
    monkeypatch.setattr(sys, "platform", "win32")
    assert descriptor_limit() == 1 << 20


@pytest.mark.parametrize(("descriptors", "sockets"), [(1024, 480), (10, 1), (1 << 20, 524_256)])
def test_half_of_the_descriptors_are_for_sockets(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, sockets: int
) -> None:
    monkeypatch.setattr(module, "descriptor_limit", lambda: descriptors)
    assert module.sockets_limit() == sockets
