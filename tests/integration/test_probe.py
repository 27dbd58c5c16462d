"""`probe` names the right step for each staged fault."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any, cast

import pytest
from aioquic.asyncio.server import serve as foreign_serve
from aioquic.quic.configuration import QuicConfiguration
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from smbquic.api import server as api
from smbquic.api.serving import Serving
from smbquic.cli.main import cli
from smbquic.client.probe import failure, probe
from smbquic.client.probe_results import ProbeOptions, ProbeOutcome, ProbeResult, ProbeStep
from smbquic.client.quic_versions import parse
from smbquic.client.url import SmbUrl
from smbquic.options.certificate import IdentityFiles
from smbquic.pki import CertificateFiles, Fault, FaultyPki, PkiDirectory, Trust
from smbquic.transport import quic, tcp
from smbquic.transport.base import Listener, MessageTransport
from smbquic.transport.quic import ClientTls, QuicOptions
from smbquic.transport.resolver import Resolution, Resolver
from tests.nameserver import running_name_server

PASSWORD = "correct horse"


class OnlyIPv4(Resolver):
    """Where `localhost` has both families, a server on one of them is half of one."""

    async def resolve(self, host: str, port: int, kind: socket.SocketKind) -> Resolution:
        found = await super().resolve(host, port, kind)
        rows = [each for each in found.addresses if each.family is socket.AF_INET]
        return Resolution(rows, found.by)


async def probed(pki: PkiDirectory, url: str, **more: Any) -> list[ProbeResult]:
    more.setdefault("trust", Trust.load(pki.ca))
    more.setdefault("resolver", OnlyIPv4())
    options = ProbeOptions(**{"timeout": 60.0, **more})
    async with aclosing(probe(SmbUrl.parse(url), options)) as steps:
        return [step async for step in steps]


def fails_at(results: list[ProbeResult], step: ProbeStep, *words: str) -> None:
    last = results[-1]
    assert (last.step, last.outcome) == (step, ProbeOutcome.FAILED), results
    assert last.advice
    for word in words:
        assert word in last.text
    assert all(each.outcome is not ProbeOutcome.FAILED for each in results[:-1])


def identity(files: CertificateFiles, **more: Any) -> IdentityFiles:
    return IdentityFiles(certificate=files.certificate, key=files.key, **more)


class Ground:
    """Starts servers, and gives their URLs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack: list[AbstractAsyncContextManager[Serving]] = []

    async def serve(
        self, *files: IdentityFiles, listen: str = "quic://127.0.0.1:0", **more: Any
    ) -> str:
        context = api.serve(
            {"data": self.folder}, {"alice": PASSWORD}, [listen], certificates=files, **more
        )
        running = await context.__aenter__()
        self.stack.append(context)
        port = running.listeners[0].rpartition(":")[2]
        return f"localhost:{port}"


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    yield made
    for context in made.stack:
        await context.__aexit__(None, None, None)


async def test_all_is_well(pki: PkiDirectory, ground: Ground) -> None:
    where = await ground.serve(identity(pki.server, default=True))
    results = await probed(pki, f"smb+quic://alice@{where}/data", password=PASSWORD)
    assert [each.step for each in results] == [
        step for step in ProbeStep if step is not ProbeStep.CLIENT_CERTIFICATE
    ]
    assert {each.outcome for each in results} == {ProbeOutcome.OK}
    short = await probed(pki, f"smb+quic://{where}")
    assert (short[-1].step, short[-1].outcome) == (ProbeStep.LOGON, ProbeOutcome.SKIPPED)
    without_share = await probed(pki, f"smb+quic://alice@{where}", password=PASSWORD)
    assert (without_share[-1].step, without_share[-1].outcome) == (
        ProbeStep.SHARE,
        ProbeOutcome.SKIPPED,
    )


async def test_all_is_well_over_tcp(pki: PkiDirectory, ground: Ground) -> None:
    where = await ground.serve(listen="tcp://127.0.0.1:0")
    results = await probed(pki, f"smb://alice@{where}/data", password=PASSWORD)
    assert [each.step for each in results if each.outcome is ProbeOutcome.OK] == [
        ProbeStep.NAME,
        ProbeStep.ADDRESSES,
        ProbeStep.REACHABILITY,
        ProbeStep.NEGOTIATE,
        ProbeStep.LOGON,
        ProbeStep.SHARE,
    ]


async def test_a_name_that_does_not_exist(pki: PkiDirectory) -> None:
    fails_at(await probed(pki, "smb+quic://nowhere.invalid"), ProbeStep.NAME, "cannot be resolved")


@pytest.mark.parametrize("scheme", ["smb", "smb+quic"])
async def test_a_name_that_is_asked_for_over_https(
    pki: PkiDirectory, ground: Ground, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
    listen = f"{'tcp' if scheme == 'smb' else 'quic'}://127.0.0.1:0"
    where = await ground.serve(identity(pki.server, default=True), listen=listen)
    port = where.rpartition(":")[2]
    async with running_name_server(pki) as names:
        names.addresses["fs.example"] = ["127.0.0.1"]
        asked = Resolver(dns="doh-only", doh_url=names.url)

        results = await probed(
            pki, f"{scheme}://alice@fs.example:{port}/data", password=PASSWORD, resolver=asked
        )
        fails_at(
            await probed(pki, f"{scheme}://other.example:{port}", resolver=asked),
            ProbeStep.NAME,
            f"has no address, says {names.url}",
        )

    assert results[0].details == {"resolved_by": names.url}
    assert (results[-1].step, results[-1].outcome) == (ProbeStep.SHARE, ProbeOutcome.OK)


@pytest.mark.parametrize("scheme", ["smb", "smb+quic"])
async def test_nobody_listens(pki: PkiDirectory, scheme: str) -> None:
    kind = socket.SOCK_STREAM if scheme == "smb" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = await probed(pki, f"{scheme}://127.0.0.1:{port}")
    fails_at(results, ProbeStep.REACHABILITY)


@pytest.mark.parametrize("tcp_open", [True, False])
async def test_udp_is_filtered(pki: PkiDirectory, tcp_open: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, socket.socket() as beside:
        beside.bind(("127.0.0.1", 0))
        port = beside.getsockname()[1]
        silent.bind(("127.0.0.1", port))
        if tcp_open:
            beside.listen()
        results = await probed(pki, f"smb+quic://127.0.0.1:{port}", timeout=2.0)
    words = "TCP on that port is open" if tcp_open else "it refuses TCP"
    fails_at(results, ProbeStep.REACHABILITY, "what a filter does", words)


class OldServer(asyncio.DatagramProtocol):
    """Answers everything with the versions that it speaks, and nothing else."""

    def __init__(self, *versions: int) -> None:
        self.versions = versions

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of those of asyncio.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[1:5] in (b"\x00\x00\x00\x01", b"\x6b\x33\x43\xcf"):
            return
        answer = b"\x80" + bytes(4) + data[14:23] + data[5:14]
        answer += b"".join(each.to_bytes(4, "big") for each in self.versions)
        self.transport.sendto(answer, addr)


@pytest.mark.parametrize(
    ("versions", "step"), [((0xFF00001D,), ProbeStep.VERSION), ((1, 0x6B3343CF), ProbeStep.TLS)]
)
async def test_another_quic(pki: PkiDirectory, versions: tuple[int, ...], step: ProbeStep) -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: OldServer(*versions), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    fails_at(await probed(pki, f"smb+quic://127.0.0.1:{port}", timeout=2.0), step)
    transport.close()


async def test_a_web_server(pki: PkiDirectory) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(pki.server.certificate, pki.server.key)
    server = await foreign_serve("127.0.0.1", 0, configuration=configuration)
    assert server._transport is not None
    port = server._transport.get_extra_info("sockname")[1]
    fails_at(await probed(pki, f"smb+quic://localhost:{port}"), ProbeStep.ALPN)
    server.close()


@pytest.mark.parametrize(
    ("allowed", "offered"),
    [
        ({"tls_ciphers": ["AES-256-GCM"]}, {"tls_ciphers": ("CHACHA20-POLY1305", "AES-128-GCM")}),
        ({"tls_groups": ["P-384"]}, {"tls_groups": ("X25519", "P-256")}),
    ],
)
async def test_nothing_in_common(
    pki: PkiDirectory,
    ground: Ground,
    allowed: dict[str, Any],
    offered: dict[str, Any],
) -> None:
    where = await ground.serve(identity(pki.server, default=True), **allowed)
    results = await probed(pki, f"smb+quic://{where}", quic=QuicOptions(**offered))
    fails_at(results, ProbeStep.TLS, "no TLS cipher suite, or no key exchange, in common")
    assert "--tls-groups" in results[-1].advice


async def test_a_name_without_a_certificate(pki: PkiDirectory, ground: Ground) -> None:
    where = await ground.serve(identity(pki.server, names=("fs.example",)))
    fails_at(
        await probed(pki, f"smb+quic://{where}"), ProbeStep.TLS, "no certificate for this name"
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault.EXPIRED, "expired on"),
        (Fault.NOT_YET_VALID, "valid only from"),
        (Fault.UNKNOWN_CA, "not among the trusted"),
        (Fault.SELF_SIGNED, "is self-signed"),
        (Fault.WRONG_NAME, "is not for 'localhost'"),
        (Fault.WRONG_USAGE, "not meant for a server"),
    ],
)
async def test_bad_certificates(
    pki: PkiDirectory, bad_pki: FaultyPki, ground: Ground, fault: Fault, words: str
) -> None:
    where = await ground.serve(identity(bad_pki.server(fault), default=True))
    results = await probed(pki, f"smb+quic://alice@{where}/data", password=PASSWORD)
    fails_at(results, ProbeStep.CERTIFICATE, words)
    assert results[-1].details["certificate"]["sha256"]
    trusting = await probed(pki, f"smb+quic://{where}", insecure=True)
    assert (trusting[-1].step, trusting[-1].outcome) == (ProbeStep.LOGON, ProbeOutcome.SKIPPED)


async def test_client_certificates(pki: PkiDirectory, bad_pki: FaultyPki, ground: Ground) -> None:
    files = identity(pki.server, default=True, client_ca=pki.ca, allow=["issuer:*"])
    url = f"smb+quic://{await ground.serve(files)}"

    async def with_(own: CertificateFiles) -> list[ProbeResult]:
        return await probed(pki, url, client=ClientTls(certificate=own.certificate, key=own.key))

    fails_at(await probed(pki, url), ProbeStep.CLIENT_CERTIFICATE, "demands a client certificate")
    for fault in (Fault.EXPIRED, Fault.UNKNOWN_CA, Fault.WRONG_USAGE):
        fails_at(await with_(bad_pki.client(fault)), ProbeStep.CLIENT_CERTIFICATE)
    good = await with_(pki.client)
    assert ProbeStep.CLIENT_CERTIFICATE in [each.step for each in good]
    nobody = identity(pki.server, default=True, client_ca=pki.ca, allow=())
    url = f"smb+quic://{await ground.serve(nobody)}"
    fails_at(await with_(pki.client), ProbeStep.CLIENT_CERTIFICATE, "access rules deny it")


async def never_answer(transport: MessageTransport) -> None:
    while True:
        await transport.receive()


@pytest.mark.parametrize("scheme", ["smb+quic", "smb"])
async def test_a_server_that_is_not_smb(pki: PkiDirectory, scheme: str) -> None:
    listener: Listener
    if scheme == "smb":
        listener = await tcp.listen("127.0.0.1", 0, never_answer)
    else:
        shown = quic.ServerTls(pki.server.certificate, pki.server.key)
        listener = await quic.listen("127.0.0.1", 0, never_answer, certificate=shown)
    port = listener.url.rpartition(":")[2]
    results = await probed(pki, f"{scheme}://localhost:{port}", timeout=3.0)
    fails_at(results, ProbeStep.NEGOTIATE, "there is no answer")
    await listener.close()


async def test_a_certificate_of_another_user(pki: PkiDirectory, ground: Ground) -> None:
    logons = ["issuer:* -> bob"]
    files = identity(pki.server, default=True, client_ca=pki.ca, logons=logons)
    url = f"smb+quic://alice@{await ground.serve(files)}/data"
    own = ClientTls(certificate=pki.client.certificate, key=pki.client.key)
    results = await probed(pki, url, password=PASSWORD, client=own, timeout=60.0)
    fails_at(results, ProbeStep.LOGON, "alice cannot log on", "access is denied")
    assert "access check --user" in results[-1].advice


async def test_a_wrong_password_and_a_missing_share(pki: PkiDirectory, ground: Ground) -> None:
    where = await ground.serve(identity(pki.server, default=True))
    wrong = await probed(pki, f"smb+quic://alice@{where}/data", password="wrong")
    fails_at(wrong, ProbeStep.LOGON, "alice cannot log on")
    missing = await probed(pki, f"smb+quic://alice@{where}/other", password=PASSWORD)
    fails_at(missing, ProbeStep.SHARE, "other")


async def command(*arguments: str, code: int) -> str:
    runner = CliRunner()
    result = await asyncio.to_thread(
        runner.invoke, cli, ["probe", *arguments], env={"SMBQUIC_PASSWORD": PASSWORD}
    )
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


async def test_the_command(pki: PkiDirectory, ground: Ground) -> None:
    where = await ground.serve(identity(pki.server, default=True))
    where = where.replace("localhost", "127.0.0.1")
    ca = ("--ca", str(pki.ca))
    assert "ok       share: data can be used" in await command(
        f"smb+quic://alice@{where}/data", *ca, code=0
    )
    said = await command(f"smb+quic://alice@{where}/other", *ca, code=5)
    assert "FAILED   share" in said
    assert "what to do: check the name of the share" in said
    said = await command(f"smb+quic://bob@{where}/other", *ca, "--json", code=3)
    assert json.loads(said)["failed"] == "logon"
    said = await command(f"smb+quic://alice@{where}/data", "--json", code=4)
    document = json.loads(said)
    assert document["failed"] == "certificate"
    assert document["steps"][-1]["certificate"]["names"]


@given(st.binary(max_size=40))
def test_any_datagram_is_an_answer_or_none(data: bytes) -> None:
    versions = parse(data)
    assert versions is None or versions


@pytest.fixture
async def both(
    pki: PkiDirectory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Resolver]]:
    """Gives the name fs.example addresses."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca))
    async with running_name_server(pki) as names:

        def called(*addresses: str) -> Resolver:
            names.addresses["fs.example"] = list(addresses)
            return Resolver(dns="doh-only", doh_url=names.url)

        yield called


def steps_of(results: list[ProbeResult], family: str) -> dict[ProbeStep, ProbeOutcome]:
    return {each.step: each.outcome for each in results if each.family == family}


def silent_beside(port: int) -> socket.socket:
    """Takes what comes to the same port over IPv6, and says nothing."""
    silent = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    silent.bind(("::1", port))
    return silent


async def test_one_family_is_filtered(
    pki: PkiDirectory, ground: Ground, both: Callable[..., Resolver]
) -> None:
    port = int((await ground.serve(identity(pki.server, default=True))).rpartition(":")[2])
    url = f"smb+quic://alice@fs.example:{port}/data"
    asked = both("::1", "127.0.0.1")
    with silent_beside(port):
        results = await probed(pki, url, password=PASSWORD, resolver=asked, timeout=2.0)
        command_said = await command(
            *(url, "--ca", str(pki.ca), "--json", "--timeout", "2"),
            *("--dns", "doh-only", "--doh-url", str(asked.doh_url)),
            code=1,
        )

    assert steps_of(results, "IPv6") == {ProbeStep.REACHABILITY: ProbeOutcome.FAILED}
    failed = next(each for each in results if each.outcome is ProbeOutcome.FAILED)
    assert "what a filter does" in failed.text
    assert set(steps_of(results, "IPv4").values()) == {ProbeOutcome.OK}
    assert ProbeStep.NEGOTIATE in steps_of(results, "IPv4")
    assert list(steps_of(results, ""))[-2:] == [ProbeStep.LOGON, ProbeStep.SHARE]
    assert failure(results) is None
    document = json.loads(command_said)
    assert document["failed"] is None
    assert [
        (each["family"], each["step"]) for each in document["steps"] if each["outcome"] == "failed"
    ] == [("IPv6", "reachability")]


async def test_nobody_listens_on_one_family_over_tcp(
    pki: PkiDirectory, ground: Ground, both: Callable[..., Resolver]
) -> None:
    where = await ground.serve(listen="tcp://127.0.0.1:0", target_names=["fs.example"])
    port = where.rpartition(":")[2]
    url = f"smb://alice@fs.example:{port}/data"
    results = await probed(pki, url, password=PASSWORD, resolver=both("127.0.0.1", "::1"))

    assert steps_of(results, "IPv6") == {ProbeStep.REACHABILITY: ProbeOutcome.FAILED}
    assert (results[-1].step, results[-1].outcome) == (ProbeStep.SHARE, ProbeOutcome.OK)


async def test_both_families_fail_each_at_its_own_step(
    pki: PkiDirectory, bad_pki: FaultyPki, ground: Ground, both: Callable[..., Resolver]
) -> None:
    files = identity(bad_pki.server(Fault.EXPIRED), default=True)
    port = int((await ground.serve(files)).rpartition(":")[2])
    with silent_beside(port):
        results = await probed(
            pki, f"smb+quic://fs.example:{port}", resolver=both("127.0.0.1", "::1"), timeout=2.0
        )

    failures = {each.family: each.step for each in results if each.outcome is ProbeOutcome.FAILED}
    assert failures == {"IPv4": ProbeStep.CERTIFICATE, "IPv6": ProbeStep.REACHABILITY}
    furthest = failure(results)
    assert furthest is not None
    assert furthest.step is ProbeStep.CERTIFICATE


# A link's address that does not say of which link: no machine has a way to it.
NOWHERE = "fe80::1"


async def test_a_family_that_this_machine_has_no_way_to(
    pki: PkiDirectory, ground: Ground, both: Callable[..., Resolver]
) -> None:
    port = (await ground.serve(identity(pki.server, default=True))).rpartition(":")[2]
    url = f"smb+quic://fs.example:{port}"
    results = await probed(pki, url, resolver=both(NOWHERE, "127.0.0.1"))

    assert steps_of(results, "IPv6") == {ProbeStep.ADDRESSES: ProbeOutcome.SKIPPED}
    assert ProbeStep.NEGOTIATE in steps_of(results, "IPv4")
    assert failure(results) is None
    alone = await probed(pki, f"smb+quic://[{NOWHERE}]:{port}", resolver=Resolver())
    fails_at(alone, ProbeStep.ADDRESSES, "no way to IPv6")
