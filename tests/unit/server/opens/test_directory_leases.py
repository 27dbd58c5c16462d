"""Leases of folders, and the changes that break them. [MS-SMB2] 3.3.1.4, 3.3.4.7"""

from pathlib import Path

import pytest

from smbquic.ntstatus import NtStatus
from smbquic.server.opens.cache_states import NOTHING
from smbquic.wire.access_mask import AccessMask
from smbquic.wire.close import CloseRequest
from smbquic.wire.create import CreateOptions, OplockLevel, ShareAccess
from smbquic.wire.create_contexts import LeaseV1, LeaseV2
from smbquic.wire.file_id import FileId
from smbquic.wire.fscc.file_information import (
    BasicInformation,
    FileInformationClass,
    LinkInformation,
)
from smbquic.wire.write import WriteRequest
from tests.unit.server.opens.leasing import (
    FOLDER,
    FOUR,
    ONE,
    OTHER_CLIENT,
    OVERWRITE,
    RH,
    RW,
    RWH,
    THREE,
    TWO,
    WITHOUT_DELETE,
    R,
    delete,
    give_up,
    granted,
    held,
    rename,
    set_info,
    size,
    v2,
    with_lease,
)
from tests.unit.server.smb_client import Client, Connect


async def watch(client: Client, key: bytes = ONE, name: str = "folder") -> FileId:
    return await held(client, key, RH, name, create_options=FOLDER, desired_access=WITHOUT_DELETE)


@pytest.mark.parametrize(("wanted", "expected"), [(R, R), (RH, RH), (RW, R), (RWH, RH)])
async def test_a_folder_is_read_and_kept_open(client: Client, wanted: int, expected: int) -> None:
    response = await client.create("new", **with_lease(v2(ONE, wanted), create_options=FOLDER))
    assert granted(response) == LeaseV2(ONE, expected, epoch=1)


async def test_a_folder_has_no_lease_of_version_1(client: Client) -> None:
    response = await client.create("new", **with_lease(LeaseV1(ONE, R), create_options=FOLDER))
    assert response.body.oplock_level == OplockLevel.OPLOCK_LEVEL_NONE


@pytest.mark.parametrize("parent", [None, ONE, THREE])
async def test_what_is_made_in_a_folder(
    client: Client, connect: Connect, folder: Path, parent: bytes | None
) -> None:
    await watch(client)
    other = await connect(**OTHER_CLIENT)
    await other.create(r"folder\new", **with_lease(v2(TWO, RWH, parent)))
    if parent == ONE:
        assert await client.is_quiet()
    else:
        await give_up(client, ONE, RH, NOTHING)


async def test_opening_what_exists_changes_no_folder(client: Client, folder: Path) -> None:
    await watch(client)
    await client.open(r"folder\there")
    await client.open("elsewhere")
    assert await client.is_quiet()


@pytest.mark.parametrize(
    "what", ["overwrite", "size", "allocation", "time", "attributes", "rename", "away", "link"]
)
async def test_what_changes_in_a_folder(client: Client, folder: Path, what: str) -> None:
    file_id = await client.open(r"folder\there")
    outside = await client.open("outside")
    await watch(client)
    if what == "overwrite":
        await client.open(r"folder\there", create_disposition=OVERWRITE)
    else:
        request = {
            "size": size(file_id, 1),
            "allocation": set_info(
                file_id, FileInformationClass.FileAllocationInformation, bytes(8)
            ),
            "time": set_info(
                file_id,
                FileInformationClass.FileBasicInformation,
                BasicInformation(132_000_000_000_000_000, 0, 0, 0, 0).encode(),
            ),
            "attributes": set_info(
                file_id,
                FileInformationClass.FileBasicInformation,
                BasicInformation(0, 0, 0, 0, 2).encode(),
            ),
            "rename": rename(file_id, r"folder\other"),
            "away": rename(file_id, "away"),
            "link": set_info(
                outside,
                FileInformationClass.FileLinkInformation,
                LinkInformation(r"folder\link").encode(),
            ),
        }[what]
        assert (await client.call(request)).status == NtStatus.SUCCESS
    await give_up(client, ONE, RH, NOTHING)
    assert await client.is_quiet()


async def test_what_changes_nothing_in_a_folder(client: Client, folder: Path) -> None:
    file_id = await client.open(r"folder\new")
    await watch(client)
    same = set_info(
        file_id,
        FileInformationClass.FileBasicInformation,
        BasicInformation(0, 0, -1, 0, 0x20).encode(),
    )
    assert (await client.call(same)).status == NtStatus.SUCCESS
    assert await client.is_quiet()


async def test_a_move_changes_two_folders(client: Client, root: Path, folder: Path) -> None:
    (root / "second").mkdir()
    file_id = await client.open(r"folder\there")
    await watch(client, ONE, "folder")
    await watch(client, TWO, "second")
    await client.call(rename(file_id, r"second\there"))
    await give_up(client, ONE, RH, NOTHING)
    await give_up(client, TWO, RH, NOTHING)


async def test_what_is_written_shows_in_the_folder_when_it_is_closed(
    client: Client, folder: Path
) -> None:
    file_id = await client.open(r"folder\there")
    await watch(client)
    await client.call(WriteRequest(0, file_id, b"more"))
    assert await client.is_quiet()
    await client.call(CloseRequest(file_id))
    await give_up(client, ONE, RH, NOTHING)


@pytest.mark.parametrize("option", [True, False])
@pytest.mark.parametrize(("last", "told"), [(ONE, [TWO]), (TWO, [ONE, TWO])])
async def test_a_deletion_spares_who_wanted_it_and_does_it(
    client: Client, folder: Path, option: bool, last: bytes, told: list[bytes]
) -> None:
    options = CreateOptions.FILE_DELETE_ON_CLOSE if option else CreateOptions(0)
    opens = {}
    for parent, key in ((ONE, THREE), (TWO, FOUR)):
        fields = with_lease(v2(key, R, parent), create_options=options if parent == ONE else 0)
        opens[parent] = (await client.create(r"folder\there", **fields)).body.file_id
    await watch(client, ONE)
    await watch(client, TWO)
    if not option:
        await client.call(delete(opens[ONE]))
    await client.call(CloseRequest(opens[TWO if last == ONE else ONE]))
    assert await client.is_quiet()
    await client.call(CloseRequest(opens[last]))
    assert sorted([(await client.notice()).lease_key for _ in told]) == told
    assert await client.is_quiet()
    assert not (folder / "there").exists()


async def test_who_stands_in_the_way_in_a_folder_is_asked(
    client: Client, connect: Connect, folder: Path
) -> None:
    """[MS-FSA] opens the folder for a new name, and collides with who may delete it."""
    mine = await held(
        client, ONE, RH, "folder", create_options=FOLDER, desired_access=AccessMask.DELETE
    )
    other = await connect(**OTHER_CLIENT)
    theirs = await other.open("outside")
    message_id = other.send(rename(theirs, r"folder\inside"))
    await give_up(client, ONE, RH, R)
    assert (await other.answer(message_id)).status == NtStatus.SHARING_VIOLATION
    await client.call(CloseRequest(mine))
    assert (await other.call(rename(theirs, r"folder\inside"))).status == NtStatus.SUCCESS


async def test_a_folder_that_is_opened_exclusively(
    client: Client, connect: Connect, folder: Path
) -> None:
    mine = await watch(client)
    other = await connect(**OTHER_CLIENT)
    message_id = other.begin("folder", create_options=FOLDER, share_access=ShareAccess(0))
    assert (await client.notice()).new_lease_state == R
    await client.call(CloseRequest(mine))
    assert (await other.answer(message_id)).status == NtStatus.SUCCESS
