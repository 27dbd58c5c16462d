"""The uses of a share by programs, on Debian's smbd, which shares no code with our server."""

from datetime import UTC, datetime

import pytest

import smbquic
from tests.integration.using import USES, Use
from tests.interop.processes import PASSWORD, Smbd, directly_and_through_a_gateway, needs_smbd

pytestmark = [*needs_smbd, directly_and_through_a_gateway]


async def test_previous_versions(smbd: Smbd) -> None:
    old, new = (
        smbd.share / ".snapshots" / f"@GMT-{time}"
        for time in ("2024.01.02-03.04.05", "2025.06.07-08.09.10")
    )
    for folder in (old, new):
        (folder / "folder").mkdir(parents=True)
        (folder / "folder" / "file").write_bytes(folder.name.encode())
    (new / "folder" / "other").touch()
    (smbd.share / "folder").mkdir()
    (smbd.share / "folder" / "file").write_bytes(b"now")
    url = smbd.url("versions")
    async with smbquic.connect(url, password=PASSWORD, ca=smbd.ca) as share:
        snapshots = await share.snapshots()
        assert snapshots == [
            datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC),
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        ]
        for snapshot, folder, names in zip(
            snapshots, (new, old), (["file", "other"], ["file"]), strict=True
        ):
            async with share.open("folder/file", snapshot=snapshot) as file:
                assert await file.read() == folder.name.encode()
            assert (await share.stat("folder/file", snapshot=snapshot)).size == len(folder.name)
            found = [entry.name async for entry in share.scandir("folder", snapshot=snapshot)]
            assert sorted(found) == names
            with pytest.raises(PermissionError):
                await share.open("folder/file", "wb", snapshot=snapshot)
        assert await share.read_bytes("folder/file") == b"now"


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_uses(smbd: Smbd, use: Use) -> None:
    name = "streams" if use is USES["streams"] else "data"  # by default smbd has none
    url = smbd.url(name)
    async with smbquic.connect(url, password=PASSWORD, ca=smbd.ca) as share:
        await use(share)
