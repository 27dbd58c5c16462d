import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic.client.late_imports import (
    CLIENT,
    TRANSPORTS,
    TURNS,
    imported_meanwhile,
    pass_turns,
)
from smbquic.client.url import TransportName
from tests.imported import imported


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two modules that nothing has imported yet."""
    names = "late_import_one", "late_import_two"
    for name in names:
        (tmp_path / f"{name}.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return names


async def test_modules_are_imported_while_the_block_waits(modules: tuple[str, str]) -> None:
    one, two = modules
    with imported_meanwhile(one, two):
        assert one not in sys.modules
        await pass_turns()
        await asyncio.sleep(0)
        assert one in sys.modules
        assert two not in sys.modules
        await pass_turns()
        await asyncio.sleep(0)
        assert two in sys.modules


async def test_what_others_can_do_at_once_comes_first(modules: tuple[str, str]) -> None:
    found = []

    async def other() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
            found.append(modules[0] in sys.modules)

    with imported_meanwhile(*modules):
        await other()
    assert found == [False] * TURNS


async def test_nothing_is_imported_after_the_block(modules: tuple[str, str]) -> None:
    with imported_meanwhile(*modules):
        await asyncio.sleep(0)
    for _ in range(3):
        await pass_turns()
    assert not {*modules} & {*sys.modules}


async def test_steps_are_taken_one_by_one_when_all_is_imported(modules: tuple[str, str]) -> None:
    taken = []

    def steps() -> Iterator[None]:
        assert {*modules} <= {*sys.modules}
        for each in range(3):
            taken.append(each)
            yield

    with imported_meanwhile(*modules, then=steps):
        for _ in modules:
            await pass_turns()
            await asyncio.sleep(0)
        assert taken == []  # others come first
        await pass_turns()
        assert taken == [0]
        await pass_turns()
        assert taken == [0, 1]
    await pass_turns()
    assert taken == [0, 1]


async def test_what_is_there_is_not_waited_for(modules: tuple[str, str]) -> None:
    with imported_meanwhile("asyncio", modules[0]):
        await pass_turns()
        await asyncio.sleep(0)
        assert modules[0] in sys.modules


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_is_imported_at_once_where_connecting_is_measured(
    transport: TransportName,
) -> None:
    program = f"from smbquic.client.late_imports import import_client; import_client('{transport}')"
    loaded = imported(program)
    assert {*CLIENT, *TRANSPORTS[transport]} <= loaded
    assert ("smbquic.transport.quic.client" in loaded) == (transport == "quic")


def test_a_command_starts_without_what_is_imported_while_it_connects() -> None:
    loaded = imported("import smbquic.cli.transfers, smbquic.cli.listing, smbquic.cli.files")
    assert not {*CLIENT, "cryptography.x509"} & loaded


def test_ping_imports_everything_before_it_connects() -> None:
    program = """
import sys
from smbquic.api import client
from smbquic.cli.main import main
from smbquic.client.late_imports import CLIENT, TRANSPORTS

async def connect(*_, **__):
    sys.exit(len({*CLIENT, *TRANSPORTS["quic"]} - set(sys.modules)))

client._open = connect
assert main(["ping", "smb+quic://127.0.0.1:9"]) == 0
"""
    imported(program)
