"""What the refusals of a storage say."""

import errno
import os

import pytest

from smbquic.storage.errors import (
    NameInvalid,
    NotReady,
    PathNotFound,
    RootGone,
    StoppedOnSymlink,
)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PathNotFound("a\\b"), errno.ENOENT, "no such folder on the way"),
        (StoppedOnSymlink("a\\b", "x", "\\b"), errno.ENOENT, "no such folder on the way"),
        (RootGone("a\\b"), errno.ESTALE, "the folder of the share was deleted"),
        (NameInvalid("too long", "a\\b"), errno.EINVAL, "too long"),
    ],
)
def test_an_error_says_what_is_wrong_with_which_name(error: OSError, code: int, said: str) -> None:
    assert (error.errno, error.strerror, error.filename) == (code, said, "a\\b")


def test_a_link_says_where_to_go_on() -> None:
    error = StoppedOnSymlink("a\\b", "x", "\\b")

    assert (error.target, error.rest) == ("x", "\\b")


def test_what_is_not_ready_says_so_and_what_to_do() -> None:
    error = NotReady(os.sync)

    assert str(error) == "this has to be prepared first"
    assert error.prepare is os.sync
