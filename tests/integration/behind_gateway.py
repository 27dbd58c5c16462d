"""A plugin of pytest: tests whose server is `smbquic.serve` have it behind a gateway.

    pytest -p tests.integration.behind_gateway tests/integration/test_client_share.py
    pytest -p tests.integration.behind_gateway --behind smbd tests/integration/test_client_share.py

Each QUIC listener becomes one of a gateway, to a TCP listener of the same server. With `--behind
smbd`, Debian's smbd stands in for our server, on TCP as well: so what fails over both transports is
smbd's, and what fails over QUIC alone the gateway's. Tests that look into our server, or give it
options, fail then; `smbquic serve` in a process of its own stays as it is.
"""

import inspect
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import smbquic
from smbquic.api import server
from smbquic.api.gateway import GatewayOptions, gateway
from smbquic.options.gateway import PoolOptions

SERVE = server.serve
INSIDE = "tcp://127.0.0.1:0"


@dataclass
class SmbdServing:
    """What stands in for `smbquic.Serving`."""

    listeners: list[str]


@asynccontextmanager
async def behind_gateway(
    shares: Any,
    users: Any,
    listen: Sequence[str] = ("quic://localhost", "tcp://localhost"),
    **options: Any,
) -> AsyncIterator[smbquic.Serving]:
    """Do what `smbquic.serve` does, with gateways as QUIC listeners."""
    inside = [INSIDE if each.startswith("quic:") else each for each in listen]
    async with AsyncExitStack() as stack:
        # Clients bind their logon to the gateway's certificate.
        mine = {"extended_protection": False, **options}
        serving = await stack.enter_async_context(SERVE(shares, users, inside, **mine))
        await _replace(serving.listeners, listen, options, stack)
        yield serving


async def _replace(
    listeners: list[str], listen: Sequence[str], options: dict[str, Any], stack: AsyncExitStack
) -> None:
    """Put gateways in the place of TCP listeners that are to be QUIC ones."""
    known = {each.name for each in fields(GatewayOptions)}
    passed = {name: value for name, value in options.items() if name in known}
    for number, address in enumerate(listen):
        if address.startswith("quic:"):
            pools = [PoolOptions(backends=[listeners[number]])]
            running = await stack.enter_async_context(gateway(pools, listen=[address], **passed))
            listeners[number] = running.listeners[0]


@asynccontextmanager
async def smbd_behind_gateway(
    shares: Mapping[str, Any],
    users: Mapping[str, str],
    listen: Sequence[str] = ("quic://localhost", "tcp://localhost"),
    **options: Any,
) -> AsyncIterator[SmbdServing]:
    """Serve one folder with smbd to one user, over TCP and through gateways."""
    # It imports a plugin, which pytest itself has to be the first to import.
    from tests.interop.processes import running_smbd

    [(name, share)], [(user, password)] = shares.items(), users.items()
    assert name == "data"
    assert isinstance(share, Path)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        smbd = stack.enter_context(running_smbd(folder, share=share, alias=user, password=password))
        serving = SmbdServing([f"tcp://127.0.0.1:{smbd.port}"] * len(listen))
        await _replace(serving.listeners, listen, options, stack)
        yield serving


def pytest_addoption(parser: pytest.Parser) -> None:
    """Called by pytest."""
    parser.addoption("--behind", choices=["serve", "smbd"], default="serve")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest, before it imports tests."""
    smbd = config.getoption("--behind") == "smbd"
    if smbd and os.geteuid() != 0:
        raise pytest.UsageError("--behind smbd takes root")
    serve: Any = smbd_behind_gateway if smbd else behind_gateway
    serve.__signature__ = inspect.signature(SERVE)
    vars(server)["serve"] = vars(smbquic)["serve"] = serve
