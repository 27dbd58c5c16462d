"""A server is found by multicast DNS; everything stays on loopback."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ifaddr
import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

import smbquic
from smbquic.api import discovery
from smbquic.api.discovery import SERVICE, announced, tcp_listener
from smbquic.api.listen import ListenAddress
from smbquic.errors import ConfigError


class Browser:
    """A client that looks for servers, on loopback only."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[tuple[str, ServiceStateChange]] = asyncio.Queue()

    async def __aenter__(self) -> "Browser":
        self.zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"])
        self._browser = AsyncServiceBrowser(
            self.zeroconf.zeroconf, SERVICE, handlers=[self._changed]
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._browser.async_cancel()
        await self.zeroconf.async_close()

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        self.changes.put_nowait((name, state_change))

    async def wait_for(self, name: str, change: ServiceStateChange) -> None:
        while await self.changes.get() != (name, change):
            pass

    async def info(self, name: str) -> AsyncServiceInfo:
        info = AsyncServiceInfo(SERVICE, name)
        assert await info.async_request(self.zeroconf.zeroconf, 60_000)
        return info


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with Browser() as browser:
        yield browser


async def test_a_server_is_found_and_says_goodbye(browser: Browser, tmp_path: Path) -> None:
    async with smbquic.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        ["tcp://127.0.0.1:0"],
        server_name="files-one.example",
        mdns=True,
    ) as serving:
        name = f"files-one.{SERVICE}"
        await browser.wait_for(name, ServiceStateChange.Added)
        info = await browser.info(name)
        assert info.parsed_addresses() == ["127.0.0.1"]
        assert info.port == ListenAddress.parse(serving.listeners[0]).port
    await browser.wait_for(name, ServiceStateChange.Removed)


def test_which_listener_is_announced() -> None:
    urls = ["quic://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"]
    assert tcp_listener(urls).port == 2
    with pytest.raises(ConfigError, match="add tcp://HOST:445"):
        tcp_listener(urls[:1])


async def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(ConfigError, match=r"pip install 'smbquic\[discovery\]'"):
        async with announced("fs", ["tcp://127.0.0.1:1"]):
            pass


@pytest.mark.parametrize("addresses", [["127.0.0.1"], []])
async def test_a_network_that_refuses(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(1, "no multicast here")

    monkeypatch.setattr("zeroconf.asyncio.AsyncZeroconf", refuse)
    monkeypatch.setattr(discovery, "_addresses", lambda address: addresses)
    caplog.set_level(logging.WARNING)
    async with announced("fs", ["tcp://127.0.0.1:1"]):
        pass
    assert "the server is not announced by multicast DNS: " in caplog.text


def test_the_addresses_of_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    ips: list[Any] = ["127.0.0.1", "192.0.2.1", ("::1", 0, 0), ("fe80::1", 0, 2), ("fd00::1", 0, 0)]
    adapter = SimpleNamespace(ips=[SimpleNamespace(ip=each) for each in ips])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    for url, expected in {
        "tcp://0.0.0.0:445": ["192.0.2.1"],
        "tcp://[::]:445": ["fd00::1"],
        "tcp://192.0.2.7:445": ["192.0.2.7"],
    }.items():
        assert discovery._addresses(ListenAddress.parse(url)) == expected
