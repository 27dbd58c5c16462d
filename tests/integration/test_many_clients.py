"""More clients of one address at once than may be on their way to a logon."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import smbquic
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.options.limits import Limits
from smbquic.pki import PkiDirectory
from smbquic.transport import tcp
from smbquic.transport.refusals import Refusal
from tests.interop.processes import PASSWORD, USER, ServerProcess, running_server

CLIENTS = 300


@pytest.fixture
def server(pki: PkiDirectory, tmp_path: Path) -> Iterator[ServerProcess]:
    # The default is 128, which a fast machine's clients do not always reach.
    limits = tmp_path / "limits.toml"
    limits.write_text("[limits]\nunauthenticated_of_address = 32\n")
    with running_server(tmp_path, pki, "--config", str(limits)) as server:
        (server.share / "file").touch()
        yield server


async def test_all_clients_get_in(server: ServerProcess) -> None:
    url = f"smb://{USER}@127.0.0.1:{server.ports['tcp']}/data"
    at_once = asyncio.Semaphore(CLIENTS)

    async def look() -> bool:
        async with at_once, smbquic.connect(url, password=PASSWORD, timeout=120) as share:
            return await share.exists("file")

    assert await asyncio.gather(*(look() for _ in range(CLIENTS))) == [True] * CLIENTS
    log = server.log.read_text()
    assert "unauthenticated_of_address` in [limits]" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("scheme", ["smb", "smb+quic"])
async def test_whoever_is_turned_away_is_told(
    pki: PkiDirectory, tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And asks again, as long as it has patience: the one that was in the way leaves meanwhile."""
    kind = {"smb": "tcp", "smb+quic": "quic"}[scheme]
    ca = pki.ca if kind == "quic" else None
    async with smbquic.serve(
        {"data": tmp_path},
        {USER: PASSWORD},
        [f"{kind}://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        limits=Limits(connections=1),
    ) as serving:
        [listener] = serving.listeners
        url = f"{scheme}://{USER}@localhost:{listener.rpartition(':')[2]}/data"
        async with smbquic.connect(url, password=PASSWORD, ca=ca):
            with pytest.raises(StatusError) as caught:
                async with smbquic.connect(url, password=PASSWORD, ca=ca, timeout=1):
                    pass
            assert caught.value.status == NtStatus.REQUEST_NOT_ACCEPTED
            refused = asyncio.Event()
            add = serving.server.refusals.add

            def added(reason: Refusal, client: str) -> None:
                add(reason, client)
                refused.set()

            monkeypatch.setattr(serving.server.refusals, "add", added)
            waiting = asyncio.create_task(leave_again(url, ca))
            await asyncio.wait_for(refused.wait(), 60)
        await asyncio.wait_for(waiting, 60)


async def leave_again(url: str, ca: Path | None) -> None:
    async with smbquic.connect(url, password=PASSWORD, ca=ca, timeout=60):
        pass


async def test_whoever_says_nothing_is_hung_up_on(tmp_path: Path) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {USER: PASSWORD},
        ["tcp://127.0.0.1:0"],
        limits=Limits(connections=1),
    ) as serving:
        port = int(serving.listeners[0].rpartition(":")[2])
        first = await tcp.connect("127.0.0.1", port)
        second = await tcp.connect("127.0.0.1", port)
        with pytest.raises(smbquic.ConnectionClosed):
            await asyncio.wait_for(second.receive(), 20)
        first.close()
