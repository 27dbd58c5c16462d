"""Who is kept out by a folder links or moves a file of it into one of theirs, and uses it there."""

import os
from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.wire.access_mask import AccessMask as A
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions
from smbquic.wire.fscc.file_information import (
    FileInformationClass,
    LinkInformation,
    RenameInformation,
)
from smbquic.wire.query_info import InfoType
from smbquic.wire.set_info import SetInfoRequest
from tests.unit.server.conftest import connect, root, server, server_with
from tests.unit.server.security.test_enforcement import (
    ALICE,
    ALL,
    BOB,
    BOTH,
    DENIED,
    alice,
    allow,
    bob,
    dacl,
    made,
    secure,
    status_of,
)
from tests.unit.server.smb_client import Client

__all__ = ["alice", "bob", "connect", "root", "server", "server_with"]
DIRECTORY = CreateOptions.FILE_DIRECTORY_FILE
# Enough to have something in one's hands, and no right to read or write what is in it.
LEAST = A.FILE_READ_ATTRIBUTES | A.READ_CONTROL | A.SYNCHRONIZE
SUCCESS = NtStatus.SUCCESS


@pytest.fixture(autouse=True)
def attributes(root: Path) -> None:
    try:
        os.setxattr(root, "user.test", b"")
    except OSError:
        pytest.skip("the disk of the temporary folder has no extended attributes")


async def restricted(alice: Client, root: Path, mask: int) -> None:
    """A folder of alice in which bob has these rights, with a file that was there before."""
    (root / "private").mkdir()
    (root / "private" / "file").write_bytes(b"secret")
    (root / "bobs").mkdir()
    folder = await alice.open(
        "private", create_options=DIRECTORY, desired_access=int(A.WRITE_DAC | A.READ_CONTROL)
    )
    await secure(alice, folder, dacl(allow(ALICE, ALL, BOTH), allow(BOB, mask, BOTH)))
    await alice.call(CloseRequest(folder))


async def put(
    client: Client, name: str, access: int, structure: LinkInformation | RenameInformation
) -> NtStatus:
    file_id = await client.open(name, desired_access=access)
    kind = getattr(FileInformationClass, f"File{type(structure).__name__}")
    response = await client.call(SetInfoRequest(InfoType.FILE, kind, file_id, structure.encode()))
    await client.call(CloseRequest(file_id))
    return response.status


async def test_who_may_change_nothing_of_a_file_links_it_nowhere(
    alice: Client, bob: Client, root: Path
) -> None:
    await restricted(alice, root, int(LEAST))
    linked = await put(bob, "private\\file", int(LEAST), LinkInformation("bobs\\file"))
    assert linked == DENIED
    assert not (root / "bobs" / "file").exists()


async def test_a_link_is_no_way_around_the_folder(alice: Client, bob: Client, root: Path) -> None:
    rights = int(LEAST | A.FILE_WRITE_ATTRIBUTES)
    await restricted(alice, root, rights)
    assert await put(bob, "private\\file", rights, LinkInformation("bobs\\file")) == SUCCESS
    for name in ("private\\file", "bobs\\file"):
        assert await status_of(bob, name, A.FILE_READ_DATA) == DENIED
        assert await status_of(bob, name, A.FILE_WRITE_DATA) == DENIED
        assert await status_of(alice, name, A.FILE_READ_DATA) == SUCCESS


async def test_nor_is_another_place(alice: Client, bob: Client, root: Path) -> None:
    rights = int(LEAST | A.DELETE)
    await restricted(alice, root, rights)
    assert await put(bob, "private\\file", rights, RenameInformation("bobs\\file")) == SUCCESS
    assert await status_of(bob, "bobs\\file", A.FILE_READ_DATA) == DENIED
    assert await status_of(alice, "bobs\\file", A.FILE_READ_DATA) == SUCCESS


async def test_nor_with_a_folder_in_between(alice: Client, bob: Client, root: Path) -> None:
    rights = int(LEAST | A.DELETE)
    await restricted(alice, root, rights)
    (root / "private" / "inner").mkdir()
    (root / "private" / "inner" / "file").write_bytes(b"secret")
    moved = await put(bob, "private\\inner", rights, RenameInformation("bobs\\inner"))
    assert moved == SUCCESS
    assert await status_of(bob, "bobs\\inner\\file", A.FILE_READ_DATA) == DENIED
    assert await status_of(alice, "bobs\\inner\\file", A.FILE_READ_DATA) == SUCCESS


async def test_what_nobody_restricted_stays_so(alice: Client, bob: Client, root: Path) -> None:
    await restricted(alice, root, ALL)
    await alice.call(CloseRequest(await made(alice, "open", None)))
    assert await put(bob, "open", int(A.DELETE), RenameInformation("bobs\\open")) == SUCCESS
    assert await status_of(alice, "bobs\\open", A.FILE_READ_DATA) == SUCCESS
