"""The verbs of Debian's smbclient beyond copying, against our server: over TCP and QUIC."""

import os
import re
import select
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.interop.processes import PASSWORD, SHARE, STARTING, USER, ServerProcess, Smbclient, stop
from tests.interop.test_smbclient import content, files_in, smbclient

__all__ = ["smbclient"]  # the fixture

pytestmark = pytest.mark.debian("smbclient")


def make_tree(folder: Path) -> dict[str, bytes]:
    """Thirty files in folders of folders, and their contents by name."""
    tree = {f"tree/d{n % 3}/e{n % 2}/f {n} é": content(n * 2_500) for n in range(30)}
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return tree


def test_a_tree_as_a_tar_archive(smbclient: Smbclient, server: ServerProcess) -> None:
    tree = make_tree(server.share)
    code, output = smbclient("tar c tree.tar tree")
    assert code == 0, output
    with tarfile.open(smbclient.folder / "tree.tar") as archive:
        files = [member for member in archive if member.isfile()]
        assert {m.name.removeprefix("./"): archive.extractfile(m).read() for m in files} == tree  # type: ignore[union-attr]
    code, output = smbclient("deltree tree; ls")
    assert code == 0, output
    assert list(server.share.iterdir()) == []
    code, output = smbclient("tar x tree.tar")
    assert code == 0, output
    assert files_in(server.share) == tree


def test_what_is_known_of_a_file(smbclient: Smbclient, server: ServerProcess) -> None:
    (smbclient.folder / "a").write_bytes(b"content")
    (smbclient.folder / "s").write_bytes(b"stream")
    code, output = smbclient("put a; put s a:named; setmode a +rhs; allinfo a; altname a")
    assert code == 0, output
    assert "attributes: RHSA (27)" in output
    assert "stream: [::$DATA], 7 bytes" in output
    assert "stream: [:named:$DATA], 6 bytes" in output
    assert "shadow copy" not in output  # there are none, and asking for them is no mistake
    code, output = smbclient("get a:named back; setmode a -rhs; showacls; ls a")
    assert code == 0, output
    assert (smbclient.folder / "back").read_bytes() == b"stream"
    assert "ACCESS ALLOWED" in output
    assert re.search(r"Owner SID:\s+S-1-5-21-", output)


def test_copies_and_links_within_the_server(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a").write_bytes(content(2_500_000))
    code, output = smbclient("scopy a b; hardlink a c")
    assert code == 0, output
    assert (server.share / "b").read_bytes() == content(2_500_000)
    assert (server.share / "c").samefile(server.share / "a")
    assert not (server.share / "b").samefile(server.share / "a")


def test_extended_attributes(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a").touch()
    code, output = smbclient("setea a COLOUR blue; geteas a")
    assert code == 0, output
    assert "COLOUR" in output
    assert "blue" in output
    assert os.getxattr(server.share / "a", "user.COLOUR").rstrip(b"\0") == b"blue"


def test_small_pieces(smbclient: Smbclient, server: ServerProcess) -> None:
    (smbclient.folder / "a").write_bytes(content(300_000))
    code, output = smbclient("iosize 16384; put a; get a back")
    assert code == 0, output
    assert (server.share / "a").read_bytes() == content(300_000)
    assert (smbclient.folder / "back").read_bytes() == content(300_000)


def test_many_are_deleted_by_a_pattern(smbclient: Smbclient, server: ServerProcess) -> None:
    for name in ("a.txt", "b.txt", "c.dat"):
        (server.share / name).touch()
    code, output = smbclient("del *.txt")
    assert code == 0, output
    assert files_in(server.share) == {"c.dat": b""}


@pytest.mark.parametrize(
    "name",
    ["x" * 255, "trailing dot.", "trailing blank ", "..three", "語" * 85, "%41", "~1"],
)
def test_unusual_names(server: ServerProcess, local: Path, name: str) -> None:
    smbclient = Smbclient(server.ports["tcp"], local)
    (local / "a").write_bytes(b"content")
    code, output = smbclient(f'put a "{name}"; get "{name}" back; ls')
    assert code == 0, output
    assert (server.share / name).read_bytes() == b"content"
    assert (local / "back").read_bytes() == b"content"
    assert name in output


@pytest.mark.parametrize("name", ["x" * 256, "語" * 86])
def test_a_name_that_is_too_long(server: ServerProcess, local: Path, name: str) -> None:
    (local / "a").touch()
    code, output = Smbclient(server.ports["tcp"], local)(f"put a {name}")
    assert code == 1
    assert "NT_STATUS_OBJECT_NAME_INVALID" in output
    assert list(server.share.iterdir()) == []


def test_links_of_the_server_are_not_there(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a").write_bytes(b"content")
    (server.share / "link").symlink_to("a")
    _, output = smbclient("ls; readlink link; symlink a another; posix")
    assert "link  " not in output
    assert "NT_STATUS_OBJECT_NAME_NOT_FOUND readlink" in output
    assert "NT_STATUS_INVALID_DEVICE_REQUEST symlinking" in output
    assert "doesn't support UNIX CIFS" in output
    assert sorted(path.name for path in server.share.iterdir()) == ["a", "link"]


def test_changes_are_told(server: ServerProcess, local: Path) -> None:
    (server.share / "folder").mkdir()
    command = ["smbclient", f"//localhost/{SHARE}", "-p", str(server.ports["tcp"])]
    command += ["-s", "/dev/null", "-U", f"{USER}%{PASSWORD}", "-c", "notify folder"]
    with (local / "errors").open("w") as errors:
        process = subprocess.Popen(
            ["stdbuf", "-oL", *command], stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        printed = ""
        for number in range(int(STARTING * 10)):
            (server.share / "folder" / f"f{number}").touch()
            if select.select([process.stdout], [], [], 0.1)[0]:
                printed = process.stdout.readline()
                break
        assert re.fullmatch(r"000[13] f\d+\n", printed), (local / "errors").read_text()
    finally:
        stop(process)
