"""Debian's smbclient against our server, over TCP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from smbquic.auth.authenticator import Authenticator
from smbquic.auth.ntlm.acceptor import NtlmMechanism
from smbquic.auth.users import UserStore
from smbquic.options.limits import Limits
from smbquic.protocol.settings import DIALECTS as ALL_DIALECTS
from smbquic.protocol.settings import ServerSettings
from smbquic.server.access import AccessPolicy
from smbquic.server.server import Server
from smbquic.server.share import ServedShare
from smbquic.storage.local import LocalStorage
from smbquic.transport import tcp

pytestmark = pytest.mark.debian("smbclient")

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "greeting.txt").write_bytes(b"hello\n")
    return folder


@pytest.fixture
async def smbclient(root: Path, tmp_path: Path) -> AsyncIterator[Run]:
    """Runs smbclient's commands in an empty folder; its exit code and what it printed."""
    users = UserStore()
    users.add("alice", "secret")
    storage = LocalStorage(root)
    server = Server(
        [ServedShare("data", storage), ServedShare("ro", storage, read_only=True)],
        AccessPolicy(Authenticator([NtlmMechanism(users, server_name="fs.example", guest=True)])),
        ServerSettings(guid=bytes(range(16)), dialects=ALL_DIALECTS),
        limits=Limits(failed_logon_delay=0.0),
    )
    listener = await tcp.listen("127.0.0.1", 0, server.serve)
    port = listener.url.rpartition(":")[2]
    local = tmp_path / "local"
    local.mkdir()

    async def run(
        commands: str, *options: str, share: str = "data", user: str = "alice%secret"
    ) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            "smbclient",
            f"//127.0.0.1/{share}",
            *("-p", port, "-U", user, "-s", "/dev/null", "-c", commands, *options),
            cwd=local,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    yield run
    await listener.close()
    assert server.failures == 0
    assert server.sessions == {}
    storage.close()


DIALECT_NAMES = ["SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11"]


@pytest.mark.parametrize(
    ("protection", "dialect"),
    [
        *(("sign", dialect) for dialect in DIALECT_NAMES),
        # Encryption came with SMB 3.0.
        *(("encrypt", dialect) for dialect in DIALECT_NAMES if dialect.startswith("SMB3")),
    ],
)
async def test_a_file_comes_back_as_it_went(
    smbclient: Run, root: Path, tmp_path: Path, dialect: str, protection: str
) -> None:
    payload = bytes(range(256)) * 1000
    (tmp_path / "local" / "there").write_bytes(payload)
    code, output = await smbclient(
        "put there; get there back; ls",
        f"--client-protection={protection}",
        "-m",
        dialect,
        "--option=client min protocol=SMB2_02",
    )
    assert code == 0, output
    assert "greeting.txt" in output
    assert (root / "there").read_bytes() == payload
    assert (tmp_path / "local" / "back").read_bytes() == payload


async def test_folders_names_and_deletion(smbclient: Run, root: Path) -> None:
    code, output = await smbclient(
        "mkdir Grüße; cd Grüße; put /etc/hostname a.txt; rename a.txt b.txt; ls; cd ..;"
        " rename Grüße x; del GREETING.TXT"
    )
    assert code == 0, output
    assert "b.txt" in output
    assert (root / "x" / "b.txt").is_file()
    assert not (root / "greeting.txt").exists()
    code, output = await smbclient("del x\\b.txt; rmdir x")
    assert code == 0, output
    assert not (root / "x").exists()


async def test_many_files_in_a_tree(smbclient: Run, root: Path, tmp_path: Path) -> None:
    for number in range(200):
        folder = tmp_path / "local" / f"d{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_bytes(b"%d" % number)
    code, output = await smbclient("recurse; prompt; mput d*")
    assert code == 0, output
    for number in range(200):
        assert (root / f"d{number % 7}" / f"f{number}").read_bytes() == b"%d" % number


async def test_a_read_only_share_gives_and_does_not_take(smbclient: Run, root: Path) -> None:
    code, output = await smbclient("get greeting.txt -", share="ro")
    assert code == 0, output
    assert "hello" in output
    for command in (
        "put /etc/hostname new",
        "del greeting.txt",
        "mkdir new",
        "rename greeting.txt x",
    ):
        _, output = await smbclient(command, share="ro")
        assert "NT_STATUS_ACCESS_DENIED" in output or "NT_STATUS_MEDIA_WRITE_PROTECTED" in output
    assert not (root / "new").exists()
    assert (root / "greeting.txt").read_bytes() == b"hello\n"


@pytest.mark.parametrize(
    ("share", "user", "status"),
    [
        ("data", "alice%wrong", "NT_STATUS_LOGON_FAILURE"),
        ("nowhere", "alice%secret", "NT_STATUS_BAD_NETWORK_NAME"),
    ],
)
async def test_who_is_turned_away(smbclient: Run, share: str, user: str, status: str) -> None:
    code, output = await smbclient("ls", share=share, user=user)
    assert code == 1
    assert status in output


async def test_a_guest_may_look_and_not_touch(smbclient: Run, root: Path) -> None:
    guest = ("--client-protection=off",)
    code, output = await smbclient("get greeting.txt -", *guest, user="unknown%whatever")
    assert code == 0, output
    assert "hello" in output
    _, output = await smbclient("put /etc/hostname new", *guest, user="unknown%whatever")
    assert "NT_STATUS_ACCESS_DENIED" in output
    assert not (root / "new").exists()
