"""The web listener of a server and of a gateway."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

import smbquic
from smbquic.api.gateway import gateway
from smbquic.errors import ConfigError, UrlError
from smbquic.options.gateway import PoolOptions
from smbquic.options.web import WebOptions
from smbquic.pki import PkiDirectory
from smbquic.web import address
from smbquic.web.bounds import MAX_CONNECTIONS
from tests.http_client import Client
from tests.integration.program import environment, is_one_line
from tests.integration.program import smbquic as smbquic_program

WEB = WebOptions(address="127.0.0.1:0")
LISTEN = ["tcp://127.0.0.1:0"]


async def get(url: str, path: str) -> tuple[int, str]:
    client = await Client.connect(url)
    try:
        return await client.get(path)
    finally:
        await client.close()


async def test_a_server_is_ready_until_it_drains(tmp_path: Path) -> None:
    async with smbquic.serve({"data": tmp_path}, {}, LISTEN, web=WEB) as serving:
        assert await get(serving.web, "/healthz") == (200, "ok\n")
        assert await get(serving.web, "/readyz") == (200, "ok\n")
        await serving.drain(0.0, asyncio.Event())
        assert await get(serving.web, "/healthz") == (200, "ok\n")
        assert await get(serving.web, "/readyz") == (503, "it is stopping\n")


async def test_there_is_none_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with smbquic.serve({"data": tmp_path}, {}, LISTEN) as serving:
        assert serving.web == ""


async def test_a_gateway_is_ready_while_a_back_end_is_up(pki: PkiDirectory) -> None:
    async with gateway(
        [PoolOptions(backends=["tcp://127.0.0.1:1"])],
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        health_failures=1,
        web=WEB,
    ) as running:
        (backend,) = [each for pool in running.gateway.pools for each in pool.backends]
        backend.connection_failed("refused")
        assert await get(running.web, "/readyz") == (503, "no back end is up\n")
        await running.drain(0.0, asyncio.Event())
        assert await get(running.web, "/readyz") == (503, "it is stopping\n")


async def test_a_server_without_the_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'smbquic\[web\]'"):
        async with smbquic.serve({"data": tmp_path}, {}, LISTEN, web=WEB):
            pytest.fail("it serves")


async def test_other_machines_may_not_connect_unless_that_is_said(tmp_path: Path) -> None:
    web = WebOptions(address="0.0.0.0:0")
    with pytest.raises(UrlError, match="--web-remote"):
        async with smbquic.serve({"data": tmp_path}, {}, LISTEN, web=web):
            pytest.fail("it serves")


@pytest.mark.parametrize("as_json", [True, False])
async def test_the_program_says_where_its_web_listener_is(tmp_path: Path, as_json: bool) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "smbquic", "serve", "--listen", "tcp://127.0.0.1:0", "--guest"),
        *("--share", f"data={tmp_path}", "--web", "127.0.0.1:0", *["--json"] * as_json),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment(XDG_RUNTIME_DIR=str(tmp_path)),
    )
    assert process.stdout is not None
    if as_json:
        url = json.loads(await process.stdout.readline())["web"]
    else:
        await process.stdout.readuntil(b"web listener on ")
        url = (await process.stdout.readline()).decode().strip()
    assert await get(url, "/readyz") == (200, "ok\n")
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["serve", "gateway"])
def test_a_wrong_address_is_a_usage_error(command: str, tmp_path: Path) -> None:
    rest = {
        "serve": ["--guest", "--share", f"data={tmp_path}", "--listen", "tcp://127.0.0.1:0"],
        "gateway": ["--backend", "tcp://127.0.0.1:1", "--listen", "quic://127.0.0.1:0"],
    }
    result = smbquic_program(command, *rest[command], "--web", "0.0.0.0:0")
    is_one_line(result, 2, "--web-remote")


async def test_clients_of_the_web_listener_keep_nobody_from_files(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    async with smbquic.serve({"data": tmp_path}, {"alice": "secret"}, LISTEN, web=WEB) as serving:
        idle = [await Client.connect(serving.web) for _ in range(4 * MAX_CONNECTIONS)]
        busy = [await Client.connect(serving.web) for _ in range(MAX_CONNECTIONS // 2)]
        asking = [asyncio.create_task(each.get("/metrics")) for each in busy]
        url = serving.listeners[0].replace("tcp://", "smb://alice@") + "/data"
        async with smbquic.connect(url, password="secret") as share:
            assert await share.read_bytes("file") == b"content"
        assert [status for status, _ in await asyncio.gather(*asking)] == [200] * len(busy)
        still_there = sum(not each.reader.at_eof() for each in idle)
        assert still_there <= MAX_CONNECTIONS
        for each in (*idle, *busy):
            each.writer.close()
            await asyncio.gather(each.writer.wait_closed(), return_exceptions=True)
