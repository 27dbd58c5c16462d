"""The addresses, certificates, users and shares that `smbquic.serve` takes."""

from pathlib import Path

import pytest

import smbquic
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that is served."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


async def test_serving_needs_a_certificate_for_quic(root: Path) -> None:
    with pytest.raises(ValueError, match="needs a certificate"):
        async with smbquic.serve({"data": root}, {}, ["quic://localhost:0"]):
            pytest.fail("it serves")


@pytest.mark.parametrize("listen", ["http://localhost", "localhost", "tcp://", "tcp://h:99999"])
async def test_addresses_that_are_none(root: Path, listen: str) -> None:
    with pytest.raises(smbquic.UrlError):
        async with smbquic.serve({"data": root}, {}, [listen]):
            pytest.fail("it serves")


async def test_a_port_that_is_taken_lets_the_others_go(root: Path) -> None:
    async with smbquic.serve({"data": root}, {}, ["tcp://127.0.0.1:0"]) as first:
        taken = first.listeners[0]
        with pytest.raises(OSError, match="another program has the port"):
            async with smbquic.serve({"data": root}, {}, ["tcp://127.0.0.1:0", taken]):
                pytest.fail("it serves")


async def test_users_from_a_file_and_a_ready_made_share(root: Path, tmp_path: Path) -> None:
    users = smbquic.UserStore()
    users.add("bob", "word")
    users.save(tmp_path / "users")
    storage = LocalStorage(root)
    for given in (users, tmp_path / "users"):
        async with smbquic.serve(
            {"data": ServedShare("data", storage, read_only=True)}, given, ["tcp://127.0.0.1:0"]
        ) as serving:
            port = serving.listeners[0].rpartition(":")[2]
            async with smbquic.connect(f"smb://bob:word@127.0.0.1:{port}/data") as share:
                with pytest.raises(PermissionError):
                    await share.write_bytes("x", b"")
    storage.close()
