"""Debian's smbclient against our server: over TCP, and over QUIC through our relay."""

import random
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from smbquic.pki import PkiDirectory
from tests.interop.processes import READ_ONLY_SHARE, ServerProcess, Smbclient, running_server

pytestmark = pytest.mark.debian("smbclient")

DIALECTS = ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
ENCRYPTING = DIALECTS[2:]
SIZES = (0, 1, 65_535, 65_537, 1_500_000)


@pytest.fixture(params=["tcp", "quic"])
def smbclient(request: pytest.FixtureRequest, server: ServerProcess, local: Path) -> Smbclient:
    """smbclient, connected by either transport."""
    if request.param == "tcp":
        return Smbclient(server.ports["tcp"], local)
    return Smbclient(request.getfixturevalue("relay_port"), local)


def content(size: int) -> bytes:
    """Reproducible bytes, different for each size."""
    return random.Random(size).randbytes(size)


def copy_there_and_back(smbclient: Smbclient, share: Path, *options: str) -> None:
    """Files of all sizes go to the server and come back, byte for byte."""
    for size in SIZES:
        (smbclient.folder / f"f{size}").write_bytes(content(size))
    commands = [f"put f{size} there{size}; get there{size} back{size}" for size in SIZES]
    code, output = smbclient("; ".join([*commands, "ls"]), *options)
    assert code == 0, output
    for size in SIZES:
        assert (share / f"there{size}").read_bytes() == content(size)
        assert (smbclient.folder / f"back{size}").read_bytes() == content(size)
        [listed] = [line.split() for line in output.splitlines() if f" there{size} " in line]
        assert str(size) in listed


@pytest.mark.parametrize("dialect", DIALECTS)
def test_files_are_the_same_in_every_dialect_signed(
    old_server: ServerProcess, local: Path, dialect: str
) -> None:
    smbclient = Smbclient(old_server.ports["tcp"], local)
    copy_there_and_back(smbclient, old_server.share, "--client-protection=sign", "-m", dialect)


@pytest.mark.parametrize("dialect", ENCRYPTING)
def test_files_are_the_same_in_every_dialect_encrypted(
    server: ServerProcess, local: Path, dialect: str
) -> None:
    smbclient = Smbclient(server.ports["tcp"], local)
    copy_there_and_back(smbclient, server.share, "--client-protection=encrypt", "-m", dialect)


@pytest.mark.parametrize("protection", ["sign", "encrypt"])
def test_files_are_the_same_over_quic(
    server: ServerProcess, relay_port: int, local: Path, protection: str
) -> None:
    smbclient = Smbclient(relay_port, local)
    copy_there_and_back(smbclient, server.share, f"--client-protection={protection}")


@pytest.mark.parametrize("cipher", ["128-GCM", "128-CCM", "256-GCM", "256-CCM"])
def test_files_are_the_same_with_every_cipher(
    server: ServerProcess, local: Path, cipher: str
) -> None:
    smbclient = Smbclient(server.ports["tcp"], local)
    copy_there_and_back(
        smbclient,
        server.share,
        "--client-protection=encrypt",
        f"--option=client smb3 encryption algorithms=AES-{cipher}",
    )


@pytest.mark.parametrize("algorithm", ["AES-128-GMAC", "AES-128-CMAC", "HMAC-SHA256"])
def test_files_are_the_same_with_every_signing_algorithm(
    server: ServerProcess, local: Path, algorithm: str
) -> None:
    smbclient = Smbclient(server.ports["tcp"], local)
    copy_there_and_back(
        smbclient,
        server.share,
        "--client-protection=sign",
        f"--option=client smb3 signing algorithms={algorithm}",
    )


def test_nothing_but_smb_3_1_1_over_quic(relay_port: int, local: Path) -> None:
    code, output = Smbclient(relay_port, local)("ls", "-m", "SMB3_02")
    assert code == 1
    assert "NT_STATUS_NOT_SUPPORTED" in output


def test_folders_are_made_renamed_and_removed(smbclient: Smbclient, server: ServerProcess) -> None:
    (smbclient.folder / "a").write_bytes(b"x")
    code, output = smbclient("mkdir outer; cd outer; mkdir inner; put a; ls; rename a inner/b; ls")
    assert code == 0, output
    assert "inner" in output
    assert (server.share / "outer" / "inner" / "b").read_bytes() == b"x"
    assert not (server.share / "outer" / "a").exists()
    code, output = smbclient("rmdir outer")
    assert "NT_STATUS_DIRECTORY_NOT_EMPTY" in output
    code, output = smbclient("rename outer other; del other/inner/b; rmdir other/inner; ls other/*")
    assert code == 0, output
    assert list((server.share / "other").iterdir()) == []
    code, output = smbclient("rmdir other")
    assert code == 0, output
    assert list(server.share.iterdir()) == []


def test_what_is_not_there_is_missed(smbclient: Smbclient) -> None:
    code, output = smbclient("get nothing")
    assert code == 1
    assert "NT_STATUS_OBJECT_NAME_NOT_FOUND" in output
    code, output = smbclient("get no/thing")
    assert code == 1
    assert "NT_STATUS_OBJECT_PATH_NOT_FOUND" in output


def test_an_existing_name_is_not_replaced(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a").write_bytes(b"a")
    (server.share / "b").write_bytes(b"b")
    _, output = smbclient("rename a b")
    assert "NT_STATUS_OBJECT_NAME_COLLISION" in output
    _, output = smbclient("mkdir b")
    assert "NT_STATUS_OBJECT_NAME_COLLISION" in output
    assert (server.share / "b").read_bytes() == b"b"
    _, output = smbclient("rename a b -f")
    assert (server.share / "b").read_bytes() == b"a"
    assert not (server.share / "a").exists()


def test_two_hundred_files_in_a_tree(smbclient: Smbclient, server: ServerProcess) -> None:
    tree = {f"d{number % 7}/e{number % 3}/f{number}": content(number * 9) for number in range(200)}
    for name, data in tree.items():
        path = smbclient.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code, output = smbclient("recurse; prompt; mput d*")
    assert code == 0, output
    assert files_in(server.share) == tree
    back = Smbclient(smbclient.port, smbclient.folder / "back")
    back.folder.mkdir()
    code, output = back("recurse; prompt; mget *")
    assert code == 0, output
    assert files_in(back.folder) == tree


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of every file, by its path from `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_of_thousands_is_listed_whole(smbclient: Smbclient, server: ServerProcess) -> None:
    for number in range(3000):
        (server.share / f"a-rather-long-name-to-fill-the-answers-{number:04}").touch()
    code, output = smbclient("ls")
    assert code == 0, output[-1000:]
    listed = {line.split()[0] for line in output.splitlines() if "a-rather-long" in line}
    assert listed == {path.name for path in server.share.iterdir()}
    code, output = smbclient("ls *-123?")
    assert sum("a-rather-long" in line for line in output.splitlines()) == 10


@pytest.mark.parametrize("name", ["Grüße", "日本語 ファイル", "ελλ", "I😀I", "with  blanks", "ß"])
def test_names_are_unicode(smbclient: Smbclient, server: ServerProcess, name: str) -> None:
    (smbclient.folder / "a").write_bytes(b"content")
    code, output = smbclient(
        f'mkdir "{name}"; put a "{name}/{name}.txt"; cd "{name}"; ls; get "{name}.txt" back'
    )
    assert code == 0, output
    assert f"{name}.txt" in output
    assert (server.share / name / f"{name}.txt").read_bytes() == b"content"
    assert (smbclient.folder / "back").read_bytes() == b"content"


def test_case_does_not_matter(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "Über").mkdir()
    (server.share / "Über" / "File.TXT").write_bytes(b"content")
    code, output = smbclient("get üBER/fILE.txt back; del ÜBER/FILE.TXT")
    assert code == 0, output
    assert (smbclient.folder / "back").read_bytes() == b"content"
    assert list((server.share / "Über").iterdir()) == []


def test_a_copy_is_resumed(smbclient: Smbclient, server: ServerProcess) -> None:
    whole = content(300_000)
    (server.share / "whole").write_bytes(whole)
    (smbclient.folder / "part").write_bytes(whole[:200_000])
    code, output = smbclient("reget whole part")
    assert code == 0, output
    assert (smbclient.folder / "part").read_bytes() == whole


def test_attributes_are_kept(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a.txt").write_bytes(bytes(12_345))
    code, output = smbclient("setmode a.txt +rh; ls; volume; du")
    assert code == 0, output
    assert re.search(r"a\.txt +A?HA?R +12345 ", output)
    assert "Total number of bytes: 12345" in output
    code, output = smbclient("del a.txt")
    assert "NT_STATUS_CANNOT_DELETE" in output
    code, output = smbclient("setmode a.txt -rh; del a.txt; ls a.txt")
    assert "NT_STATUS_NO_SUCH_FILE" in output


def test_times_are_set(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share / "a").touch()
    code, output = smbclient("utimes a -1 2001:02:03-04:05:06 2002:02:03-04:05:06 -1; ls a")
    assert code == 0, output
    assert " 2002" in output
    modified = datetime.fromtimestamp((server.share / "a").stat().st_mtime)
    assert modified == datetime(2002, 2, 3, 4, 5, 6)


def test_a_read_only_share_gives_and_does_not_take(
    smbclient: Smbclient, server: ServerProcess
) -> None:
    (server.share / "a").write_bytes(b"a")
    code, output = smbclient("get a -", share=READ_ONLY_SHARE)
    assert code == 0, output
    for command in ("put a b", "del a", "mkdir c", "rename a d", "setmode a +r"):
        (smbclient.folder / "a").write_bytes(b"new")
        _, output = smbclient(command, share=READ_ONLY_SHARE)
        assert "NT_STATUS_ACCESS_DENIED" in output or "NT_STATUS_MEDIA_WRITE_PROTECTED" in output
    assert files_in(server.share) == {"a": b"a"}


def test_no_way_out_of_the_share(smbclient: Smbclient, server: ServerProcess) -> None:
    (server.share.parent / "secret").write_bytes(b"secret")
    (server.share / "link").symlink_to(server.share.parent)
    (server.share / "passwd").symlink_to("/etc/passwd")
    for name in ("../secret", "link/secret", "passwd", "/../secret", "a/../../secret"):
        (smbclient.folder / "got").unlink(missing_ok=True)
        code, output = smbclient(f"get {name} got")
        assert code == 1, output
        assert not (smbclient.folder / "got").exists()


def test_a_wrong_password_is_refused(smbclient: Smbclient) -> None:
    code, output = smbclient("ls", password="wrong")
    assert code == 1
    assert "NT_STATUS_LOGON_FAILURE" in output


def test_an_unknown_share_is_refused(smbclient: Smbclient) -> None:
    code, output = smbclient("ls", share="nowhere")
    assert code == 1
    assert "NT_STATUS_BAD_NETWORK_NAME" in output


def test_an_unknown_user_is_refused(smbclient: Smbclient) -> None:
    code, output = smbclient("ls", "--client-protection=off", user="unknown", password="x")
    assert code == 1
    assert "NT_STATUS_LOGON_FAILURE" in output


def test_a_guest_reads_and_does_not_write(guest_server: ServerProcess, local: Path) -> None:
    smbclient = Smbclient(guest_server.ports["tcp"], local)
    (guest_server.share / "a").write_bytes(b"hello\n")
    guest = {"user": "unknown", "password": "whatever"}
    code, output = smbclient("get a -", "--client-protection=off", **guest)
    assert code == 0, output
    assert "hello" in output
    (local / "b").write_bytes(b"b")
    code, output = smbclient("put b", "--client-protection=off", **guest)
    assert "NT_STATUS_ACCESS_DENIED" in output
    assert files_in(guest_server.share) == {"a": b"hello\n"}


def test_a_guest_cannot_sign(guest_server: ServerProcess, local: Path) -> None:
    smbclient = Smbclient(guest_server.ports["tcp"], local)
    code, output = smbclient("ls", "--client-protection=sign", user="unknown", password="x")
    assert code == 1
    assert "NT_STATUS_ACCESS_DENIED" in output


@pytest.fixture(scope="module")
def sealed(pki: PkiDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of dialects from 3.0 on, with a share `sealed` that demands encryption."""
    folder = tmp_path_factory.mktemp("sealed")
    configuration = folder / "smbquic.toml"
    configuration.write_text(
        'minimum_dialect = "3.0"\n[shares.sealed]\npath = "share"\nencrypt = true\n'
    )
    with running_server(folder, pki, "-c", str(configuration)) as server:
        yield server


@pytest.mark.parametrize("dialect", ENCRYPTING)
def test_a_share_that_demands_encryption(sealed: ServerProcess, local: Path, dialect: str) -> None:
    smbclient = Smbclient(sealed.ports["tcp"], local)
    (sealed.share / "a").write_bytes(b"hello\n")
    code, output = smbclient("get a -", "-m", dialect, share="sealed")
    assert code == 0, output
    assert "hello" in output


def test_it_refuses_who_does_not_encrypt(sealed: ServerProcess, local: Path) -> None:
    smbclient = Smbclient(sealed.ports["tcp"], local)
    # It encrypts for a share that asks for that, whatever its options, if it has a cipher.
    off = ("--client-protection=off", "--option=client smb3 encryption algorithms=none")
    code, output = smbclient("ls", *off, share="sealed")
    assert code == 1
    assert "tree connect failed: NT_STATUS_ACCESS_DENIED" in output
    code, output = smbclient("ls", *off)
    assert code == 0, output


@pytest.mark.parametrize("dialect", ["SMB2_02", "SMB2_10"])
def test_dialects_that_are_too_old_are_refused(
    sealed: ServerProcess, local: Path, dialect: str
) -> None:
    code, output = Smbclient(sealed.ports["tcp"], local)("ls", "-m", dialect)
    assert code == 1
    assert "NT_STATUS_NOT_SUPPORTED" in output
