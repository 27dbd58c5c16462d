"""Imports of a client: neither the server, nor what other clients need."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smbquic import sync
from smbquic.pki import PkiDirectory
from tests.engines import AUTO, MODULES
from tests.imported import ENGINES, SERVER, command, imported

CONNECTING = """
import asyncio, os, smbquic

async def connected():
    async with smbquic.connect({url!r}, ca=os.environ["SMBQUIC_CA"]) as share:
        await share.listdir()

asyncio.run(connected())
"""
PREPARED = """
import asyncio, os, sys, time, smbquic
from smbquic import lazy_dataclass
from smbquic.client.first_messages import compile_steps
from smbquic.client.late_imports import import_client
from smbquic.wire import message

import_client("quic")
for _ in compile_steps():
    pass
compiled = []

def noting(compile):
    def compile_and_note(made, **options):
        compiled.append((time.monotonic(), str(made)))
        return compile(made, **options)
    return compile_and_note

lazy_dataclass._compile_init = noting(lazy_dataclass._compile_init)
message.compile_methods = noting(message.compile_methods)

async def connected():
    async with smbquic.connect({url!r}, ca=os.environ["SMBQUIC_CA"]) as share:
        begun = share.stages.over["transport"]
        assert not [name for at, name in compiled if begun < at < share.stages.over["tree"]]
        await share.listdir()
        assert compiled

asyncio.run(connected())
"""
OTHER_USES = {
    "encodings.idna": "names in other alphabets",
    "smbquic.auth.acceptor_mechanism": "a server",
    "smbquic.auth.logon_limiter": "a server",
    "smbquic.client.tree": "copies of folders",
    "smbquic.pki.authority": "issuing certificates",
    "smbquic.transport.quic.unauthenticated": "a server",
    "fsspec": "programs that open URLs",
    "rich": "progress bars",
    "smbclient": "programs that use smbprotocol",
    "spnego": "programs that use smbprotocol",
    "upath": "programs that use universal_pathlib",
}
"""Modules that a client does without which lists a folder or gets a file, and what they are for."""
NOT_LISTED_WITH = {
    "smbquic.cli.transfers": "other commands",
    "smbquic.client.transfer": "copies",
    "smbquic.wire.create_contexts": "a server",
}
"""Modules that a client does without which lists a folder."""
NOT_GOT_WITH = {
    "smbquic.cli.cat": "another command",
    "smbquic.cli.files": "other commands",
    "smbquic.options.sync": "copies of what differs",
    "smbquic.wire.fscc.fsctl_payloads": "files with holes",
}
"""Modules that a client does without which gets a file."""
USED = {"quic": [MODULES[AUTO]], "tcp": []}
USING = {"command": command("ls", "{url}"), "library": CONNECTING}


@pytest.fixture
def urls(tmp_path: Path, pki: PkiDirectory) -> Iterator[dict[str, str]]:
    with sync.serve(
        {"data": tmp_path},
        {"alice": "secret"},
        ["quic://localhost:0", "tcp://localhost:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        ports = [url.rpartition(":")[2] for url in serving.listeners]
        yield {
            "quic": f"smb+quic://alice:secret@localhost:{ports[0]}/data",
            "tcp": f"smb://alice:secret@localhost:{ports[1]}/data",
        }


def imported_at(url: str, pki: PkiDirectory, program: str) -> set[str]:
    """What a program that uses this URL has imported at its end."""
    return imported(
        program.replace("{url!r}", repr(url)).replace("{url}", url),
        {**os.environ, "SMBQUIC_CA": str(pki.ca)},
    )


@pytest.mark.parametrize("program", USING.values(), ids=USING)
@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_a_client_imports_neither_the_server_nor_an_unused_engine(
    urls: dict[str, str], pki: PkiDirectory, program: str, transport: str
) -> None:
    modules = imported_at(urls[transport], pki, program)
    assert "smbquic.client.share" in modules
    assert not modules & {*SERVER, *OTHER_USES, *NOT_LISTED_WITH}
    assert [engine for engine in ENGINES if engine in modules] == USED[transport]


@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_a_get_imports_no_other_command_and_little_of_the_package(
    urls: dict[str, str], pki: PkiDirectory, tmp_path: Path, transport: str
) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    getting = command("get", "{url}/file", str(tmp_path / "got"))
    modules = imported_at(urls[transport], pki, getting)
    assert (tmp_path / "got").read_bytes() == b"abc"
    assert not modules & {*SERVER, *OTHER_USES, *NOT_GOT_WITH}
    assert [engine for engine in ENGINES if engine in modules] == USED[transport]
    ours = {name for name in modules if name.startswith("smbquic.")}
    assert len(ours) <= 230, sorted(ours)


@pytest.mark.parametrize("transport", ["quic", "tcp"])
def test_a_logon_compiles_only_what_is_compiled_while_the_client_connects(
    urls: dict[str, str], pki: PkiDirectory, transport: str
) -> None:
    imported_at(urls[transport], pki, PREPARED)
