"""Shares are listed, copied within and watched, by other people's clients and from their server."""

import os
import pty
import random
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from impacket.dcerpc.v5 import srvs, transport, wkst  # type: ignore[import-untyped]
from impacket.smbconnection import SMBConnection  # type: ignore[import-untyped]

import smbquic
from smbquic.client.stat import ShareEntry
from smbquic.errors import NotListedError
from smbquic.pki import PkiDirectory
from tests.interop.processes import (
    PASSWORD,
    STARTING,
    USER,
    ServerProcess,
    Smbclient,
    running_server,
    running_smbd,
    stop,
)
from tests.interop.tap import tapped
from tests.interop.test_tshark import dissected

NAMES = ["data", "readonly", "IPC$"]


def listing(port: int, *options: str) -> "subprocess.CompletedProcess[str]":
    """`smbclient -L`."""
    return subprocess.run(
        [
            *("smbclient", "-L", "//localhost", "-p", str(port), "-s", "/dev/null", "-g"),
            *("-U", f"{USER}%{PASSWORD}", "--option=client min protocol=SMB2_02", *options),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.debian("smbclient")
@pytest.mark.parametrize("dialect", ["SMB3_00", "SMB3_02", "SMB3_11"])
def test_smbclient_lists_the_shares(server: ServerProcess, dialect: str) -> None:
    done = listing(server.ports["tcp"], "-m", dialect)
    assert done.returncode == 0, done.stderr
    shares = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
    assert [(kind, name) for kind, name, _ in shares] == [
        ("Disk", "data"),
        ("Disk", "readonly"),
        ("IPC", "IPC$"),
    ]


@pytest.mark.debian("smbclient")
def test_nobody_lists_them_over_quic(server: ServerProcess, relay_port: int) -> None:
    assert "IPC$" not in listing(relay_port).stdout


@pytest.mark.debian("smbclient", "tshark")
def test_wireshark_understands_it(server: ServerProcess, tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcap"
    with tapped(server.ports["tcp"], capture) as port:
        done = listing(port, "--client-protection=sign")
    assert done.returncode == 0, done.stderr
    assert dissected(capture, "_ws.malformed", "frame.number") == []
    calls = dissected(capture, "srvsvc", "srvsvc.opnum")
    assert ["15"] in calls
    [shares] = dissected(
        capture, "srvsvc.srvsvc_NetShareInfo1.name", "srvsvc.srvsvc_NetShareInfo1.name"
    )
    assert "data" in shares[0]


def test_impacket_asks_for_everything(server: ServerProcess) -> None:
    connection: Any = SMBConnection("localhost", "127.0.0.1", sess_port=server.ports["tcp"])
    connection.login(USER, PASSWORD)
    assert [share["shi1_netname"] for share in connection.listShares()] == [
        f"{name}\0" for name in NAMES
    ]

    def bound(pipe: str, interface: Any) -> Any:
        found = transport.SMBTransport(
            "localhost", server.ports["tcp"], rf"\{pipe}", smb_connection=connection
        ).get_dce_rpc()
        found.connect()
        found.bind(interface)
        return found

    service = bound("srvsvc", srvs.MSRPC_UUID_SRVS)
    for level in (0, 1, 2, 501, 502):
        assert srvs.hNetrShareEnum(service, level)["TotalEntries"] == 3
    for level in (100, 101, 102):
        assert srvs.hNetrServerGetInfo(service, level)["ErrorCode"] == 0
    info = srvs.hNetrShareGetInfo(service, "data\0", 1005)["InfoStruct"]
    assert info["ShareInfo1005"]["shi1005_flags"] == 0
    assert abs(srvs.hNetrRemoteTOD(service)["BufferPtr"]["tod_elapsedt"] - time.time()) < 60
    with pytest.raises(srvs.DCERPCSessionError, match="0x906"):
        srvs.hNetrShareGetInfo(service, "nope\0", 1)
    station = bound("wkssvc", wkst.MSRPC_UUID_WKST)
    for level in (100, 101, 102):
        assert wkst.hNetrWkstaGetInfo(station, level)["ErrorCode"] == 0
    connection.close()


async def test_our_client_lists_our_shares(server: ServerProcess) -> None:
    url = f"smb://{USER}@localhost:{server.ports['tcp']}"
    async with smbquic.open_session(url, password=PASSWORD) as session:
        shares = await session.shares()
    assert [share.name for share in shares] == NAMES


async def test_over_quic_it_says_why_not(server: ServerProcess) -> None:
    url = f"smb+quic://{USER}@localhost:{server.ports['quic']}"
    async with smbquic.open_session(url, password=PASSWORD, ca=server.pki.ca) as session:
        with pytest.raises(NotListedError, match="does not list its shares over QUIC"):
            await session.shares()


async def test_over_quic_if_the_server_lets_us(pki: PkiDirectory, tmp_path: Path) -> None:
    with running_server(tmp_path, pki, "--pipes-over-quic") as server:
        url = f"smb+quic://{USER}@localhost:{server.ports['quic']}"
        async with smbquic.open_session(url, password=PASSWORD, ca=pki.ca) as session:
            assert [share.name for share in await session.shares()] == NAMES


@pytest.mark.debian("smbd", "smbpasswd")
@pytest.mark.skipif(os.geteuid() != 0, reason="smbd has to be run as root")
async def test_our_client_lists_the_shares_of_smbd(tmp_path: Path) -> None:
    with running_smbd(tmp_path) as smbd:
        url = f"smb://{smbd.user}@localhost:{smbd.port}"
        async with smbquic.open_session(url, password=PASSWORD) as session:
            shares = await session.shares()
    assert ShareEntry("sealed", "disk", False, "") in shares
    assert {share.name for share in shares} >= {"data", "readonly", "sealed", "IPC$"}
    [ipc] = [share for share in shares if share.name == "IPC$"]
    assert (ipc.kind, ipc.special) == ("pipe", True)


@pytest.mark.debian("smbclient")
def test_smbclient_copies_on_the_server(server: ServerProcess, local: Path) -> None:
    content = random.Random(1).randbytes(3_000_001)
    (server.share / "a").write_bytes(content)
    code, output = Smbclient(server.ports["tcp"], local)("scopy a b")
    assert code == 0, output
    assert (server.share / "b").read_bytes() == content
    assert list(local.iterdir()) == []


@pytest.mark.debian("smbclient")
def test_smbclient_is_told_of_local_changes(server: ServerProcess) -> None:
    (server.share / "sub").mkdir()
    # Into anything but a terminal it would write when it ends, which it does not.
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [
            *("smbclient", "//localhost/data", "-p", str(server.ports["tcp"]), "-s", "/dev/null"),
            *("-U", f"{USER}%{PASSWORD}", "-c", "notify sub"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=its_end,
        stderr=its_end,
        text=True,
    )
    os.close(its_end)
    printed = b""
    try:
        # When it begins to watch, it does not say.
        for number in range(int(STARTING * 10)):
            (server.share / "sub" / f"new{number}").touch()
            if select.select([terminal], [], [], 0.1)[0]:
                printed += os.read(terminal, 65536)
            if b"0001 new" in printed:
                break
    finally:
        stop(process)
        os.close(terminal)
    assert b"0001 new" in printed, printed
