"""OpenSSL's QUIC client, which has no connection id of its own, and what keys it is had with."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smbquic.api import server as api
from smbquic.pki import PkiDirectory

pytestmark = pytest.mark.debian("openssl")
PATIENCE = 60.0


@pytest.fixture(scope="module", autouse=True)
def speaks_quic() -> None:
    """Versions before 3.2 do not."""
    said = subprocess.run(["openssl", "s_client", "-help"], capture_output=True, text=True)
    if "-quic" not in said.stderr:
        pytest.skip("this openssl has no QUIC")


@pytest.fixture
async def port(tmp_path: Path, pki: PkiDirectory) -> AsyncIterator[str]:
    """A server as it is by default."""
    async with api.serve(
        {"data": tmp_path},
        {"alice": "correct horse 7"},
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
    ) as serving:
        yield serving.listeners[0].rpartition(":")[2]


async def s_client(port: str, pki: PkiDirectory, *options: str) -> str:
    """Return the output of openssl's client for a connection that it ends at once."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-quic", "-alpn", "smb", "-servername", "localhost"),
        *("-connect", f"127.0.0.1:{port}", "-CAfile", str(pki.ca), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(b""), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return said.decode()


async def test_it_connects_with_its_defaults(port: str, pki: PkiDirectory) -> None:
    said = await s_client(port, pki)

    assert "ALPN protocol: smb" in said
    assert "Verify return code: 0 (ok)" in said


@pytest.mark.parametrize(
    ("groups", "taken"),
    [
        # The first of several groups is the one that it sends a key share of, and those with a *.
        ("*X25519MLKEM768/*X25519", "X25519"),
        ("X25519:P-256", "X25519"),
        ("P-256:X25519", "ECDH, prime256v1"),
        ("P-384:X25519", "ECDH, secp384r1"),
        ("P-521:X25519", None),
        ("X25519MLKEM768:X25519", None),
    ],
)
async def test_a_share_that_it_sends_is_taken_and_no_other_asked_for(
    port: str, pki: PkiDirectory, groups: str, taken: str | None
) -> None:
    """X25519 is known to both in each case."""
    said = await s_client(port, pki, "-groups", groups)

    if taken is None:
        assert "ALPN protocol: smb" not in said
    else:
        assert f"Peer Temp Key: {taken}" in said
