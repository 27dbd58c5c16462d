"""One document for each section of the page, of a server and of a gateway."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.gateway.gateway import Gateway
from smbquic.observe.audit import AuditLog
from smbquic.options.gateway import BackendOptions, PoolOptions
from smbquic.options.limits import Limits
from smbquic.web.page import data as module
from smbquic.web.page.data import PageData
from smbquic.web.page.paging import Query
from smbquic.web.page.sampling import Sampler
from tests.unit.clock import Clock
from tests.unit.server.smb_client import Connect
from tests.unit.web.conftest import Source


async def test_the_overview_of_a_server(source: Source, connect: Connect) -> None:
    await connect()
    data = PageData(source)
    found = await data.overview(0, 0)
    json.dumps(found)
    assert (found["kind"], found["name"], found["unready"]) == ("server", "fs", "")
    assert found["counts"]["sessions"] == 1
    assert found["series"]["names"] == data.series.names
    assert "close-session" in found["actions"]


async def test_the_summary_is_asked_for_seldom(
    source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def summary() -> dict[str, Any]:
        asked.append(clock.now)
        return {}

    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(source, "summary", summary)
    data = PageData(source)
    clock.now = 100_000.0
    for _ in range(3):
        await data.overview(0, 0)
    clock.now += module.SUMMARY_AGE + 1
    await data.overview(0, 0)
    assert asked == [100_000.0, clock.now]


@pytest.mark.parametrize(("seconds", "pause"), [(0.01, 10.0), (0.5, 50.0)])
async def test_lost_packets_are_counted_seldom(
    source: Source, clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, pause: float
) -> None:
    counted = []

    async def lost_packets(_: object) -> int:
        clock.now += seconds
        counted.append(clock.now)
        return len(counted)

    async def shown() -> int:
        found = await data.overview(0, 0)
        return int(found["counts"]["lost_packets"])

    monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.setattr(module, "lost_packets", lost_packets)
    data = PageData(source)
    assert await shown() == 1
    clock.now = counted[0] + pause - 0.001
    assert await shown() == 1
    clock.now = counted[0] + pause + 0.001
    assert await shown() == 2


async def test_two_browsers_have_lost_packets_counted_once(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, counted = 0, asyncio.Event()

    async def lost_packets(_: object) -> int:
        nonlocal counts
        counts += 1
        await counted.wait()
        return 7

    monkeypatch.setattr(module, "lost_packets", lost_packets)
    data = PageData(source)
    first = asyncio.create_task(data.overview(0, 0))
    await asyncio.sleep(0)
    assert (await data.overview(0, 0))["counts"]["lost_packets"] == 0
    counted.set()
    assert (await first)["counts"]["lost_packets"] == 7
    assert counts == 1


async def test_samples_are_taken_while_the_page_is_there(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = asyncio.Event()
    ended = asyncio.Event()

    async def run(_: object) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(Sampler, "run", run)
    async with PageData(source).sampling():
        await running.wait()
    assert ended.is_set()


async def test_a_gateway_has_pools_and_no_files() -> None:
    pools = [PoolOptions(name="nas", backends=["tcp://127.0.0.1:1"])]
    certificates: Any = SimpleNamespace(identities=[])
    gateway = Gateway(pools, BackendOptions(), certificates, Limits(), AuditLog())
    source: Any = Source(gateway)  # type: ignore[arg-type]
    data = PageData(source)
    found = await data.overview(0, 0)
    assert (found["kind"], found["event_loop"]) == ("gateway", None)
    assert "close-session" not in found["actions"]
    assert "lock-out-address" in found["actions"]
    [pool] = (await data.shares())["pools"]
    assert (pool["name"], pool["backends"][0]["url"]) == ("nas", "tcp://127.0.0.1:1")
    for get in (data.sessions, data.opens):
        with pytest.raises(LookupError, match="a gateway sees neither"):
            await get(Query())
    assert (await data.connections(Query()))["rows"] == []
    assert (await data.limits())["locked"] == []
    assert (await data.access())["certificates"] == []
    await gateway.close()
