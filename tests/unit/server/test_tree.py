"""What a connection to a share allows, and what it stands on."""

from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.server.security import access
from smbquic.server.share import ServedShare
from smbquic.server.tree import ServerTree


def tree(*, encrypt: bool = False, read_only: bool = False) -> ServerTree:
    storage: Any = SimpleNamespace()
    return ServerTree(7, ServedShare("data", storage, encrypt=encrypt), read_only)


def test_a_tree_stands_on_its_share() -> None:
    made = tree()
    assert made.share is not None

    assert made.storage is made.share.storage
    assert made.disk is made.share.disk
    assert (made.encrypt, tree(encrypt=True).encrypt) == (False, True)


def test_what_can_be_granted_at_most() -> None:
    assert tree().maximal_access == access.ALL
    assert tree(read_only=True).maximal_access == access.READ | access.EXECUTE


def test_the_share_of_pipes_has_no_files() -> None:
    pipes = ServerTree(7, None, False)

    assert not pipes.encrypt
    for what in ("storage", "disk"):
        with pytest.raises(StatusError) as caught:
            getattr(pipes, what)
        assert caught.value.status == NtStatus.INVALID_DEVICE_REQUEST
