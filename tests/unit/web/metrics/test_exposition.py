import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smbquic.observe.loop_lag import LoopLag
from smbquic.web.metrics import exposition
from smbquic.web.metrics.exposition import CONTENT_TYPE, Exposition
from smbquic.web.metrics.families import gauge

SERVICE: Any = SimpleNamespace(connections=[], lost_packets=0)


class Source:
    """A service without any metrics of its own."""

    service = SERVICE


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows whenever the metrics are made."""
    times: list[None] = []

    def families(*_: object) -> list[Any]:
        times.append(None)
        return [gauge("made", "How often.", len(times))]

    monkeypatch.setattr(exposition, "service_families", families)
    monkeypatch.setattr(exposition, "gateway_families", lambda _: [])
    return times


async def test_the_text_is_what_prometheus_reads(made: list[None]) -> None:
    text = (await Exposition(Source(), LoopLag()).text()).decode()  # type: ignore[arg-type]
    families = {each.name: each for each in text_string_to_metric_families(text)}
    assert families["smbquic_made"].samples[0].value == 1
    assert families["smbquic_loop_lag_seconds"].type == "histogram"
    assert families["process_open_fds"].samples[0].value > 0
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


async def test_it_is_made_once_a_second_however_often_it_is_asked_for(
    made: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Exposition(Source(), LoopLag())  # type: ignore[arg-type]
    texts = await asyncio.gather(*(found.text() for _ in range(20)))
    assert len(set(texts)) == len(made) == 1
    monkeypatch.setattr(found, "_expires", 0.0)
    assert b"smbquic_made 2.0" in await found.text()


async def test_other_tasks_run_between_two_families(
    monkeypatch: pytest.MonkeyPatch, made: list[None]
) -> None:
    monkeypatch.setattr(
        exposition, "service_families", lambda *_: [gauge(f"x{each}", "", 0) for each in range(50)]
    )
    rounds = 0

    async def count(done: Callable[[], bool]) -> None:
        nonlocal rounds
        while not done():
            rounds += 1
            await asyncio.sleep(0)

    text = asyncio.create_task(Exposition(Source(), LoopLag()).text())  # type: ignore[arg-type]
    await count(text.done)
    assert rounds >= 50
