"""What a server does with the rest of a compound after a WRITE in its middle has failed.

It goes on, as Samba and (by smbtorture's `smb2.compound.interim2`) Windows do. So an upload cannot
be one message: its rename, sent with the WRITE, would give a good name to a file that is not whole.
"""

import os
from pathlib import Path

import pytest

import smbquic
from smbquic.client import requests
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition, CreateOptions, ShareAccess
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_smbd

SUCCESS = NtStatus.SUCCESS
TOO_FAR = (1 << 63) - 10


async def upload_in_one_message(share: smbquic.Share) -> list[NtStatus]:
    """Send what would be one round trip, with a WRITE that fails."""
    opening = requests.create(
        "part",
        requests.WRITE | requests.DELETE,
        disposition=CreateDisposition.FILE_CREATE,
        options=CreateOptions.FILE_NON_DIRECTORY_FILE,
        sharing=ShareAccess(0),
    )
    answers = await share.tree.compound(
        [
            opening,
            requests.write(TOO_FAR, b"new content"),
            requests.set_basic(last_write_time=10**18),
            requests.flush(),
            requests.rename("report", replace=True),
            requests.close(),
        ]
    )
    return [answer.status for answer in answers]


async def check(url: str) -> None:
    async with smbquic.connect(url, password=PASSWORD) as share:
        await share.write_bytes("report", b"the old content")
        opened, written, *others = await upload_in_one_message(share)
        assert opened == SUCCESS
        assert written.is_error
        assert others == [SUCCESS] * 4
        assert await share.read_bytes("report") == b""


async def test_ours_goes_on(server: ServerProcess) -> None:
    await check(f"smb://{USER}@localhost:{server.ports['tcp']}/data")


@pytest.mark.debian("smbd", "smbpasswd")
@pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root")
async def test_smbd_goes_on(tmp_path: Path) -> None:
    with running_smbd(tmp_path) as smbd:
        await check(smbd.url())
