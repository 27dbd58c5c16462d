"""The metrics of a server and of a gateway, with clients that do this and that."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import smbquic
from smbquic.api.gateway import gateway
from smbquic.options.gateway import PoolOptions
from smbquic.options.limits import Limits
from smbquic.options.web import WebOptions
from smbquic.pki import PkiDirectory
from smbquic.web.metrics import exposition
from tests.http_client import Client

WEB = WebOptions(address="127.0.0.1:0")
Samples = Mapping[str | tuple[str, ...], float]
pytestmark = pytest.mark.usefixtures("fresh")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the metrics whenever they are asked for."""
    monkeypatch.setattr(exposition, "KEPT", 0.0)


async def metrics(url: str) -> Samples:
    """Return the value of each metric, by its name and the values of its labels."""
    client = await Client.connect(url)
    status, text = await client.get("/metrics")
    await client.close()
    assert status == 200
    return {
        _key(sample.name.removeprefix("smbquic_"), sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _key(name: str, labels: Mapping[str, str]) -> str | tuple[str, ...]:
    return (name, *labels.values()) if labels else name


async def metrics_when(url: str, condition: Callable[[Samples], bool]) -> Samples:
    """Return the metrics once they fulfil a condition."""
    async with asyncio.timeout(60):
        while not condition(found := await metrics(url)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return found


@asynccontextmanager
async def serving(folder: Path, pki: PkiDirectory, **more: Any) -> AsyncIterator[smbquic.Serving]:
    async with smbquic.serve(
        {"data": folder},
        {"alice": "secret"},
        ["quic://127.0.0.1:0", "tcp://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        limits=Limits(failed_logon_delay=0.0),
        web=WEB,
        **more,
    ) as found:
        yield found


async def test_what_clients_do_is_counted(tmp_path: Path, pki: PkiDirectory) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    async with serving(tmp_path, pki) as server:
        quic, tcp = server.listeners
        before = await metrics(server.web)
        assert before["connections", "quic"] == before["sessions"] == 0
        url = quic.replace("quic://", "smb+quic://alice@") + "/data"
        async with smbquic.connect(url, password="secret", ca=pki.ca) as share:
            async with share.open("file", "rb") as file:
                await file.read()
                open_now = await metrics_when(
                    server.web, lambda found: ("round_trip_seconds", "median") in found
                )
            with pytest.raises(FileNotFoundError):
                await share.read_bytes("missing")
        with pytest.raises(smbquic.AuthenticationError):
            async with smbquic.connect(
                tcp.replace("tcp://", "smb://alice@") + "/data", password="wrong"
            ):
                pytest.fail("it connects")
        with pytest.raises(smbquic.HandshakeError):
            async with smbquic.connect(url, password="secret"):
                pytest.fail("it connects")

        def both_handshakes(found: Samples) -> bool:
            return sum(value for key, value in found.items() if key[0] == "handshakes_total") == 2

        after = await metrics_when(server.web, both_handshakes)
    assert open_now["connections", "quic"] == open_now["sessions"] == open_now["opens"] == 1
    assert open_now["tree_connects", "data"] == 1
    assert open_now["credits"] > 0
    assert 0 < open_now["round_trip_seconds", "median"] <= open_now["round_trip_seconds", "max"]
    assert open_now["congestion_window_bytes", "median"] > 1200
    assert after["requests_total", "READ", "STATUS_SUCCESS"] >= 1
    assert after["requests_total", "CREATE", "STATUS_OBJECT_NAME_NOT_FOUND"] == 1
    reads = sum(value for key, value in after.items() if key[:2] == ("requests_total", "READ"))
    assert after["request_seconds_count", "READ"] == reads
    assert after["request_seconds_bucket", "READ", "+Inf"] == reads
    assert after["logons_total", "ok"] == 1
    assert after["logons_total", "STATUS_LOGON_FAILURE"] == 1
    assert after["handshakes_total", "ok"] == 1
    assert after["accepted_connections_total", "tcp"] == 1
    assert after["refusals_total", "failed-logon"] == 1
    assert after["sent_bytes_total"] > 100_000
    assert after["received_bytes_total"] > 1000
    assert after["opens"] == 0
    assert after["limit_used", "opens"] < after["limit", "opens"]
    expiry = after["certificate_expiry_timestamp_seconds", str(pki.server.certificate)]
    assert expiry > after["process_start_time_seconds"]


async def test_locks_and_leases_are_those_of_now(tmp_path: Path, pki: PkiDirectory) -> None:
    async with serving(tmp_path, pki) as server:
        url = server.listeners[1].replace("tcp://", "smb://alice@") + "/data"
        async with (
            smbquic.connect(url, password="secret") as share,
            share.open("file", "w+b") as file,
            file.lock(0, 10),
            file.lock(20, 10),
        ):
            assert (await metrics(server.web))["locks"] == 2
        assert (await metrics(server.web))["locks"] == 0


async def test_workers_are_counted(tmp_path: Path, pki: PkiDirectory) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        web=WEB,
        workers=2,
    ) as server:
        url = server.listeners[0].replace("quic://", "smb+quic://alice@") + "/data"
        async with smbquic.connect(url, password="secret", ca=pki.ca):
            found = await metrics(server.web)
    assert found["workers"] == 2
    assert found["worker_resident_memory_bytes", "1"] > 1 << 20
    assert found["worker_restarts_total", "0"] == 0
    assert found["handshakes_total", "ok"] == found["connections", "quic"] == 1


async def test_a_gateway_counts_what_it_sees(tmp_path: Path, pki: PkiDirectory) -> None:
    async with (
        serving(tmp_path, pki, extended_protection=False) as server,
        gateway(
            [PoolOptions(backends=[server.listeners[1], "tcp://127.0.0.1:1"])],
            ["quic://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            health_failures=1,
            web=WEB,
        ) as running,
    ):
        url = running.listeners[0].replace("quic://", "smb+quic://alice@") + "/data"

        down = "backend_up", "tcp://127.0.0.1:1", "default"
        await metrics_when(running.web, lambda found: found[down] == 0)
        async with smbquic.connect(url, password="secret", ca=pki.ca):
            found = await metrics(running.web)
    assert found["backend_up", server.listeners[1], "default"] == 1
    assert found["backend_connections", server.listeners[1], "default"] == 1
    assert found["gateway_requests_total", "NEGOTIATE"] == 1
    assert found["logged_on_connections"] == 1
    assert found["logons_total", "ok"] == 1
    assert found["refusals_total", "no-backend"] == 0


async def test_a_client_makes_no_more_metrics(tmp_path: Path, pki: PkiDirectory) -> None:
    """However it names itself, and whatever fails."""
    async with serving(tmp_path, pki) as server:
        _, tcp = server.listeners
        before = await metrics(server.web)
        for number in range(10):
            with pytest.raises(smbquic.AuthenticationError):
                async with smbquic.connect(
                    tcp.replace("tcp://", f"smb://user{number}@") + f"/share{number}",
                    password="wrong",
                ):
                    pytest.fail("it connects")
        after = await metrics(server.web)
    new = after.keys() - before.keys()
    assert {key for key in new if key[0] not in ("requests_total", "logons_total")} == set()
    assert not any("user" in word or "share" in word for key in new for word in key)
    assert len(new) < 10


async def test_the_page_about_them_names_all(tmp_path: Path, pki: PkiDirectory) -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "monitoring.md").read_text()
    named = set(re.findall(r"`(smbquic_\w+)`", page))
    made = set()
    async with (
        serving(tmp_path, pki) as server,
        gateway(
            [PoolOptions(backends=[server.listeners[1]])],
            ["quic://127.0.0.1:0"],
            certificate=pki.server.certificate,
            key=pki.server.key,
            web=WEB,
        ) as running,
    ):
        for url in (server.web, running.web):
            client = await Client.connect(url)
            _, text = await client.get("/metrics")
            await client.close()
            made |= set(re.findall(r"^# TYPE (smbquic_\w+)", text, re.MULTILINE))
    assert named == made


async def test_scrapes_leave_nothing_behind(tmp_path: Path, pki: PkiDirectory) -> None:
    async with serving(tmp_path, pki) as server:
        await asyncio.gather(*(metrics(server.web) for _ in range(20)))
        found = await metrics(server.web)
    assert found["loop_lag_seconds_count"] >= 0
