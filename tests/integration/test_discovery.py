"""A server is found by multicast DNS and by WS-Discovery; everything stays on loopback."""

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import ifaddr
import pytest
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

import smbquic
from smbquic.api import discovery
from smbquic.api.discovery import SERVICE, announced, announced_to_windows, tcp_listener
from smbquic.api.listen import ListenAddress
from smbquic.errors import ConfigError
from smbquic.wsd import metadata, multicast
from tests.unit.wsd.clients import action_of, find, get, probe, resolve


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


async def test_a_server_is_found_by_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metadata, "PORT", 0)
    monkeypatch.setattr(multicast, "MAX_DELAY", 0.01)
    caplog.set_level(logging.WARNING)
    loop = asyncio.get_running_loop()
    own = socket.inet_aton("127.0.0.1")
    group = socket.inet_aton(multicast.GROUP)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearing,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
    ):
        hearing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hearing.bind((multicast.GROUP, 0))
        hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + own)
        asking.bind(("127.0.0.1", 0))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        hearing.setblocking(False)
        asking.setblocking(False)
        port = hearing.getsockname()[1]
        monkeypatch.setattr(multicast, "PORT", port)
        async with smbquic.serve(
            {"data": tmp_path},
            {"alice": "secret"},
            ["tcp://127.0.0.1:0"],
            server_name="files-one.example",
            wsd=True,
        ):
            assert action_of(await loop.sock_recv(hearing, 65536)) == "Hello"
            asking.sendto(probe("w:Computer"), (multicast.GROUP, port))
            match = await loop.sock_recv(asking, 65536)
            place = "s:Body/d:ProbeMatches/d:ProbeMatch/a:EndpointReference/a:Address"
            asking.sendto(resolve(find(match, place)), (multicast.GROUP, port))
            address = await loop.sock_recv(asking, 65536)
            url = find(address, "s:Body/d:ResolveMatches/d:ResolveMatch/d:XAddrs")
            with await asyncio.to_thread(urlopen, url, get()) as answer:
                found = answer.read()
            assert find(found, ".//w:Computer") == "files-one/Workgroup:WORKGROUP"
        messages = [await loop.sock_recv(hearing, 65536)]
        while action_of(messages[-1]) != "Bye":
            messages.append(await loop.sock_recv(hearing, 65536))
    assert caplog.text == ""


async def test_what_wsd_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"add tcp://0\.0\.0\.0:445"):
        async with announced_to_windows("fs", ["quic://127.0.0.1:1", "tcp://[::1]:1"]):
            pass
    monkeypatch.setattr(discovery, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'smbquic\[discovery\]'"):
        async with announced_to_windows("fs", ["tcp://127.0.0.1:1"]):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
async def test_a_network_that_refuses_wsd(
    host: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(interface: object) -> None:
        raise OSError(1, "no multicast here")

    monkeypatch.setattr(metadata, "PORT", 0)
    monkeypatch.setattr(multicast, "_socket", refuse)
    caplog.set_level(logging.WARNING)
    async with announced_to_windows("fs", [f"tcp://{host}:1"]):
        pass
    assert "the server is not announced by WS-Discovery" in caplog.text


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
