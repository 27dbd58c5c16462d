"""The folder of a share is deleted and made again while a real server serves it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smbquic
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.pki import PkiDirectory
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server
from tests.urls import share_url


def ls(server: ServerProcess) -> "subprocess.CompletedProcess[str]":
    """`smbquic ls` of the share, over QUIC."""
    url = f"smb+quic://{USER}@localhost:{server.ports['quic']}/data"
    return subprocess.run(
        [sys.executable, "-m", "smbquic", "ls", "--ca", str(server.pki.ca), url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SMBQUIC_PASSWORD": PASSWORD},
    )


async def open_file(share: smbquic.Share) -> NtStatus:
    """Look for a file in the share; return the status."""
    try:
        await share.stat("file")
    except StatusError as error:
        return error.status
    return NtStatus.SUCCESS


@pytest.mark.parametrize("transport", ["tcp", "quic"])
async def test_a_deleted_folder_is_no_empty_one(
    pki: PkiDirectory, tmp_path: Path, transport: str
) -> None:
    with running_server(tmp_path, pki) as server:
        (server.share / "file").touch()
        url = share_url(transport, server.ports[transport], user=USER)
        ca = pki.ca if transport == "quic" else None
        async with smbquic.connect(url, password=PASSWORD, ca=ca) as share:
            assert await open_file(share) == NtStatus.SUCCESS
            shutil.rmtree(server.share)
            assert await open_file(share) == NtStatus.NETWORK_NAME_DELETED

            with pytest.raises(FileNotFoundError, match="no such share"):
                async with smbquic.connect(url, password=PASSWORD, ca=ca):
                    pass
            server.share.mkdir()
            (server.share / "file").touch()
            async with smbquic.connect(url, password=PASSWORD, ca=ca) as again:
                assert await open_file(again) == NtStatus.SUCCESS
            assert await open_file(share) == NtStatus.NETWORK_NAME_DELETED
        log = server.log.read_text()
    assert log.count("was deleted, and cannot be opened again") == 1
    assert log.count("was deleted and made again") == 1
    assert "ERROR" not in log


def test_ls_of_a_share_that_was_made_again(pki: PkiDirectory, tmp_path: Path) -> None:
    with running_server(tmp_path, pki) as server:
        assert ls(server).returncode == 0
        shutil.rmtree(server.share)
        missing = ls(server)
        assert missing.returncode == 5
        assert "STATUS_BAD_NETWORK_NAME" in missing.stderr
        server.share.mkdir()
        (server.share / "file").touch()
        found = ls(server)
    assert found.returncode == 0
    assert "file" in found.stdout
