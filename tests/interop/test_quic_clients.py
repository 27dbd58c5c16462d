"""QUIC clients of other libraries: OpenSSL's, ngtcp2's with GnuTLS, and HTTP/3's.

Those that ask for `smb` are served by each engine that can; those that ask for `h3` are refused as
[RFC9001] 8.1 says.
"""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from smbquic.api import server as api
from smbquic.api.serving import Serving
from smbquic.observe.audit import AuditEvent
from smbquic.options.quic import EngineName
from smbquic.pki import PkiDirectory
from smbquic.protocol.client import ClientProtocol
from smbquic.protocol.settings import ClientSettings
from smbquic.transport.quic import registry
from smbquic.wire.negotiate import Dialect
from tests.engines import ENGINES

PATIENCE = 60.0
SERVED = [each.name for each in registry.ENGINES if each.capabilities.zero_length_ids]
"""The engines that serve clients with a zero-length connection ID, as all but ngtcp2's have."""
RETRYING = "native"
"""The engine that asks for another key share (HelloRetryRequest)."""
NO_APPLICATION_PROTOCOL = 0x100 + 120
"""CONNECTION_CLOSE for the TLS alert ([RFC9001] 4.8, [RFC7301] 3.2)."""
ASKING_FOR_SMB = """
#define _GNU_SOURCE
#include <dlfcn.h>

struct datum { const char *data; unsigned int size; };
typedef int set_protocols(void *, const struct datum *, unsigned int, unsigned int);

int gnutls_alpn_set_protocols(
    void *session, const struct datum *protocols, unsigned int count, unsigned int flags)
{
    struct datum smb = {"smb", 3};
    set_protocols *original = (set_protocols *)dlsym(RTLD_NEXT, "gnutls_alpn_set_protocols");
    (void)protocols, (void)count;
    return original(session, &smb, 1, flags);
}
"""
"""A library to be preloaded by ngtcp2's client, which asks for `h3` by itself."""

openssl = pytest.mark.debian("openssl")
served = pytest.mark.parametrize("engine", SERVED, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
async def serving(tmp_path: Path, pki: PkiDirectory, engine: EngineName) -> AsyncIterator[Serving]:
    """A server as it is by default, but for its engine."""
    share = tmp_path / "share"
    share.mkdir()
    async with api.serve(
        {"data": share},
        {"alice": "correct horse 7"},
        ["quic://127.0.0.1:0"],
        certificate=pki.server.certificate,
        key=pki.server.key,
        engine=engine,
    ) as serving:
        yield serving


def port_of(serving: Serving) -> str:
    return serving.listeners[0].rpartition(":")[2]


def connections(serving: Serving) -> int:
    """How many clients have completed their handshakes."""
    return serving.service.audit.counts.of(AuditEvent.CONNECTION).get("quic", 0)


def failures(serving: Serving) -> dict[str, int]:
    """How many handshakes have failed, by reason."""
    return dict(serving.service.audit.counts.of(AuditEvent.HANDSHAKE_FAILURE))


async def said(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a client whose standard input has ended; return all that it prints."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode(errors="replace")


# OpenSSL.


def s_client(serving: Serving, pki: PkiDirectory, alpn: str = "smb") -> Sequence[str]:
    return (
        *("openssl", "s_client", "-quic", "-alpn", alpn, "-servername", "localhost"),
        *("-connect", f"127.0.0.1:{port_of(serving)}", "-CAfile", str(pki.ca)),
    )


@openssl
@served
async def test_openssl_connects_with_its_defaults(serving: Serving, pki: PkiDirectory) -> None:
    output = await said(*s_client(serving, pki))

    assert "ALPN protocol: smb" in output
    assert "Verify return code: 0 (ok)" in output
    assert (connections(serving), failures(serving)) == (1, {})


@openssl
@served
async def test_openssl_carries_a_negotiate(serving: Serving, pki: PkiDirectory) -> None:
    protocol = ClientProtocol(
        ClientSettings(client_guid=os.urandom(16)),
        quic=True,
        server_name="localhost",
        random=os.urandom,
    )
    request = b"".join(protocol.negotiate().buffers)
    process = await asyncio.create_subprocess_exec(
        *s_client(serving, pki),
        "-quiet",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            process.stdin.write(len(request).to_bytes(4, "big") + request)
            size = int.from_bytes(await process.stdout.readexactly(4), "big")
            answer = await process.stdout.readexactly(size)
    finally:
        process.kill()
        await process.communicate()
    [response] = protocol.receive(memoryview(answer))

    assert protocol.receive_negotiate_response(response).dialect is Dialect.SMB_3_1_1


@openssl
@served
@pytest.mark.parametrize(
    ("groups", "taken", "asked_for"),
    [
        # The first of several groups is the one that it sends a key share of, and those with a *.
        ("*X25519MLKEM768/*X25519", "X25519", None),
        ("X25519:P-256", "X25519", None),
        ("P-256:X25519", "ECDH, prime256v1", None),
        ("P-384:X25519", "ECDH, secp384r1", None),
        ("P-521:X25519", None, "X25519"),
        ("X25519MLKEM768:X25519", None, "X25519"),
    ],
)
async def test_a_key_share_of_openssl_is_taken_or_another_one_asked_for(
    serving: Serving,
    pki: PkiDirectory,
    engine: EngineName,
    groups: str,
    taken: str | None,
    asked_for: str | None,
) -> None:
    """X25519 is known to both in each case; an engine that cannot ask for it refuses."""
    output = await said(*s_client(serving, pki), "-groups", groups)

    group = taken or (asked_for if engine == RETRYING else None)
    if group is None:
        assert "ALPN protocol: smb" not in output
        assert connections(serving) == 0
    else:
        assert f"Peer Temp Key: {group}" in output


@openssl
@served
async def test_openssl_that_asks_for_another_protocol_is_refused(
    serving: Serving, pki: PkiDirectory
) -> None:
    """It does not say with which code; ngtcp2's client does."""
    output = await said(*s_client(serving, pki, alpn="h3"))

    assert "protocol is shutdown" in output
    assert (connections(serving), failures(serving)) == (0, {"alpn": 1})


# ngtcp2 and GnuTLS.


def closing_codes(output: str) -> list[int]:
    """The codes of the CONNECTION_CLOSE frames that ngtcp2's client has received."""
    return [
        int(code, 16)
        for code in re.findall(
            r"frm rx .* CONNECTION_CLOSE\(0x1c\) error_code=\w+\((0x\w+)\)", output
        )
    ]


@pytest.fixture(scope="module")
def asking_for_smb(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of ngtcp2's client with which it asks for `smb`."""
    folder = tmp_path_factory.mktemp("preloaded")
    source, library = folder / "smb.c", folder / "smb.so"
    source.write_text(ASKING_FOR_SMB)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library)}


WITH_IDS = [("", each) for each in ENGINES] + [("--scid=", each) for each in SERVED]
"""An option of ngtcp2's client, which gives it a zero-length connection ID, and engines for it."""


def gtlsclient(serving: Serving, option: str) -> Sequence[str]:
    return ("gtlsclient", *filter(None, [option]), "127.0.0.1", port_of(serving))


@pytest.mark.debian("gtlsclient", "gcc")
@pytest.mark.parametrize(("option", "engine"), WITH_IDS, indirect=["engine"])
async def test_gnutls_accepts_the_handshake_of_a_server(
    serving: Serving, asking_for_smb: dict[str, str], option: str
) -> None:
    """Having verified all of it, the client gives up: HTTP/3 needs more streams than SMB has."""
    output = await said(*gtlsclient(serving, option), env=asking_for_smb)

    assert "peer does not allow at least 3 unidirectional streams" in output
    assert closing_codes(output) == []
    assert (connections(serving), failures(serving)) == (0, {"handshake": 1})


@pytest.mark.debian("gtlsclient")
@pytest.mark.parametrize(("option", "engine"), WITH_IDS, indirect=["engine"])
async def test_gnutls_that_asks_for_another_protocol_is_refused(
    serving: Serving, option: str
) -> None:
    output = await said(*gtlsclient(serving, option))

    assert closing_codes(output) == [NO_APPLICATION_PROTOCOL]
    assert (connections(serving), failures(serving)) == (0, {"alpn": 1})


# HTTP/3.


@pytest.mark.debian("curl")
@served
async def test_curl_with_http_3_is_refused(serving: Serving, pki: PkiDirectory) -> None:
    url = f"https://127.0.0.1:{port_of(serving)}/"
    output = await said("curl", "--http3-only", "--verbose", "--cacert", str(pki.ca), url)

    assert "QUIC connection has been shut down" in output
    assert (connections(serving), failures(serving)) == (0, {"alpn": 1})


@pytest.mark.debian("chromium")
@served
async def test_chromium_with_http_3_is_refused(serving: Serving, tmp_path: Path) -> None:
    """It tries twice."""
    log, address = tmp_path / "net-log.json", f"127.0.0.1:{port_of(serving)}"
    await said(
        *("chromium", "--headless=new", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--log-net-log={log}"),
        *(f"--origin-to-force-quic-on={address}", "--dump-dom", f"https://{address}/"),
    )
    found = json.loads(log.read_text())
    closed = found["constants"]["logEventTypes"]["QUIC_SESSION_CONNECTION_CLOSE_FRAME_RECEIVED"]
    codes = {
        each["params"]["quic_wire_error"] for each in found["events"] if each["type"] == closed
    }

    assert codes == {NO_APPLICATION_PROTOCOL}
    assert connections(serving) == 0
    assert failures(serving).keys() == {"alpn"}
