"""Names and links that lead out of a share, sent to a running server: none reads or writes there.

The names go onto the wire as they are; what a client would not send is what matters here.
"""

import os
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

import smbquic
from smbquic.client import requests
from smbquic.client.tree_connect import TreeConnect
from smbquic.errors import StatusError
from smbquic.ntstatus import NtStatus
from smbquic.wire.create import CreateDisposition

SECRET = b"nobody's business"
PLANTED = b"was not here"

UPWARDS = [
    "..",
    "..\\",
    "..\\outside\\secret",
    "..\\..\\..\\..\\..\\..\\etc\\passwd",
    "sub\\..\\..\\outside\\secret",
    "sub\\..\\..\\outside\\planted",
    ".\\..\\outside\\secret",
    "sub\\.\\..\\..\\outside\\secret",
    "...\\outside\\secret",
    ".. \\outside\\secret",
    ". .\\outside\\secret",
    "..\\share\\..\\outside\\secret",
    "../outside/secret",
    "sub/../../outside/secret",
    "sub\\../../outside/secret",
    "..\\outside",
]
ABSOLUTE = [
    "\\..\\outside\\secret",
    "\\etc\\passwd",
    "/etc/passwd",
    "\\\\localhost\\data\\sub",
    "\\\\localhost\\C$\\etc\\passwd",
    "\\\\?\\C:\\etc\\passwd",
    "\\\\.\\pipe\\srvsvc",
    "\\??\\C:\\etc\\passwd",
    "\\Device\\HarddiskVolume1\\etc\\passwd",
    "C:\\etc\\passwd",
    "C:..\\outside\\secret",
    "file:///etc/passwd",
    "@GMT-2020.01.01-00.00.00\\..\\outside\\secret",
]
DISGUISED = [
    "..\0\\outside\\secret",
    "sub\0\\..\\..\\outside\\secret",
    "secret\0.txt",
    "\uf02e\uf02e\\outside\\secret",
    "\uf029\uf029\\outside\\secret",
    ".\uf029\\outside\\secret",
    "\uff0e\uff0e\\outside\\secret",
    "\uff0e\uff0e\uff3coutside\uff3csecret",
    "\u2024\u2024\\outside\\secret",
    "\u2025\\outside\\secret",
    "..\u2215outside\u2215secret",
    "..\u2044outside\u2044secret",
    "..\u29f5outside\u29f5secret",
    ".\u200b.\\outside\\secret",
    ".\u0338.\\outside\\secret",
    "%2e%2e\\outside\\secret",
    "..%5coutside%5csecret",
    "\ud800..\\outside\\secret",
]
LINKS = [
    "link\\secret",
    "LINK\\secret",
    "link\\planted",
    "link",
    "secret",
    "Secret",
    "dangling",
    "up\\outside\\secret",
    "up\\share\\sub\\file",
    "root\\etc\\passwd",
    "chain\\secret",
    "sub\\link\\secret",
    "sub\\deep",
    "proc\\self\\root\\etc\\passwd",
    "proc\\self\\cwd",
    "fd\\0",
    "fifo",
]
STREAMS = [
    "sub\\file:..\\..\\outside\\secret",
    "sub\\file:../../outside/secret:$DATA",
    "..\\outside\\secret::$DATA",
    "link\\secret:stream",
    "secret:stream:$DATA",
    "link::$INDEX_ALLOCATION",
    "..::$INDEX_ALLOCATION\\outside\\secret",
    ":..:$DATA",
    "sub::$INDEX_ALLOCATION\\..\\..\\outside\\secret",
]
DEVICES = ["CON", "NUL", "AUX", "COM1", "LPT1:", "\\\\.\\PhysicalDrive0", "PIPE\\srvsvc", "null"]
LONG = [
    "..\\" * 5000 + "etc\\passwd",
    "a" * 256 + "\\..\\..\\outside\\secret",
    "sub\\" + "x\\..\\" * 2000 + "..\\..\\outside\\secret",
    "a" * 30000,
]
WAYS = [*UPWARDS, *ABSOLUTE, *DISGUISED, *LINKS, *STREAMS, *DEVICES, *LONG]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path, outside: Path) -> Path:
    """A share full of links that lead out of it."""
    share = tmp_path / "share"
    (share / "sub").mkdir(parents=True)
    (share / "sub" / "file").write_bytes(b"inside")
    (share / "sub" / "link").symlink_to("../../outside")
    (share / "sub" / "deep").symlink_to("../../outside/secret")
    (share / "link").symlink_to(outside)
    (share / "secret").symlink_to(outside / "secret")
    (share / "dangling").symlink_to(outside / "planted")
    (share / "up").symlink_to("..")
    (share / "root").symlink_to("/")
    (share / "proc").symlink_to("/proc")
    (share / "fd").symlink_to("/dev/fd")
    (share / "chain").symlink_to("link")
    os.mkfifo(share / "fifo")
    return share


@pytest.fixture
async def share(root: Path) -> AsyncIterator[smbquic.Share]:
    async with (
        smbquic.serve(
            {"data": root}, {"alice": "secret"}, ["tcp://127.0.0.1:0"], server_name="fs"
        ) as serving,
        smbquic.connect(
            f"smb://alice@127.0.0.1:{serving.listeners[0].rpartition(':')[2]}/data",
            password="secret",
        ) as share,
    ):
        yield share


@pytest.fixture
def tree(share: smbquic.Share) -> TreeConnect:
    return share.tree


def outside_is_as_before(root: Path, outside: Path) -> bool:
    found = sorted(path.name for path in root.parent.iterdir())
    return (
        found == ["outside", "share"]
        and [path.name for path in outside.iterdir()] == ["secret"]
        and (outside / "secret").read_bytes() == SECRET
        and not os.listxattr(outside / "secret")
        and not os.listxattr(outside)
    )


async def contents(tree: TreeConnect, name: str) -> bytes | None:
    """Read the file of a name; None if it cannot be opened or read."""
    answers = await tree.compound(
        [requests.create(name, requests.READ), requests.read(0, 100), requests.close()]
    )
    return bytes(answers[1].body.data) if answers[1].status == NtStatus.SUCCESS else None


@pytest.mark.parametrize("name", WAYS)
async def test_nothing_outside_is_read(
    tree: TreeConnect, name: str, root: Path, outside: Path
) -> None:
    found = await contents(tree, name)

    assert found in (None, b"inside")
    assert await contents(tree, "sub\\file") == b"inside"


@pytest.mark.parametrize("name", WAYS)
async def test_nothing_outside_is_written(
    tree: TreeConnect, name: str, root: Path, outside: Path
) -> None:
    for disposition in CreateDisposition:
        await tree.compound(
            [
                requests.create(name, requests.WRITE | requests.DELETE, disposition=disposition),
                requests.write(0, PLANTED),
                requests.truncate(3),
                requests.delete(),
                requests.close(),
            ]
        )

        assert outside_is_as_before(root, outside)


@pytest.mark.parametrize("name", WAYS)
async def test_nothing_is_moved_out(
    tree: TreeConnect, name: str, root: Path, outside: Path
) -> None:
    for replace in (False, True):
        await tree.compound(
            [
                requests.create("sub\\file", requests.DELETE),
                requests.rename(name, replace=replace),
                requests.close(),
            ]
        )

        assert outside_is_as_before(root, outside)
        assert [path.read_bytes() for path in files_within(root)] == [b"inside"]


def files_within(root: Path) -> list[Path]:
    return [
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if Path(folder, name).is_file() and not Path(folder, name).is_symlink()
    ]


async def test_links_are_not_even_listed(share: smbquic.Share) -> None:
    assert sorted(await share.listdir()) == ["sub"]
    assert await share.listdir("sub") == ["file"]


@pytest.mark.parametrize(
    "name", ["..\\data\\sub\\file", "\\..\\..\\etc\\passwd", "sub\\file", ".."]
)
async def test_the_pipes_share_has_no_files(share: smbquic.Share, name: str) -> None:
    pipes = await share.session.tree("IPC$")

    with pytest.raises(StatusError):
        await pipes.request(requests.create(name, requests.READ))


def test_there_are_more_than_fifty_ways_and_none_twice() -> None:
    assert len(WAYS) > 50
    assert all(one != other for one, other in pairwise(sorted(WAYS)))
