"""Debian's smbd behind the gateway: other clients, a server that is killed, encryption."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import smbclient  # type: ignore[import-untyped]
import smbclient.shutil  # type: ignore[import-untyped]

import smbquic
from smbquic.api.gateway import RunningGateway, gateway
from smbquic.api.relay import relay
from smbquic.client.smbprotocol import register
from smbquic.options.gateway import PoolOptions
from smbquic.pki import PkiDirectory
from tests.interop.processes import (
    PASSWORD,
    ServerProcess,
    Smbclient,
    Smbd,
    empty,
    needs_smbd,
    running_smbd,
)

pytestmark = needs_smbd


@pytest.fixture
async def running(smbd: Smbd, pki: PkiDirectory) -> AsyncIterator[RunningGateway]:
    """A gateway to smbd."""
    async with gateway(
        [PoolOptions(backends=[f"tcp://127.0.0.1:{smbd.port}"])],
        listen=["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as running:
        yield running


@pytest.mark.debian("smbclient")
@pytest.mark.parametrize("share", ["data", "sealed"])
async def test_smbclient_through_relay_and_gateway(
    running: RunningGateway, smbd: Smbd, pki: PkiDirectory, tmp_path: Path, share: str
) -> None:
    (tmp_path / "sent").write_bytes(os.urandom(3 << 20))
    port = running.listeners[0].rpartition(":")[2]
    url = f"smb+quic://localhost:{port}"
    async with relay(url, listen="tcp://127.0.0.1:0", ca=pki.ca) as listener:
        program = Smbclient(int(listener.rpartition(":")[2]), tmp_path)
        commands = "mkdir folder; put sent folder/file; get folder/file received; ls folder/*"
        code, shown = await asyncio.to_thread(
            lambda: program(commands, share=share, user=smbd.user)
        )
    assert code == 0, shown
    assert (tmp_path / "received").read_bytes() == (tmp_path / "sent").read_bytes()
    assert (smbd.share / "folder" / "file").stat().st_size == 3 << 20


def test_smbprotocol_through_its_adapter(
    shared_smbd: Smbd, smbd_gateway: ServerProcess, tmp_path: Path
) -> None:
    empty(shared_smbd.share)
    content = os.urandom(3 << 20)
    port = smbd_gateway.ports["quic"]
    register(
        "localhost", port, username=shared_smbd.user, password=PASSWORD, ca=smbd_gateway.pki.ca
    )
    try:
        share = r"\\localhost\data"
        smbclient.mkdir(share + r"\folder")
        with smbclient.open_file(share + r"\folder\file", mode="wb") as file:
            file.write(content)
        assert (shared_smbd.share / "folder" / "file").read_bytes() == content
        smbclient.shutil.copyfile(share + r"\folder\file", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == content
        assert smbclient.listdir(share + r"\folder") == ["file"]
        smbclient.remove(share + r"\folder\file")
        smbclient.rmdir(share + r"\folder")
        assert list(shared_smbd.share.iterdir()) == []
    finally:
        smbclient.reset_connection_cache()


async def test_one_of_two_servers_is_killed(smbd: Smbd, pki: PkiDirectory, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(running_smbd(tmp_path))
        for each in (smbd, other):
            (each.share / "file").write_text(str(each.port))
        backends = [f"tcp://127.0.0.1:{each.port}" for each in (other, smbd)]
        async with gateway(
            # No check finds out: clients do.
            [PoolOptions(backends=backends)],
            listen=["quic://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            health_interval=3600.0,
        ) as running:
            url = f"smb+quic://{smbd.user}@localhost:{running.listeners[0].rpartition(':')[2]}/data"

            def connect() -> AbstractAsyncContextManager[smbquic.Share]:
                return smbquic.connect(url, password=PASSWORD, ca=pki.ca, reconnect_timeout=0)

            async with connect() as first, connect() as second:
                assert await first.read_bytes("file") == str(other.port).encode()
                assert await second.read_bytes("file") == str(smbd.port).encode()
                await asyncio.to_thread(stack.close)
                with pytest.raises(smbquic.ConnectionClosed, match="back end has ended"):
                    await first.stat("file")
                for _ in range(3):
                    async with connect() as third:
                        assert await third.read_bytes("file") == str(smbd.port).encode()
                assert await second.read_bytes("file") == str(smbd.port).encode()
            gone, left = running.status()["pools"][0]["backends"]
            assert (gone["state"], left["state"]) == ("down", "up")
            assert (gone["total"], left["total"]) == (1, 4)


async def test_where_encryption_is_required(smbd: Smbd, pki: PkiDirectory) -> None:
    backend = f"tcp://127.0.0.1:{smbd.port}"
    async with gateway(
        [PoolOptions(backends=[backend], require_encryption_to_backend=True)],
        listen=["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as running:
        url = f"smb+quic://{smbd.user}@localhost:{running.listeners[0].rpartition(':')[2]}/data"
        encrypting = smbquic.EncryptionPolicy.REQUIRED
        async with smbquic.connect(
            url, password=PASSWORD, ca=pki.ca, encryption=encrypting
        ) as share:
            await share.write_bytes("file", b"content")
            assert await share.read_bytes("file") == b"content"
        off = smbquic.EncryptionPolicy.OFF
        with pytest.raises(smbquic.ConnectionClosed, match="does not use SMB encryption"):
            async with smbquic.connect(
                url, password=PASSWORD, ca=pki.ca, encryption=off, reconnect_timeout=0
            ):
                pass
